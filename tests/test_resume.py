"""A command that was stopped goes on where it was, and ends with the bytes of one that was not."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from awe_cli.app import main
from awe_cli.config.build import BuildAffinitySettings, BuildKnnSettings
from awe_cli.config.predict import PredictSettings
from awe_cli.config.prepare import PrepareSettings
from awe_cli.config.train import RetrainSettings, TrainSettings
from awe_cli.steps import predict as predict_module
from awe_cli.steps.build_affinity import build_affinity
from awe_cli.steps.build_knn import build_knn
from awe_cli.steps.gc import gc
from awe_cli.steps.predict import PredictProgress, predict
from awe_cli.steps.prepare import prepare
from awe_cli.steps.retrain import retrain
from awe_cli.steps.train import train
from awe_cli.training.trainer_state import TrainerState
from awe_cli.workspace import Workspace
from awe_cli.workspace.checkpoints import CheckpointFolder, CheckpointSettings

pytestmark = pytest.mark.slow

SETTINGS = TrainSettings(
    affinity="constant", epochs=3, dim=4
)  # two margins are tried, then both splits fitted: 3 runs


class Stop(KeyboardInterrupt):
    """What stops a step in these tests."""


class Log:
    """Checkpoints at every epoch's end, and what was said of them."""

    def __init__(self, fresh: bool = False, every: float = 0.0) -> None:
        self.lines: list[str] = []
        self.warnings: list[str] = []
        self.settings = CheckpointSettings(fresh, every, self.lines.append, self.warnings.append)

    def __contains__(self, text: str) -> bool:
        return any(text in line for line in [*self.lines, *self.warnings])


