"""`awe recipe`: what it prints are commands that run, and end in a model that ranks."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from awe_cli.app import main
from awe_cli.config.recipe import RecipeSettings, seconds_of
from awe_cli.errors import SettingsError, UsageError
from awe_cli.steps import recipe as recipe_step
from awe_cli.steps.recipe import as_makefile, recipe
from awe_cli.workspace import Workspace

pytestmark = pytest.mark.slow

WORDS = ["red", "hot", "sun", "fire", "warm", "blue", "cold", "ice", "snow", "frost"]


def plays(folder: Path) -> list[str]:
    """People of two tastes."""
    rows = [f"p{p},{'ab'[p % 2]}{n}" for p in range(40) for n in range(8) if (p + n) % 4]
    (folder / "plays.csv").write_text("\n".join(["person,thing", *rows]) + "\n")
    return [str(folder / "plays.csv"), "--user", "person", "--item", "thing", "--holdout", "1"]


def texts(folder: Path) -> list[str]:
    """Texts about warm or cold things."""
    draws = np.random.default_rng(0)
    rows = []
    for number in range(80):
        side = number % 2
        words = draws.choice(WORDS[5 * side : 5 * side + 5], 3)
        rows.append(
            json.dumps({"text": " ".join(words), "tags": ["warm" if side == 0 else "cold", str(words[0])]})
        )
    (folder / "texts.jsonl").write_text("\n".join(rows) + "\n")
    return [str(folder / "texts.jsonl"), "--text", "text", "--labels", "tags", "--test-fraction", "0.2"]


def numbers(folder: Path) -> list[str]:
    """Points on two sides of a line."""
    draws = np.random.default_rng(0).normal(size=(80, 3))
    lines = ["a,b,c,side", *(f"{x},{y},{z},{'left' if x < 0 else 'right'}" for x, y, z in draws)]
    (folder / "numbers.csv").write_text("\n".join(lines) + "\n")
    return [str(folder / "numbers.csv"), "--features", "a,b,c", "--labels", "side", "--test-fraction", "0.2"]


def documents(folder: Path) -> list[str]:
    """Queries for documents with the same words."""
    lines = [f"d{n},{WORDS[n]} {WORDS[n - n % 5 + (n + 1) % 5]}" for n in range(10)]
    (folder / "documents.csv").write_text("\n".join(["id,text", *lines]) + "\n")
    queries = [f"q{n},{WORDS[n % 10]} {WORDS[(n % 10) - n % 5]}" for n in range(60)]
    (folder / "queries.csv").write_text("\n".join(["id,text", *queries]) + "\n")
    pairs = [f"q{n},d{n % 10}" for n in range(60)]
    (folder / "pairs.csv").write_text("\n".join(["query,document", *pairs]) + "\n")
    return [
        "--queries", str(folder / "queries.csv"), "--documents", str(folder / "documents.csv"),
        "--relevance", str(folder / "pairs.csv"), "--test-fraction", "0.2",
    ]  # fmt: skip


KINDS: dict[str, Callable[[Path], list[str]]] = {
    "recommendation": plays,
    "text": texts,
    "dense": numbers,
    "retrieval": documents,
}


def prepared(kind: str, folder: Path, *more: str) -> str:
    """A workspace, with a space in its name, that holds a dataset of this kind."""
    workspace = str(folder / "my ws")
    assert main(["-w", workspace, "prepare", *KINDS[kind](folder), *more, "-q"]) == 0
    return workspace


def commands(capfd: pytest.CaptureFixture[str], workspace: str, *options: str) -> list[list[str]]:
    """The commands that the script has, as arguments."""
    capfd.readouterr()
    assert main(["-w", workspace, "recipe", *options]) == 0
    lines = [line for line in capfd.readouterr().out.splitlines() if not line.startswith("#")]
    assert lines[0] == "set -e"
    found = [shlex.split(line) for line in lines[1:]]
    assert all(words[:3] == ["awe", "-w", workspace] for words in found)
    return [words[1:] for words in found]


@pytest.mark.parametrize("kind", KINDS)
def test_the_chain_of_each_kind_runs_and_a_second_time_is_up_to_date(
    kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    workspace = prepared(kind, tmp_path)
    chain = commands(capfd, workspace, "--budget", "1h")
    for arguments in chain:
        assert main([*arguments, "--threads", "1"]) == 0, capfd.readouterr().err
    assert "up to date" not in capfd.readouterr().err
    for arguments in chain:
        assert main([*arguments, "--threads", "1"]) == 0
    assert capfd.readouterr().err.count("up to date: ") == len(chain)
    assert main(["-w", workspace, "evaluate", "--model", "best,wsabie", "-q", "--json"]) == 0
    figures = json.loads(capfd.readouterr().out)["models"]
    assert figures["best"]["metrics"]["ndcg@10"] >= 0.5


def test_members_follow_the_kind_of_the_data(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    expected = {
        "recommendation": {"wsabie", "awe", "ease", "graph-filter", "graph", "svd", "ials"},
        "text": {
            "wsabie",
            "awe",
            "embedding-knn",
            "input-knn",
            "kernel-ridge",
            "embedding-kernel",
            "one-vs-rest",
        },
        "dense": {"wsabie", "awe", "embedding-knn", "input-knn", "kernel-ridge", "embedding-kernel"},
        "retrieval": {"wsabie", "awe", "overlap", "bm25", "feedback", "lsi", "input-knn"},
    }
    for kind, members in expected.items():
        (tmp_path / kind).mkdir()
        workspace = prepared(kind, tmp_path / kind)
        last = commands(capfd, workspace)[-1]
        assert last[2:4] == ["ensemble", "--model"]
        assert set(last[4].split(",")) == members
        assert last[5:] == [*(["--metric", "ndcg@10"] if kind == "retrieval" else []), "--name", "best"]
        longer = commands(capfd, workspace, "--budget", "60m")[-1][4].split(",")
        assert set(longer) > members


def test_a_short_budget_takes_fewer_epochs_and_says_so(tmp_path: Path) -> None:
    ws = Workspace(Path(prepared("recommendation", tmp_path)))
    usual, short = recipe(ws), recipe(ws, RecipeSettings("0.001s"))
    assert "--epochs" not in usual.steps[0].arguments
    assert short.steps[0].arguments[-4:-2] == ("--epochs", "3")
    assert any(note.startswith("3 epochs in place of 16") for note in short.notes)


def test_what_does_not_fit_is_left_out_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ws = Workspace(Path(prepared("recommendation", tmp_path)))
    monkeypatch.setattr(recipe_step, "_ITEMS_OF_EASE", (3, 100))
    for name in ("implicit", "implicit.cpu.als"):  # as where it is not installed
        monkeypatch.setitem(sys.modules, name, None)
    found = recipe(ws)
    names = [step.name for step in found.steps]
    assert "ease" not in names
    assert "ials" not in names
    assert any("ease is left out: 16 items" in note for note in found.notes)
    assert any("pip install 'awe-cli[ials]'" in note for note in found.notes)
    assert "ease" in [step.name for step in recipe(ws, RecipeSettings("1h")).steps]


def test_items_with_attributes_have_no_pairs_to_count(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "things.csv").write_text(
        "\n".join(["thing,kind", *(f"{kind}{n},{kind}" for kind in "ab" for n in range(8))]) + "\n"
    )
    told = ("--label-file", str(tmp_path / "things.csv"), "--label-categories", "kind")
    workspace = prepared("recommendation", tmp_path, *told)
    members = commands(capfd, workspace)[-1][4].split(",")
    assert "graph-filter" in members
    assert "graph" not in members
    assert any("graph is left out: " in note for note in recipe(Workspace(Path(workspace))).notes)


def test_without_validation_the_product_is_the_best(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    workspace = prepared("recommendation", tmp_path, "--valid-fraction", "0")
    chain = commands(capfd, workspace)
    assert [words[2] for words in chain] == ["train", "build-knn", "retrain"]
    assert chain[-1][-2:] == ["--name", "best"]
    for arguments in chain:
        assert main([*arguments, "--threads", "1", "-q"]) == 0
    assert main(["-w", workspace, "predict", "--model", "best", "-q"]) == 0


def test_the_makefile_makes_what_is_missing_in_the_right_order(tmp_path: Path) -> None:
    folder = Path(prepared("text", tmp_path)).rename(tmp_path / "ws")
    made = recipe(Workspace(folder))
    makefile = tmp_path / "recipe.mk"
    makefile.write_text("\n".join(as_makefile(made, str(folder))) + "\n")
    found = subprocess.run(
        ["make", "-n", "-f", str(makefile)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))},
    )
    ran = [shlex.split(line) for line in found.stdout.splitlines()]
    assert sorted(ran) == sorted(["awe", "-w", str(folder), *step.arguments] for step in made.steps)
    assert ran[-1][-1] == "best"
    with pytest.raises(UsageError, match="no space"):
        list(as_makefile(made, "my ws"))


def test_json_lists_the_commands(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    workspace = prepared("dense", tmp_path)
    capfd.readouterr()
    assert main(["-w", workspace, "recipe", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["model"] == "best"
    assert found["workspace"] == workspace
    assert found["steps"][0]["command"][:2] == ["awe", "train"]
    assert found["steps"][0]["needs"] == ["dataset.json"]
    assert found["steps"][-1]["makes"] == "models/best.json"
    made = {"dataset.json"}
    for step in found["steps"]:
        assert set(step["needs"]) <= made
        made.add(step["makes"])


def test_what_cannot_be_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["-w", str(tmp_path / "none"), "recipe"]) == 66
    assert "awe -w" in capfd.readouterr().err
    workspace = prepared("dense", tmp_path)
    assert main(["-w", workspace, "recipe", "--budget", "soon"]) == 78
    assert "expected a time above 0 such as 90s, 10m or 1h, found 'soon'" in capfd.readouterr().err
    assert main(["-w", workspace, "recipe", "--json", "--makefile"]) == 2


def test_durations() -> None:
    assert [seconds_of(text, "") for text in ("90s", "10m", "1h", "1.5 h", ".5m")] == [
        90,
        600,
        3600,
        5400,
        30,
    ]
    for text in ("", "10", "-1m", "0m", "1d", "m"):
        with pytest.raises(SettingsError):
            seconds_of(text, "--budget")


def test_recipe_says_that_words_can_be_cut_to_stems(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for number, (more, said) in enumerate([((), True), (("--stem", "english"), False)]):
        (tmp_path / str(number)).mkdir()
        workspace = prepared("retrieval", tmp_path / str(number), *more)
        capfd.readouterr()
        assert main(["-w", workspace, "recipe"]) == 0
        assert ("prepare --stem english" in capfd.readouterr().out) is said
