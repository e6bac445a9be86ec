"""`awe tune`: a search that can be stopped, ends the same, and leaves a model that a command makes again."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from awe_cli.app import main
from awe_cli.config.train import TrainSettings
from awe_cli.config.tune import TuneSettings
from awe_cli.errors import MissingInputError, SettingsError
from awe_cli.losses.registry import LOSSES
from awe_cli.models.store import load_result, open_dataset
from awe_cli.steps.tune import Tuned, TuneProgress, search_of, tune
from awe_cli.training.search_space import Choice, Range, rounded, search_space
from awe_cli.workspace import Workspace
from tests.test_recipe import documents, numbers, plays, texts

pytestmark = pytest.mark.slow

QUICK = TrainSettings(epochs=4, dim=8)
GIVEN = {"epochs": 4, "dim": 8}


def prepared(folder: Path, kind: Any = plays) -> Workspace:
    """A workspace with a small dataset."""
    folder.mkdir(exist_ok=True)
    assert main(["-w", str(folder / "ws"), "prepare", *kind(folder), "-q"]) == 0
    return Workspace(folder / "ws")


def searched(ws: Workspace, trials: int, **more: Any) -> Tuned:
    """A search of a few trials."""
    return tune(ws, QUICK, GIVEN, TuneSettings(trials=trials), threads=1, **more)


class Stopped(BaseException):
    """As a signal ends a run."""


def test_a_search_that_is_stopped_in_a_trial_ends_as_one_that_is_not(tmp_path: Path) -> None:
    ws, other = prepared(tmp_path / "a"), prepared(tmp_path / "b")
    whole = searched(ws, 14)
    stops = iter([(2, 1), (7, 2), (12, 1)])
    at = next(stops)

    def stop(progress: TuneProgress) -> None:
        if (progress.number, progress.epoch.report.epoch) == at:
            raise Stopped

    for _ in range(3):
        with pytest.raises(Stopped):
            searched(other, 14, on_progress=stop)
        at = next(stops, (99, 1))
    again = searched(other, 14)
    assert again.ran == 3
    assert again.trials == whole.trials
    assert {trial.state for trial in whole.trials} >= {"complete", "pruned"}
    assert again.model.digest == whole.model.digest
    assert again.importance == whole.importance
    assert sum(whole.importance.values()) == pytest.approx(1)
    assert set(whole.importance) == set(whole.best.values)


def test_several_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They share what was found, a failing one ends them all, and the model is that of its command."""
    from awe_cli.errors import DataError
    from awe_cli.steps import tune as module

    ws, learn, calls = prepared(tmp_path), module.learn_resolved, []
    together, threads = threading.Barrier(2, timeout=60), []

    def counted(*arguments: Any, **more: Any) -> Any:
        calls.append(1)
        threads.append(more["threads"])
        if len(calls) <= 2:
            together.wait()  # both are under way
        if len(calls) == 5:
            raise DataError("a file is gone")
        return learn(*arguments, **more)

    monkeypatch.setattr(module, "learn_resolved", counted)
    asked = TuneSettings(trials=8, jobs=2)
    with pytest.raises(DataError, match="a file is gone"):
        tune(ws, QUICK, GIVEN, asked, threads=4)
    assert set(threads) == {2}
    found = tune(ws, QUICK, GIVEN, asked, threads=2)
    assert [trial.number for trial in found.trials] == list(range(1, 9))
    assert found.ran in (4, 5)  # the other one may have come to its end
    assert found.best.value == max(trial.value for trial in found.trials if trial.state == "complete")
    assert found.trials[0].values == searched(prepared(tmp_path / "alone"), 1).trials[0].values
    assert main(["-w", str(ws.root), *found.arguments, "--dry-run"]) == 0
    assert searched(ws, 8).model.digest == found.model.digest
    with pytest.raises(SettingsError, match="at most one trial a thread"):
        tune(ws, QUICK, GIVEN, TuneSettings(jobs=3), threads=2)