def prepare_people(ws: Workspace, folder: Path, **settings: Any) -> None:
    """40 people with 6 of 15 things each."""
    draw = random.Random(3)
    rows = [
        {"person": f"p{person}", "thing": f"t{thing}"}
        for person in range(40)
        for thing in draw.sample(range(15), 6)
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "rows.parquet")
    prepare(
        ws,
        [str(folder / "rows.parquet")],
        PrepareSettings(user="person", item="thing", holdout=1, **settings),
    )


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a model and its neighbours; to be copied."""
    folder = tmp_path_factory.mktemp("resume")
    ws = Workspace(folder / "workspace")
    prepare_people(ws, folder)
    train(ws, SETTINGS, name="base")
    build_knn(ws, "base", BuildKnnSettings(k=5, lambda_=1.0))
    return ws.root


@pytest.fixture
def ws(prepared: Path, tmp_path: Path) -> Workspace:
    return Workspace(Path(shutil.copytree(prepared, tmp_path / "workspace")))


def stop_at(count: int) -> Callable[[Any], None]:
    """What a step is watched by, to be stopped at a report."""
    seen = iter(range(1, count + 1))

    def on_progress(report: Any) -> None:
        if next(seen) == count:
            raise Stop

    return on_progress


def interrupted(
    ws: Workspace, epoch: int, settings: TrainSettings = SETTINGS, log: Log | None = None
) -> None:
    with pytest.raises(Stop):
        train(ws, settings, name="m", on_progress=stop_at(epoch), checkpoints=(log or Log()).settings)


def digest(ws: Workspace, name: str = "base") -> str:
    return ws.find("model", name, verify=True).digest


def folders(ws: Workspace) -> list[Path]:
    return sorted((ws.root / "checkpoints").glob("*"))


@pytest.mark.parametrize("epoch", range(1, 10))
def test_stopped_at_any_epoch_training_ends_with_the_same_bytes(ws: Workspace, epoch: int) -> None:
    interrupted(ws, epoch)
    assert len(folders(ws)) == 1
    log, learned = Log(), []
    train(ws, SETTINGS, name="m", threads=1, on_progress=learned.append, checkpoints=log.settings)
    assert len(learned) == 9 - epoch, "no epoch is learned twice"
    assert f"resuming from epoch {(epoch - 1) % 3 + 1} of constant, fit train" in log.lines[-1]
    assert not log.warnings
    assert digest(ws, "m") == digest(ws)
    assert not folders(ws)


@pytest.mark.parametrize("epoch", [2, 4])
def test_shards_go_on_with_their_momentum(ws: Workspace, epoch: int) -> None:
    settings = replace(SETTINGS, shards=3)
    train(ws, settings, name="whole")
    assert digest(ws, "whole") != digest(ws)
    interrupted(ws, epoch, settings)
    train(ws, settings, name="m", threads=1, checkpoints=Log().settings)
    assert digest(ws, "m") == digest(ws, "whole")


def test_one_shard_is_the_training_that_there_was(ws: Workspace) -> None:
    train(ws, replace(SETTINGS, shards=1), name="m")
    assert digest(ws, "m") == digest(ws)


def test_stopped_again_and_again(ws: Workspace) -> None:
    for _ in range(8):
        interrupted(ws, 1)
    train(ws, SETTINGS, name="m", checkpoints=Log().settings)
    assert digest(ws, "m") == digest(ws)


def test_patience_and_the_best_epoch_go_on(ws: Workspace) -> None:
    """The run ends where it would have, although the epochs without a gain were before it was stopped."""
    settings = TrainSettings(affinity="constant", epochs=12, dim=4, patience=2, margin=0.3, learning_rate=0.5)
    reports: list[Any] = []
    train(ws, settings, name="whole", on_progress=reports.append)
    first = [report for report in reports if report.fit == "train"]
    assert len(first) < 12, "patience ended it"
    interrupted(ws, len(first) - 1, settings)
    train(ws, settings, name="m", checkpoints=Log().settings)
    assert digest(ws, "m") == digest(ws, "whole")


@pytest.mark.parametrize("tags", [False, True], ids=["items", "items with attributes"])
def test_stopped_within_an_epoch(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tags: bool
) -> None:
    """A long epoch is kept in parts: between any two blocks it can be stopped."""
    if tags:
        described = [{"thing": f"t{number}", "tags": [f"tag {number % 3}"]} for number in range(15)]
        pq.write_table(pa.Table.from_pylist(described), tmp_path / "tags.parquet")
        prepare_people(ws, tmp_path, label_file=str(tmp_path / "tags.parquet"), label_sparse="tags")
    settings = TrainSettings(affinity="constant", epochs=2, dim=4, margin=0.3, block_size=8)
    train(ws, settings, name="whole")
    monkeypatch.setattr("awe_cli.training.trainer._FIRST_PART", 1)
    monkeypatch.setattr("awe_cli.training.trainer._SECONDS_A_PART", 0.0)
    save = TrainerState.save
    for stop in range(1, 15, 3):
        saves = iter(range(1, 100))

        def save_and_stop(self: TrainerState, *what: Any, saves: Any = saves, stop: int = stop) -> None:
            save(self, *what)
            if next(saves) == stop:
                raise Stop

        with monkeypatch.context() as patch:
            patch.setattr(TrainerState, "save", save_and_stop)
            with pytest.raises(Stop):
                train(ws, settings, name="m", checkpoints=Log().settings)
        log = Log()
        train(ws, settings, name="m", checkpoints=log.settings)
        assert ("examples" in log) == (stop % 5 > 0), "5 blocks are an epoch"
        assert digest(ws, "m") == digest(ws, "whole")
        (ws.root / "models" / "m.json").unlink()


def test_what_an_affinity_learns_goes_on(ws: Workspace) -> None:
    """w of the affinity `concat` and its accumulators are part of the checkpoint."""
    settings = TrainSettings(affinity="concat", epochs=2, dim=4, margin=0.3, start="base")
    train(ws, settings, name="whole")
    for epoch in (1, 2, 3):
        interrupted(ws, epoch, settings)
        train(ws, settings, name="m", checkpoints=Log().settings)
        assert digest(ws, "m") == digest(ws, "whole")
        (ws.root / "models" / "m.json").unlink()


def test_fresh_starts_over(ws: Workspace) -> None:
    interrupted(ws, 4)
    log, learned = Log(fresh=True), []
    train(ws, SETTINGS, name="m", on_progress=learned.append, checkpoints=log.settings)
    assert len(learned) == 9
    assert "resuming" not in log
    assert digest(ws, "m") == digest(ws)


def test_a_checkpoint_of_other_settings_data_or_code_is_not_used(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(ws, 4)
    log, other = Log(), TrainSettings(affinity="constant", epochs=3, dim=4, seed=1)
    interrupted(ws, 2, other, log)
    assert log.lines == [f"a checkpoint of other settings is not used ({folders(ws)[0].name[:12]})"] or (
        log.lines == [f"a checkpoint of other settings is not used ({folders(ws)[1].name[:12]})"]
    )
    monkeypatch.setattr("awe_cli.steps.train.code_digest", lambda: "other")
    log, learned = Log(), []
    train(ws, SETTINGS, name="m", on_progress=learned.append, checkpoints=log.settings)
    assert "a checkpoint of another version of awe or its libraries is not used" in log
    assert len(learned) == 9
    assert digest(ws, "m") == digest(ws)
    assert not folders(ws), "those of the same name are removed, whatever their settings"


@pytest.mark.parametrize("damage", ["flip", "truncate", "about", "name"])
def test_a_damaged_checkpoint_is_ignored_with_a_warning(ws: Workspace, damage: str) -> None:
    interrupted(ws, 5)
    (folder,) = folders(ws)
    for path in folder.glob("*.npz"):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        if damage == "flip":
            path.write_bytes(content)
        elif damage == "truncate":
            path.write_bytes(path.read_bytes()[:-1])
        elif damage == "name":
            path.rename(path.with_name(f"x{path.name[:-6]}0.npz"))
    if damage == "about":
        (folder / "about").write_text("{")
    log, learned = Log(), []
    train(ws, SETTINGS, name="m", on_progress=learned.append, checkpoints=log.settings)
    assert len(log.warnings) == 1
    assert "a damaged checkpoint is ignored, starting over: " + str(folder) in log
    assert len(learned) == 9
    assert digest(ws, "m") == digest(ws)


def test_a_disk_without_room_for_checkpoints_fails_nothing(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("awe_cli.workspace.checkpoints.save_arrays", full)
    log = Log()
    train(ws, SETTINGS, name="m", checkpoints=log.settings)
    assert log.warnings == ["no more checkpoints are kept: [Errno 28] No space left on device"]
    assert digest(ws, "m") == digest(ws)


def test_retraining_goes_on(ws: Workspace) -> None:
    settings = RetrainSettings(epochs=3, learning_rate=0.01, power=1.0)
    reports: list[Any] = []
    whole, _ = retrain(ws, "base", settings, name="whole", on_progress=reports.append)
    for epoch in range(1, len(reports) + 1):
        with pytest.raises(Stop):
            retrain(ws, "base", settings, name="m", on_progress=stop_at(epoch), checkpoints=Log().settings)
        log, learned = Log(), []
        made, _ = retrain(
            ws, "base", settings, name="m", on_progress=learned.append, checkpoints=log.settings
        )
        assert "resuming from epoch" in log
        assert len(learned) == len(reports) - epoch
        assert made.digest == whole.digest
        (ws.root / "models" / "m.json").unlink()


def test_what_is_built_in_blocks_goes_on(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped after any of the pieces that are kept, a build ends with the same bytes, and repeats none of them."""
    keep = CheckpointFolder.keep

    def build(name: str, log: Log) -> str:
        built = [
            build_knn(ws, "base", BuildKnnSettings(), name=name, checkpoints=log.settings),
            build_knn(
                ws, "base", BuildKnnSettings(folds=2, k=5), name=f"{name}-folds", checkpoints=log.settings
            ),
            build_affinity(
                ws,
                "base",
                BuildAffinitySettings(affinity="cluster"),
                name=name,
                block=16,
                checkpoints=log.settings,
            ),
        ]
        return "".join(artifact.digest for artifact, _ in built)

    whole = build("whole", Log(every=3600.0))
    stops = 0
    kept: set[str] = set()

    def keep_and_stop(self: CheckpointFolder, key: str, *batch: Any) -> None:
        nonlocal stops
        keep(self, key, *batch)
        if (self.path.name, key) not in kept and "current" not in key:
            kept.add((self.path.name, key))
            stops += 1
            raise Stop

    monkeypatch.setattr(CheckpointFolder, "keep", keep_and_stop)
    log = Log()
    for _ in range(200):
        try:
            made = build("m", log)
            break
        except Stop:
            pass
    assert stops > 20
    assert "resuming from block" in log
    assert made == whole


