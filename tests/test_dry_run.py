"""Dry runs: what would run and why, and not one byte is written."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Any

import pytest

from awe_cli.app import main
from awe_cli.workspace import Planned, Recipe, Workspace
from awe_cli.workspace.plan import differences

Output = pytest.CaptureFixture[str]
PREPARE = ("prepare", "plays.csv", "--user", "person", "--item", "item", "--holdout", "1")
TRAIN = ("train", "--dim", "4", "--epochs", "1", "--margin", "0.3", "--name", "m")
KNN = ("build-knn", "--model", "m", "--k", "3", "--lambda", "1")
SUM = ("build-affinity", "--model", "m", "--affinity", "cluster")
RETRAIN = ("retrain", "--model", "m", "--epochs", "1", "--name", "awe")
BASELINE = ("train-baseline", "popularity")
ENSEMBLE = ("ensemble", "--model", "m,popularity", "--weights", "1,2", "--name", "both")
EVALUATE = ("evaluate", "--model", "m")
PREDICT = ("predict", "--model", "m", "--top-k", "2")
CHAIN = (PREPARE, TRAIN, KNN, SUM, RETRAIN, BASELINE, ENSEMBLE, EVALUATE, PREDICT)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with plays, in which commands are run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AWE_WORKSPACE", raising=False)
    write_plays(tmp_path)
    return tmp_path


def write_plays(folder: Path, people: int = 60) -> None:
    """Each person chooses four items of seventeen."""
    rows = [f"p{p},i{(p * 7 + n) % 17}" for p in range(people) for n in range(4)]
    (folder / "plays.csv").write_text("\n".join(["person,item", *rows]) + "\n")


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file and folder with its time of change and bytes."""
    return {
        str(path): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in [folder, *folder.rglob("*")]
    }


@pytest.fixture
def plan(folder: Path, capsys: Output) -> Any:
    """Run a command dry, expect that nothing was written, and return its plan."""

    def run(*arguments: str) -> dict[str, Any]:
        before = tree(folder)
        capsys.readouterr()
        assert main([*arguments, "--dry-run", "--json"]) == 0
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert tree(folder) == before
        assert found["step"] == arguments[0]
        return found

    return run


def test_each_step_of_a_chain_says_that_its_result_is_not_there_and_then_that_it_is(plan: Any) -> None:
    for step in CHAIN:
        found = plan(*step)
        assert (found["would_run"], found["reasons"]) == (True, ["it is not there"]), step
        assert main([*step, "-q"]) == 0
        found = plan(*step)
        assert (found["would_run"], found["reasons"]) == (False, []), step


def test_targets_are_the_files_of_names(plan: Any) -> None:
    for step in CHAIN:
        assert main([*step, "-q"]) == 0
    assert [plan(*step)["target"] for step in CHAIN] == [
        "dataset.json", "models/m.json", "neighbors/m.json", "affinities/m-cluster.json", "models/awe.json",
        "models/popularity.json", "models/both.json", "metrics/m-test.json", "predictions/m-all.json",
    ]  # fmt: skip


def test_what_changed_is_named(plan: Any, folder: Path) -> None:
    for step in (PREPARE, TRAIN, PREDICT):
        assert main([*step, "-q"]) == 0
    found = plan(*TRAIN[:2], "8", *TRAIN[3:])
    assert found["reasons"] == ["setting plans.0.dim changed: 4, now 8"]
    assert plan(*PREDICT[:-1], "3")["reasons"] == ["setting top_k changed: 2, now 3"]
    write_plays(folder, 61)
    [reason] = plan(*PREPARE)["reasons"]
    assert reason.startswith("input 1 changed: ")
    assert main([*PREPARE, "-q"]) == 0
    [reason] = plan(*TRAIN)["reasons"]
    assert reason.startswith("dataset changed: ")
    assert main([*TRAIN, "-q"]) == 0
    reasons = plan(*PREDICT)["reasons"]
    assert [reason.split(":")[0] for reason in reasons] == ["dataset changed", "model changed"]


