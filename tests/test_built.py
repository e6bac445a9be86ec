"""Affinities that are built, through the command line, on data whose answer is known (see test_chain)."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from awe_cli.app import main
from awe_cli.builders.registry import BUILDERS
from awe_cli.config.build import BuildAffinitySettings
from awe_cli.models.store import load_result
from awe_cli.report.tables import alone_line, candidates_table, fit_lines, tried_table
from awe_cli.steps.build_affinity import build_affinity
from awe_cli.workspace import Workspace
from tests.test_chain import GROUPS, PEOPLE, TRAIN, digests, plays

QUICK = {"cluster": ("--leaves", "8", "--top", "10")}
KERNEL = ("build-affinity", "--affinity", "kernel")
BY_INPUT = ("build-knn", "--space", "input")
FIXED = ("--lambda", "5", "--lambda-y", "inf")


def awe(workspace: Path, *arguments: str, code: int = 0) -> None:
    """Run a command in this process and expect an exit code."""
    assert main(["--workspace", str(workspace), *arguments]) == code


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset and a linear model, never to be changed."""
    folder = tmp_path_factory.mktemp("built")
    (folder / "plays.csv").write_text(plays())
    workspace = folder / "workspace"
    told = ("--user", "person", "--item", "item", "--holdout", "2")
    awe(workspace, "prepare", str(folder / "plays.csv"), *told)
    awe(workspace, *TRAIN)
    return workspace