@pytest.mark.parametrize("format", ["parquet", "csv", "jsonl"])
def test_predictions_go_on(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, format: str
) -> None:
    monkeypatch.setattr(predict_module, "ROW_GROUP", 20)
    monkeypatch.setattr("awe_cli.prediction.stream.BLOCK_ROWS", 12)
    settings = PredictSettings(top_k=4, split="train")
    out = tmp_path / f"out.{format}"
    predict(ws, "base", None, out, settings)
    whole = out.read_bytes()
    out.unlink()

    for _ in range(2):
        told: list[PredictProgress] = []

        def stopping(progress: PredictProgress, told: list[PredictProgress] = told) -> None:
            if len(told) == 6:
                raise Stop
            told.append(progress)

        with pytest.raises(Stop):
            predict(ws, "base", None, out, settings, on_progress=stopping, checkpoints=Log().settings)
        assert not out.exists()
    rest: list[PredictProgress] = []
    log = Log()
    done = predict(ws, "base", None, out, settings, on_progress=rest.append, checkpoints=log.settings)
    assert log.lines == ["resuming from row 145"]
    assert done.counts.examples == 40
    assert [one.rows for one in rest] == [156, 160]
    assert rest[-1] == PredictProgress(40, 160, 40)
    assert out.read_bytes() == whole
    assert not folders(ws)


