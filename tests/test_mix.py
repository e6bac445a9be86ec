"""Mixtures with built affinities: `awe retrain --affinity mix`, from models to predictions (see test_built)."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from awe_cli.models.store import load_result, load_state
from awe_cli.steps.status import status
from awe_cli.workspace import Workspace
from tests.test_built import awe, build, copy, refused, trained  # noqa: F401
from tests.test_chain import PEOPLE, TRAIN, digests

MIX = ("retrain", "--model", "wsabie", "--affinity", "mix", "--mix")
NEAR = ("build-knn", "--model", "wsabie", "--lambda", "2")


@pytest.fixture(scope="module")
def built(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    """A linear model with several G, never to be changed."""
    workspace = Path(shutil.copytree(trained, tmp_path_factory.mktemp("mix") / "workspace"))
    awe(workspace, *NEAR, "--k", "5")
    awe(workspace, *NEAR, "--k", "20", "--name", "wide")
    build(workspace, "cluster")
    build(workspace, "hybrid-latent-rbf")
    return workspace


@pytest.fixture
def mine(built: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    return Path(shutil.copytree(built, tmp_path / "mine"))


def result_of(workspace: Path, name: str = "awe") -> dict:
    """What is said of a model."""
    return load_result(Workspace(workspace).find("model", name))


@pytest.mark.parametrize(
    "told",
    [
        ("knn,constant", "--epochs", "0"),
        ("knn,knn=wide,cluster,hybrid-latent-rbf,constant", "--epochs", "0", "--floor", "0.1"),
        ("knn:0.5,knn=wide:0.3,constant:0.2", "--epochs", "1", "--learn-mix"),
        ("hybrid-latent-rbf,pair-weights,low-rank", "--epochs", "0", "--pairs", "cooccurrence"),
    ],
    ids=lambda told: told[0],
)
def test_from_tables_to_predictions(
    mine: Path, told: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    awe(mine, *MIX, *told)
    assert "weights: " in capsys.readouterr().err
    awe(mine, "evaluate", "--model", "awe", "--metric", "precision@1", "--json")
    document = json.loads(capsys.readouterr().out)
    assert document["models"]["awe"]["metrics"]["precision@1"] > 0.95
    awe(mine, "predict", "--model", "awe", "--top-k", "3", "--output", str(tmp_path / "top.csv"))
    assert len(list(csv.DictReader((tmp_path / "top.csv").open()))) == 3 * PEOPLE
    before = digests(mine)
    awe(mine, *MIX, *told)
    assert "up to date" in capsys.readouterr().err
    awe(mine, "gc")
    assert digests(mine) == before
    awe(mine, "evaluate", "--model", "awe", "--metric", "precision@1", "--json")
    assert json.loads(capsys.readouterr().out)["models"] == document["models"], "gc keeps all that it needs"


def test_a_mix_of_one_weight_ranks_as_that_member_does(mine: Path) -> None:
    """Of the other next to nothing is left: it orders what ties, as S does alone."""
    awe(mine, "retrain", "--model", "wsabie", "--affinity", "knn", "--epochs", "0", "--name", "alone")
    awe(mine, *MIX, "knn:1,constant:1e-12", "--epochs", "0", "--name", "mixed")
    alone, mixed = result_of(mine, "alone"), result_of(mine, "mixed")
    assert mixed["validation"] == pytest.approx(alone["validation"])


def test_weights_chosen_on_validation_are_no_worse_than_any_member(mine: Path) -> None:
    told = ("--epochs", "0", "--power", "1", "--metric", "mrr")
    awe(mine, *MIX, "knn,cluster,constant", "--mix-weights", "validation", *told)
    found = result_of(mine)
    assert sum(found["weights"]["train"]) == pytest.approx(1)
    assert found["weights"]["train"] == pytest.approx([m["weight"] for m in found["affinity"]["members"]])
    for affinity in ("knn", "cluster"):
        awe(mine, "retrain", "--model", "wsabie", "--affinity", affinity, *told, "--name", "alone")
        best = max(result_of(mine, "alone")["validation"].values())
        assert max(found["validation"].values()) >= best - 1e-9


def test_weights_are_learned_beside_u_and_v(mine: Path) -> None:
    """For any number of threads the same bytes."""
    learn = (
        "knn,knn=wide,constant",
        "--learn-mix",
        "--epochs",
        "2",
        "--margin",
        "2",
        "--learning-rate",
        "0.05",
    )
    awe(mine, *NEAR[:3], "--k", "3", "--lambda", "0")
    again = Path(shutil.copytree(mine, mine.parent / "again"))
    awe(mine, *MIX, *learn, "--threads", "1")
    awe(again, *MIX, *learn, "--threads", "3")
    assert digests(mine) == digests(again)
    if result_of(mine)["kept"] == "retrained":
        assert result_of(mine)["weights"]["train"] != pytest.approx([1 / 3] * 3)
    state = load_state(Workspace(mine).find("model", "awe"), ("train",))
    np.testing.assert_allclose(state.learned.shared[0], result_of(mine)["weights"]["train"])


def test_iterations_are_the_separate_commands(copy: Path, tmp_path: Path) -> None:  # noqa: F811
    """With two G of one affinity, and weights that are chosen anew each time."""
    awe(copy, *TRAIN[:-1], "1", "--learning-rate", "0.0001", "--margin", "0.5")  # learning again must help
    apart = Path(shutil.copytree(copy, tmp_path / "apart"))
    again = ("--epochs", "2", "--learning-rate", "0.005", "--margin", "0.5", "--mix-weights", "validation")
    retrain = ("retrain", "--affinity", "mix", *again)
    for workspace in (copy, apart):
        awe(workspace, *NEAR, "--k", "5")
        awe(workspace, *NEAR, "--k", "20", "--name", "wide")
    told = ("--model", "wsabie", "--mix", "knn,knn=wide,constant")
    awe(copy, *retrain, *told, "--iterations", "2", "--name", "awe", "--threads", "1")
    awe(apart, *retrain, *told, "--name", "awe-1")
    awe(apart, "build-knn", "--model", "awe-1", "--lambda", "2", "--k", "5")
    awe(apart, "build-knn", "--model", "awe-1", "--lambda", "2", "--k", "20", "--name", "awe-1-wide")
    awe(apart, *retrain, "--model", "awe-1", "--mix", "knn,knn=awe-1-wide,constant", "--name", "awe-2")
    one, other = digests(copy), digests(apart)
    assert one.pop("models/awe.json") in (one["models/awe-1.json"], one["models/awe-2.json"])
    assert one == other
    assert one["models/awe-1.json"] != one["models/awe-2.json"]


def test_stale_once_one_table_is_built_again(mine: Path) -> None:
    awe(mine, *MIX, "knn,knn=wide,constant", "--epochs", "0")
    awe(mine, *NEAR, "--k", "10", "--name", "wide")
    found = {entry.name: entry for entry in status(Workspace(mine)) if entry.kind == "model"}
    assert found["awe"].state == "stale"
    assert found["awe"].reason == "made from an earlier neighbors 2"


def test_a_stale_member_is_refused(mine: Path, refused: Callable[..., str]) -> None:  # noqa: F811
    awe(mine, *TRAIN, "--seed", "1")
    before = digests(mine)
    told = refused(66, mine, *MIX, "knn=wide,constant")
    assert "'wide' is stale" in told
    assert "build-knn --model wsabie --name wide" in told
    assert digests(mine) == before


@pytest.mark.parametrize(
    ("code", "arguments", "says"),
    [
        (66, ("knn,rbf",), "build-affinity --model wsabie --affinity rbf"),
        (66, ("knn=narrow,constant",), "there is no neighbour table named 'narrow'; there: wide, wsabie"),
        (66, ("rbf=wsabie-cluster,knn",), "expected 'wsabie-cluster' to be a built rbf, found cluster"),
        (78, ("knn,clutser",), "did you mean 'cluster'?"),
        (78, ("knn",), "two or more affinities"),
        (78, ("knn,knn",), "each once, found knn,knn"),
        (78, ("knn,constant=wide",), "after an affinity that is built, found 'constant=wide'"),
        (78, ("knn=,constant",), "expected the name of a G"),
        (78, ("knn=../x,constant",), "cannot be a name"),
        (78, ("knn:0.5,constant",), "a weight for each affinity or for none"),
        (78, ("knn:0,constant:1",), "expected a weight above 0, found '0'"),
        (78, ("gaussian,constant",), "expected one that is built"),
        (78, ("knn,constant", "--sigma", "1"), "--sigma: the affinity mix has none"),
        (78, ("knn,linear-sigmoid", "--beta", "2"), "expected beta ≤ alpha"),
        (78, ("knn,constant", "--mix-weights", "best"), "--mix-weights: expected one of given, validation"),
        (78, ("knn:1,constant:2", "--mix-weights", "validation"), "members without weights"),
        (78, ("knn,constant", "--built", "wide"), "--mix knn=wide,constant"),
        (78, ("knn,constant", "--floor", "-1"), "--floor: expected"),
        (66, ("knn,pair-weights", "--pairs", "nowhere.csv"), "nowhere.csv"),
    ],
)  # fmt: skip
def test_what_is_refused(
    built: Path,
    refused: Callable[..., str],  # noqa: F811
    code: int,
    arguments: tuple[str, ...],
    says: str,
) -> None:
    before = digests(built)
    assert says in refused(code, built, *MIX, *arguments)
    assert digests(built) == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("retrain", "--model", "wsabie", "--mix", "knn,constant"), "--mix: the affinity knn has none"),
        (("retrain", "--model", "wsabie", "--mix-weights", "validation"), "--mix-weights: the affinity knn"),
        (("train", "--affinity", "mix", "--mix", "knn,constant"), "retrain --affinity mix"),
    ],
)
def test_mix_is_for_mixtures(
    built: Path,
    refused: Callable[..., str],  # noqa: F811
    arguments: tuple[str, ...],
    says: str,
) -> None:
    assert says in refused(78, built, *arguments)


def test_what_a_mix_may_go_on_from(mine: Path, refused: Callable[..., str]) -> None:  # noqa: F811
    """U and V that were learned with what is built, or with more than that."""
    awe(mine, *MIX, "knn,constant", "--epochs", "0", "--name", "flat")
    awe(mine, "build-knn", "--model", "flat", "--k", "5", "--lambda", "1")
    awe(mine, "retrain", "--model", "flat", "--epochs", "0", "--name", "again")
    awe(mine, *MIX, "knn,gaussian", "--epochs", "0", "--name", "curved")
    assert "found mix" in refused(78, mine, "build-affinity", "--model", "curved", "--affinity", "cluster")