@pytest.fixture
def copy(trained: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    return Path(shutil.copytree(trained, tmp_path / "copy"))


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command, expect an exit code and a hint; what was said."""

    def run(code: int, workspace: Path, *arguments: str) -> str:
        capsys.readouterr()
        awe(workspace, *arguments, code=code)
        out, err = capsys.readouterr()
        assert out == ""
        assert "hint: " in err
        return err

    return run


def build(workspace: Path, affinity: str, *more: str) -> None:
    """Build one with everything told, so that nothing is chosen."""
    told = QUICK.get(affinity, FIXED)
    awe(workspace, "build-affinity", "--model", "wsabie", "--affinity", affinity, *told, *more)


@pytest.mark.parametrize("affinity", [name for name in BUILDERS if name != "kernel"])
def test_every_built_affinity_from_model_to_prediction(
    copy: Path, affinity: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build(copy, affinity)
    awe(copy, "retrain", "--model", "wsabie", "--affinity", affinity, "--epochs", "1", "--name", "awe")
    capsys.readouterr()
    awe(copy, "evaluate", "--model", "awe", "--metric", "precision@1", "--json")
    document = json.loads(capsys.readouterr().out)
    assert document["models"]["awe"]["metrics"]["precision@1"] > 0.95
    awe(
        copy,
        "predict",
        "--model",
        "awe",
        "--split",
        "test",
        "--top-k",
        "70",
        "--output",
        str(tmp_path / "top.csv"),
    )
    rows = list(csv.DictReader((tmp_path / "top.csv").open()))
    assert len(rows) == 70 * PEOPLE, "lists are full, though a cluster has fewer labels"
    first = [row for row in rows if row["rank"] == "1"]
    assert all(int(row["person"][1:]) % GROUPS == int(row["label"][1]) for row in first[:20])
    before = digests(copy)
    build(copy, affinity)
    assert "up to date" in capsys.readouterr().err
    assert digests(copy) == before


@pytest.mark.parametrize("affinity", ["cluster", "hybrid-latent-rbf"])
def test_the_same_bytes_for_any_threads_and_blocks(trained: Path, tmp_path: Path, affinity: str) -> None:
    found = []
    settings = BuildAffinitySettings(affinity=affinity)
    for number, (threads, block) in enumerate(((1, 1024), (3, 50), (2, 7))):
        workspace = Workspace(Path(shutil.copytree(trained, tmp_path / str(number))))
        built, fresh = build_affinity(workspace, "wsabie", settings, threads=threads, block=block)
        assert fresh
        found.append(built.digest)
    assert len(set(found)) == 1


@pytest.mark.parametrize("affinity", ["hybrid-latent-rbf", "cluster", "knn"])
def test_iterations_are_the_separate_commands(copy: Path, tmp_path: Path, affinity: str) -> None:
    """Each is kept, under a name of its own, the best has the name of the result; for any number of threads."""
    awe(copy, *TRAIN[:-1], "1", "--learning-rate", "0.0001", "--margin", "0.5")  # learning again must help
    apart = Path(shutil.copytree(copy, tmp_path / "apart"))
    told = ("--affinity", affinity, *({"knn": ("--k", "5", "--lambda", "1")} | QUICK).get(affinity, FIXED))
    again = ("--affinity", affinity, "--epochs", "2", "--learning-rate", "0.005", "--margin", "0.5")
    for workspace in (copy, apart):
        awe(workspace, "build-affinity", "--model", "wsabie", *told)
    awe(copy, "retrain", "--model", "wsabie", *again, "--iterations", "2", "--name", "awe", "--threads", "1")
    awe(apart, "retrain", "--model", "wsabie", *again, "--name", "awe-1")
    awe(apart, "build-affinity", "--model", "awe-1", *told, "--threads", "3")
    awe(apart, "retrain", "--model", "awe-1", *again, "--name", "awe-2", "--threads", "3")
    one, other = digests(copy), digests(apart)
    best = one.pop("models/awe.json")
    assert one == other
    assert one["models/awe-1.json"] != one["models/awe-2.json"], "the second starts where the first ended"
    assert best in (one["models/awe-1.json"], one["models/awe-2.json"])
    ranked = {
        digest: max(json.loads((copy / "store" / digest / "result.json").read_text())["validation"].values())
        for digest in (one["models/awe-1.json"], one["models/awe-2.json"])
    }
    assert ranked[best] == max(ranked.values())


def test_knn_by_its_general_name(copy: Path) -> None:
    told = ("--model", "wsabie", "--k", "10", "--lambda", "2")
    awe(copy, "build-knn", *told)
    before = digests(copy)
    awe(copy, "build-affinity", "--affinity", "knn", *told)
    assert digests(copy) == before
    awe(copy, "build-affinity", "--affinity", "knn-approximate", *told, "--name", "near")
    awe(copy, "retrain", "--model", "wsabie", "--neighbors", "near", "--epochs", "0")
    assert "neighbors/near.json" in digests(copy)


def test_only_what_plays_a_part_is_told_and_kept_when_iterated(copy: Path) -> None:
    """G of a later iteration is built with the same parameters, and none that plays no part."""
    told = ("--model", "wsabie", "--affinity", "kernel")
    awe(copy, "build-affinity", *told, "--kernel-x", "cosine", "--space-x", "raw")
    awe(copy, "retrain", *told, "--iterations", "2", "--epochs", "1", "--learning-rate", "0.001")
    built = Workspace(copy).find("affinity", "wsabie-kernel")
    assert load_result(built)["fits"]["train"].keys() == {"pairs"}
    idle = {"lambda", "measure", "lambda_y", "space_y", "label_neighbors"}
    assert {name for name, value in built.settings["parameters"].items() if value is None} == idle


def test_a_stale_affinity_is_refused(copy: Path, refused: Callable[..., str]) -> None:
    build(copy, "cluster")
    awe(copy, *TRAIN, "--seed", "1")
    told = refused(66, copy, "retrain", "--model", "wsabie", "--affinity", "cluster")
    assert "is stale" in told
    assert "build-affinity --model wsabie --affinity cluster" in told


@pytest.mark.parametrize(
    ("code", "arguments", "says"),
    [
        (66, ("retrain", "--model", "wsabie", "--affinity", "rbf"), "build-affinity --model wsabie --affinity rbf"),
        (66, ("retrain", "--model", "wsabie", "--affinity", "knn"), "build-knn --model wsabie"),
        (78, ("retrain", "--model", "wsabie", "--affinity", "clutser"), "'cluster'"),
        (78, ("train", "--affinity", "cluster"), "build-affinity --affinity cluster"),
        (78, ("train", "--affinity", "knn"), "build-knn` and `awe"),
        (78, ("build-affinity", "--affinity", "clutser"), "'cluster'"),
        (78, ("build-affinity", "--affinity", "constant"), "awe affinities"),
        (78, ("build-affinity", "--affinity", "cluster", "--lambda", "1"), "--lambda: the affinity cluster has none"),
        (78, ("build-affinity", "--affinity", "knn", "--leaves", "2"), "--leaves: the affinity knn has none"),
        (78, (*BY_INPUT, "--folds", "2"), "--folds: it plays no part where neighbours are looked for by the input"),
        (78, (*BY_INPUT, "--approximate", "ivf"), "and bags are always measured, found ivf"),
        (78, (*KERNEL, "--kernel-x", "linear", "--lambda", "3"), "--lambda: it plays no part where K_x is linear"),
        (78, (*KERNEL, "--kernel-y", "equality", "--space-y", "embedded"), "--space-y: it plays no part where"),
        (78, (*KERNEL, "--lambda-y", "2"), "--lambda-y: it plays no part where K_y is equality, found 2"),
        (78, (*KERNEL, "--space-x", "raw", "--measure", "cosine"), "no part where K_x is on x as given"),
        (78, ("build-affinity", "--affinity", "rbf", "--label-neighbors", "9"), "no part where labels are one-hot"),
        (78, ("build-affinity", "--affinity", "rbf", "--lambda", "-1"), "--lambda: expected a number of at least 0"),
        (78, ("build-affinity", "--affinity", "rbf", "--lambda-y", "-1"), "--lambda-y: expected a number"),
        (78, ("build-affinity", "--affinity", "rbf", "--lambda-y", "high"), "or inf, found 'high'"),
        (78, ("build-affinity", "--affinity", "rbf", "--pairs", "0"), "--pairs: expected"),
        (78, ("build-affinity", "--affinity", "knn", "--k", "0"), "--k: expected"),
        (78, ("build-affinity", "--affinity", "cluster", "--top", "0"), "--top: expected"),
        (78, ("build-affinity", "--affinity", "knn-approximate", "--approximate", "exact"), "hnsw, ivf or lsh"),
        (78, ("build-knn", "--approximate", "tree"), "--approximate: expected one of exact, hnsw, ivf, lsh"),
        (66, ("build-affinity", "--model", "wsabei", "--affinity", "rbf"), "'wsabie'"),
    ],
)  # fmt: skip
def test_what_is_refused(
    trained: Path, refused: Callable[..., str], code: int, arguments: tuple[str, ...], says: str
) -> None:
    before = digests(trained)
    assert says in refused(code, trained, *arguments)
    assert digests(trained) == before


def test_another_affinity_under_that_name(copy: Path, refused: Callable[..., str]) -> None:
    build(copy, "cluster", "--name", "mine")
    told = refused(66, copy, "retrain", "--model", "wsabie", "--affinity", "rbf", "--built", "mine")
    assert "expected 'mine' to be a built rbf, found cluster" in told


def test_a_floor_would_have_every_label_scored(copy: Path, refused: Callable[..., str]) -> None:
    build(copy, "cluster")
    told = refused(78, copy, "retrain", "--model", "wsabie", "--affinity", "cluster", "--floor", "0.1")
    assert "--floor" in told


def test_the_model_without_g_is_shown_beside_the_candidates(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build(copy, "cluster")
    capsys.readouterr()
    awe(
        copy,
        "retrain",
        "--model",
        "wsabie",
        "--affinity",
        "cluster",
        "--epochs",
        "0",
        "--name",
        "product",
        "--json",
    )
    out, err = capsys.readouterr()
    result = json.loads(out)
    awe(copy, "evaluate", "--model", "wsabie", "--split", "valid", "--metric", result["metric"], "--json")
    evaluated = json.loads(capsys.readouterr().out)["models"]["wsabie"]["metrics"]
    assert result["alone"] == pytest.approx(evaluated[result["metric"]])
    assert result["kept"] == "product"
    assert "S without G, to compare with" in err
    assert ("G does not help here" in err) == (result["alone"] > max(result["validation"].values()))


def test_a_g_that_does_not_help_is_told() -> None:
    result = {"metric": "ndcg@5", "validation": {"product, power 1": 0.4, "retrained, power 1": 0.5}}
    assert alone_line({**result, "alone": 0.6}) is not None
    assert [alone_line({**result, "alone": alone}) for alone in (0.5, None, float("nan"))] == [None] * 3
    table = candidates_table({**result, "alone": 0.6})
    assert table is not None
    assert table.rows[-1] == ("S without G, to compare with", 0.6)


def test_what_was_chosen_is_said_in_words() -> None:
    """A λ that is left open is a multiple of 1/median d², and None of it the limit; one that was told has no column."""
    tried = [{"multiple": 6.0, "multiple_y": y, "validation": 0.5} for y in (None, 3.0)]
    result = {"tried": tried, "choice": {"multiple": 6.0, "multiple_y": None}, "metric": "map"}
    table = tried_table(result)
    assert table is not None
    assert table.columns == ("λ_x · median d²", "λ_y · median d²", "map on validation")
    assert table.rows == (("6", "∞", 0.5), ("6", "3", 0.5))
    assert table.notes == ("chosen: λ_x = 6/median d², λ_y → ∞",)
    told = [{**entry, "multiple": None} for entry in tried]
    table = tried_table({**result, "tried": told, "choice": {"multiple": None, "multiple_y": 3.0}})
    assert table is not None
    assert (table.columns[0], table.notes) == ("λ_y · median d²", ("chosen: λ_y = 3/median d²",))
    fits = {"train": {"pairs": 9, "lambda": 2.0, "lambda_y": "inf"}}
    assert fit_lines({"fits": fits}) == ["train: pairs 9, λ_x = 2, λ_y → ∞"]