def test_gc_removes_checkpoints_that_no_command_can_use(ws: Workspace) -> None:
    interrupted(ws, 4)
    assert not [item for item in gc(ws) if item.path.parent.name == "checkpoints"]
    (folder,) = folders(ws)
    for path in (folder, *folder.iterdir()):
        os.utime(path, (0, 0))
    assert [item.path for item in gc(ws)] == [folder]
    interrupted(ws, 4)
    (folder,) = folders(ws)
    for name in ("models/base.json", "neighbors/base.json", "dataset.json"):
        (ws.root / name).unlink()
    assert folder in [item.path for item in gc(ws)]
    assert not folders(ws)


@pytest.mark.usefixtures("signals_are_heard")
def test_killed_and_run_again(ws: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    """kill -9 in the middle of training; the same command goes on and ends with the bytes of one never killed."""
    command = ["-w", str(ws.root), "train", "--affinity", "constant", "--dim", "4", "--epochs", "400"]
    assert main([*command, "--name", "whole", "--patience", "0", "-q"]) == 0
    again = [*command, "--name", "m", "--patience", "0"]
    with subprocess.Popen(
        [sys.executable, "-m", "awe_cli", *again], stderr=subprocess.PIPE, text=True
    ) as killed:
        assert killed.stderr is not None
        while "/400" not in (line := killed.stderr.readline()):
            assert line, "it ended by itself"
        killed.kill()
    assert killed.wait() == -signal.SIGKILL
    capsys.readouterr()
    assert main([*again, "--threads", "1"]) == 0
    assert "resuming from epoch " in capsys.readouterr().err
    assert digest(ws, "m") == digest(ws, "whole")


@pytest.mark.usefixtures("signals_are_heard")
@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_is_answered_while_kernels_compile(ws: Workspace, tmp_path: Path, presses: int) -> None:
    """LLVM takes 10 seconds for the kernels of training; nothing is left that a next run trips over."""
    env = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "empty")}
    command = [sys.executable, "-m", "awe_cli", "-w", str(ws.root), "train", "--seed", "1", "--name", "m"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env) as process:
        assert process.stderr is not None
        while "compiling" not in (line := process.stderr.readline()):
            assert line, "it ended by itself"
        time.sleep(1)
        start = time.monotonic()
        for _ in range(presses):
            process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(60) == 130
    assert time.monotonic() - start < 5
    assert rest == "interrupted; what was there before is untouched\n"
    assert not list(ws.staging.iterdir())
    with ws.lock():
        assert ws.names("model") == ["base"]