def test_prepare_with_update(plan: Any, folder: Path) -> None:
    assert plan(*PREPARE, "--update")["reasons"] == ["it is not there"]
    assert main([*PREPARE, "--update", "-q"]) == 0
    assert plan(*PREPARE, "--update")["would_run"] is False
    write_plays(folder, 61)
    found = plan(*PREPARE, "--update")
    assert found["would_run"]
    assert any(reason.startswith("input 1 changed") for reason in found["reasons"])


def test_what_is_damaged_would_run(plan: Any, folder: Path) -> None:
    for step in (PREPARE, BASELINE):
        assert main([*step, "-q"]) == 0
    [model] = (folder / "workspace/store").glob("*/fit-train.npz")
    model.write_bytes(model.read_bytes()[:-1])
    found = plan(*BASELINE)
    assert found["would_run"]
    assert found["reasons"][0].startswith("what is there cannot be used: ")
    assert "fit-train.npz" in found["reasons"][0]


def test_what_goes_to_a_file_is_written_anew(plan: Any, folder: Path, capsys: Output) -> None:
    for step in (PREPARE, BASELINE):
        assert main([*step, "-q"]) == 0
    asked = ("predict", "--model", "popularity", "--output", "out.csv")
    found = plan(*asked)
    assert (found["target"], found["would_run"]) == ("out.csv", True)
    assert not (folder / "out.csv").exists()
    capsys.readouterr()
    assert main([*asked[:-1], "-", "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("would run: awe predict, standard output\n")


def test_promote_says_what_the_alias_would_mean(plan: Any) -> None:
    for step in (PREPARE, BASELINE, ("train-baseline", "item-knn")):
        assert main([*step, "-q"]) == 0
    asked = ("promote", "popularity", "--as", "champion", "--if", "ndcg@5 >= champion")
    found = plan(*asked)
    assert found["target"] == "models/champion.json"
    assert [reason.split(" (")[0] for reason in found["reasons"]] == [
        "it would mean popularity",
        "if ndcg@5 >= champion holds, which would be measured",
    ]
    assert main([*asked, "-q"]) == 0
    assert plan(*asked)["would_run"] is False
    assert "in place of popularity (" in plan("promote", "item-knn", "--as", "champion")["reasons"][0]


def test_gc_only_lists(folder: Path, capsys: Output) -> None:
    for step in (PREPARE, (*BASELINE,)):
        assert main([*step, "-q"]) == 0
    write_plays(folder, 61)
    assert main([*PREPARE, "-q"]) == 0
    assert main([*BASELINE, "-q"]) == 0
    before = tree(folder)
    capsys.readouterr()
    assert main(["gc", "--dry-run"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert tree(folder) == before
    with open(folder / "workspace/.lock") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert main(["gc", "--dry-run"]) == 75
        assert main([*TRAIN, "--dry-run"]) == 0  # a dry run of a step is a reader


def test_an_error_before_the_work_begins_is_the_same_error(folder: Path, capsys: Output) -> None:
    assert main([*TRAIN, "--dry-run"]) == 66
    assert main([*PREPARE[:-2], "--split", "no", "--dry-run"]) == 66
    assert not (folder / "workspace").exists()
    assert main([*PREPARE, "-q"]) == 0
    assert main([*TRAIN, "--dry-run", "--loss", "wrp"]) == 78
    assert "did you mean 'warp'" in capsys.readouterr().err


def test_people_get_lines_and_quiet_is_quiet(capsys: Output) -> None:
    assert main([*PREPARE, "--dry-run"]) == 0
    assert capsys.readouterr().out == "would run: awe prepare, dataset.json\n  it is not there\n"
    assert main([*PREPARE, "--dry-run", "-q"]) == 0
    assert capsys.readouterr() == ("", "")
    assert main([*PREPARE, "-q"]) == 0
    assert main([*PREPARE, "--dry-run"]) == 0
    assert capsys.readouterr().out == "up to date: awe prepare, dataset.json\n"


def test_a_workspace_that_may_only_be_read(plan: Any, folder: Path) -> None:
    for step in (PREPARE, BASELINE):
        assert main([*step, "-q"]) == 0
    os.chmod(folder / "workspace", 0o555)
    try:
        assert plan(*BASELINE)["would_run"] is False
    finally:
        os.chmod(folder / "workspace", 0o755)


def test_export_says_what_it_would_write(plan: Any, folder: Path, capsys: Output) -> None:
    for step in (PREPARE, TRAIN):
        assert main([*step, "-q"]) == 0
    asked = ("export", "--model", "m", "--output", "vectors")
    found = plan(*asked)
    assert (found["target"], found["would_run"], found["reasons"]) == ("vectors", True, ["it is not there"])
    assert main([*asked, "-q"]) == 0
    assert plan(*asked)["reasons"] == ["an export is written anew"]
    (folder / "vectors/mine").write_text("kept")
    assert main([*asked, "--dry-run"]) == 73
    assert "a folder with other files in it" in capsys.readouterr().err


def test_tune_says_how_many_trials_are_over(plan: Any, folder: Path) -> None:
    pytest.importorskip("optuna")
    asked = ("tune", "--dim", "4", "--epochs", "1", "--trials", "2")
    assert main([*PREPARE, "-q"]) == 0
    found = plan(*asked)
    assert (found["target"], found["would_run"]) == ("models/tuned.json", True)
    assert found["reasons"] == ["0 of 2 trials are over"]
    assert main([*asked, "-q"]) == 0
    assert plan(*asked)["would_run"] is False
    assert plan(*asked[:-1], "3")["reasons"] == ["2 of 3 trials are over"]
    (folder / "workspace/models/tuned.json").unlink()
    assert plan(*asked)["reasons"] == ["it is not there"]


def test_run_tells_the_first_step_that_would_run_and_what_follows(plan: Any) -> None:
    asked = ("run", *PREPARE[1:])
    found = plan(*asked)
    assert (found["target"], found["would_run"]) == ("dataset.json", True)
    assert found["reasons"] == ["it is not there", "then the commands that `awe recipe` prints for it"]
    assert main([*PREPARE, "-q"]) == 0
    found = plan(*asked)
    assert (found["target"], found["would_run"]) == ("models/wsabie.json", True)
    reasons = found["reasons"]
    assert reasons[:2] == ["it is not there", "then awe build-knn --model wsabie"]
    assert reasons[-2:] == ["then awe train-baseline popularity", "then awe evaluate and awe predict"]


def test_differences_of_recipes() -> None:
    before = Recipe(
        "model", 1, {"a": [1, 2], "b": {"c": None, "d": []}, "inputs": ["0" * 64]}, {"dataset": "1" * 64}
    )
    now = Recipe(
        "model", 2, {"a": [1], "b": {"c": 0.5, "d": []}, "inputs": ["0" * 64, "2" * 64]}, {"start": "3" * 64}
    )
    assert differences(before, before) == []
    assert differences(now, before) == [
        "the format changed: version 1, now 2",
        "dataset changed: 111111111111, now not there",
        "start changed: not there, now 333333333333",
        "setting a.1 changed: 2, now not there",
        "setting b.c changed: null, now 0.5",
        "input 2 changed: not there, now 222222222222",
    ]


def test_nothing_can_be_written_in_a_dry_run(folder: Path) -> None:
    ws = Workspace(folder / "here", dry_run=True)
    recipe = Recipe("model", 1, {})
    with pytest.raises(Planned), ws.lock():
        ws.current("model", "m", recipe)
    with pytest.raises(ValueError, match="dry run"), ws.stage("model", recipe):
        pass
    assert not (folder / "here").exists()


def test_iterations_go_on_to_the_first_that_is_not_up_to_date(plan: Any) -> None:
    for step in (PREPARE, TRAIN, KNN):
        assert main([*step, "-q"]) == 0
    # With an epoch and a rate that changes U, so that there is a second iteration to plan.
    asked = (*RETRAIN, "--iterations", "2", "--learning-rate", "0.5", "--power", "1")
    assert plan(*asked)["target"] == "models/awe-1.json"
    assert main([*asked, "-q"]) == 0
    found = plan(*asked)
    assert (found["target"], found["would_run"]) == ("models/awe.json", False)
    Path("workspace/models/awe.json").unlink()
    found = plan(*asked)
    assert (found["target"], found["would_run"]) == ("models/awe.json", True)
    assert found["reasons"][0].startswith("it would mean awe-")
    Path("workspace/models/awe-2.json").unlink()
    assert plan(*asked)["target"] == "models/awe-2.json"