def test_the_picture_of_what_mattered(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    ws, picture = prepared(tmp_path), tmp_path / "mattered.png"
    asked = ["-w", str(ws.root), "tune", "--dim", "8", "--epochs", "2", "--trials", "7", "--threads", "1"]
    assert main([*asked, "--plot", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    found = search_of(ws, ws.find("model", "tuned"))
    assert found is not None
    assert len(found["trials"]) == 7
    drawn = tmp_path / "search.svg"
    assert main(["-w", str(ws.root), "plot", "search", "--model", "tuned", "-o", str(drawn)]) == 0
    assert drawn.read_text().startswith("<?xml")
    page = tmp_path / "report.html"
    assert main(["-w", str(ws.root), "report", "--model", "tuned", "-o", str(page)]) == 0
    assert "the trials of awe tune, and which settings mattered" in page.read_text()
    capfd.readouterr()
    assert main([*asked, "--plot", "mattered.pdf"]) == 2
    assert "ends in .png or .svg" in capfd.readouterr().err
    assert main([*asked, "--plot", str(tmp_path / "none" / "mattered.png"), "--trials", "99"]) == 73
    assert "there is no folder" in capfd.readouterr().err
    plain = ["train", "--dim", "8", "--epochs", "2", "--margin", "0.2", "--name", "tuned", "-q"]
    assert main(["-w", str(ws.root), *plain]) == 0
    assert search_of(ws, ws.find("model", "tuned")) is None, "the name means another model"
    assert main(["-w", str(ws.root), "plot", "search", "--model", "tuned", "-o", str(drawn)]) == 66
    assert main([*asked, "-q"]) == 0
    (ws.root / "tuning/tuned.json").write_text("{")
    assert main(["-w", str(ws.root), "plot", "search", "--model", "tuned", "-o", str(drawn)]) == 74


def test_trials_are_kept_and_more_can_be_asked_for(tmp_path: Path) -> None:
    ws = prepared(tmp_path)
    first = searched(ws, 3)
    assert (first.ran, first.fresh) == (3, True)
    same = searched(ws, 3)
    assert (same.ran, same.fresh) == (0, False)
    more = searched(ws, 5)
    assert more.ran == 2
    assert more.trials[:3] == first.trials
    assert searched(prepared(tmp_path / "other"), 5).trials == more.trials
    other_seed = tune(
        ws, TrainSettings(epochs=4, dim=8, seed=1), {**GIVEN, "seed": 1}, TuneSettings(trials=3), threads=1
    )
    assert other_seed.ran == 3
    assert other_seed.trials != first.trials


def test_the_best_is_no_worse_than_the_defaults_and_the_command_makes_it_again(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ws = prepared(tmp_path)
    found = searched(ws, 6, name="mine")
    assert found.best.value >= found.trials[0].value
    assert found.best.value == max(trial.value for trial in found.trials if trial.state == "complete")
    assert load_result(found.model)["chosen"]["constant"]["validation"] == pytest.approx(found.best.value)
    capfd.readouterr()
    assert main(["-w", str(ws.root), *found.arguments]) == 0
    assert "up to date: models/mine.json" in capfd.readouterr().err
    assert (
        main(["-w", str(tmp_path / "ws"), "train", "--epochs", "4", "--dim", "8", "--name", "plain", "-q"])
        == 0
    )
    assert load_result(ws.find("model", "plain"))["chosen"]["constant"]["validation"] == pytest.approx(
        max(trial.value for trial in found.trials[:2])
    )  # the plans that train tries are the first trials


def test_the_command_line_prints_the_best_trials_and_the_command(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ws = prepared(tmp_path)
    (ws.root / "awe.toml").write_text("[train]\nepochs = 3\n[tune]\ntrials = 4\n")
    asked = ["-w", str(ws.root), "tune", "--dim", "8", "--threads", "1"]
    assert main(asked) == 0
    out, _err = capfd.readouterr()
    assert "4 trials, 4 of them now" in out
    command = next(line for line in out.splitlines() if line.startswith("  awe -w")).strip()
    assert {"--dim 8", "--epochs 3"} <= {
        " ".join(pair) for pair in zip(shlex.split(command), shlex.split(command)[1:], strict=False)
    }
    assert main(shlex.split(command)[1:]) == 0
    assert "up to date: models/tuned.json" in capfd.readouterr().err
    assert main([*asked, "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["command"] == shlex.split(command)
    assert not found["made"]
    assert len(found["trials"]) == 4
    assert found["best"] in found["trials"]
    assert main([*asked, "--timeout", "0.001s", "--trials", "9"]) == 0
    assert "time is up after 4 of 9 trials" in capfd.readouterr().err


def test_features_that_start_from_a_model_and_other_kinds_of_data(tmp_path: Path) -> None:
    ws = prepared(tmp_path)
    from awe_cli.steps.train import train

    train(ws, QUICK, name="wsabie", threads=1)
    settings = TrainSettings(affinity="linear-sigmoid", start="wsabie", epochs=2)
    found = tune(ws, settings, None, TuneSettings(trials=3), threads=1, name="sigmoid")
    assert set(found.best.values) == {"learning_rate", "margin", "max_trials", "norm_cap", "gain", "beta"}
    for kind in (texts, numbers, documents):
        ws = prepared(tmp_path / kind.__name__, kind)
        assert tune(ws, QUICK, GIVEN, TuneSettings(trials=2), threads=1).ran == 2


def test_a_trial_that_diverges_is_the_worst_and_does_not_end_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from awe_cli.errors import DivergedError
    from awe_cli.steps import tune as module

    ws, learn, calls = prepared(tmp_path), module.learn_resolved, []

    def sometimes(*arguments: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise DivergedError("training diverged in epoch 1")
        return learn(*arguments, **more)

    monkeypatch.setattr(module, "learn_resolved", sometimes)
    found = searched(ws, 4)
    assert [trial.state == "diverged" for trial in found.trials] == [False, True, False, False]
    assert found.trials[1].value == 0.0
    assert found.best.state == "complete"


@pytest.mark.parametrize("loss", LOSSES)
def test_the_space_has_what_acts_with_a_loss_and_holds_the_defaults(tmp_path: Path, loss: str) -> None:
    dataset = open_dataset(prepared(tmp_path).find("dataset"))
    space = search_space(dataset, vars(TrainSettings(loss=loss)), {"norm_cap"}, linear_first=False)
    assert "norm_cap" not in space.dimensions
    assert ("margin" in space.dimensions) == (loss != "regression")
    assert ("max_trials" in space.dimensions) == (loss == "warp")
    assert ("negatives" in space.dimensions) == (loss == "regression")
    for values in space.first:
        assert set(values) == set(space.dimensions)
        for name, value in values.items():
            dimension = space.dimensions[name]
            if isinstance(dimension, Range):
                assert dimension.low <= value <= dimension.high
            else:
                assert isinstance(dimension, Choice)
                assert value in dimension.values


def test_values_have_three_digits() -> None:
    assert rounded({"a": 0.123456, "b": 12345, "c": "x", "d": 1234.5}) == {
        "a": 0.123,
        "b": 12345,
        "c": "x",
        "d": 1230.0,
    }


def test_what_cannot_be_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["-w", str(tmp_path / "none"), "tune"]) == 66
    ws = prepared(tmp_path)
    capfd.readouterr()
    common = ["-w", str(ws.root), "tune"]
    assert main([*common, "--trials", "0"]) == 78
    assert main([*common, "--timeout", "later"]) == 78
    assert main([*common, "--affinity", "gausian"]) == 78
    assert "did you mean 'gaussian'" in capfd.readouterr().err
    assert main([*common, "--affinity", "knn"]) == 78
    everything = TrainSettings(
        learning_rate=0.1, margin=0.3, max_trials=10, dim=4, initial_scale=0.3, norm_cap=1.0
    )
    with pytest.raises(SettingsError, match="nothing is left to search"):
        tune(ws, everything)
    assert main(["-w", str(ws.root), "prepare", *plays(tmp_path), "--valid-fraction", "0", "-q"]) == 0
    assert main(common) == 78
    assert "expected a dataset with a validation split" in capfd.readouterr().err
    assert not (ws.root / "tuning.db").exists()


def test_a_damaged_file_of_trials_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    ws = prepared(tmp_path)
    (ws.root / "tuning.db").write_bytes(b"SQLite format 3\0" + os.urandom(4096))
    capfd.readouterr()
    assert main(["-w", str(ws.root), "tune", "--trials", "1"]) == 74
    err = capfd.readouterr().err
    assert "tuning.db: expected the trials of awe tune, found a damaged file" in err
    assert "remove" in err


def test_without_optuna_the_error_names_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ws = prepared(tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingInputError) as missing:
        searched(ws, 1)
    assert missing.value.hint == "install it: `pip install 'awe-cli[tune]'`"


def test_killed_in_the_middle_it_goes_on(tmp_path: Path) -> None:
    """With kill -9, when nothing can be cleaned up."""
    ws = prepared(tmp_path)
    code = (
        "import os, signal, sys\n"
        "from awe_cli.config.train import TrainSettings\n"
        "from awe_cli.config.tune import TuneSettings\n"
        "from awe_cli.steps.tune import tune\n"
        "from awe_cli.workspace import Workspace\n"
        "from pathlib import Path\n"
        "def kill(progress):\n"
        "    if progress.number == 3:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "tune(Workspace(Path(sys.argv[1])), TrainSettings(epochs=4, dim=8), {'epochs': 4, 'dim': 8},\n"
        "     TuneSettings(trials=5), threads=1, on_progress=kill)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(ws.root)], capture_output=True, check=False)
    assert killed.returncode == -9, killed.stderr
    found = searched(ws, 5)
    assert found.ran == 3
    assert found.trials == searched(prepared(tmp_path / "other"), 5).trials
