"""Memory and disk: estimated before long work, and refused with numbers where they are not there."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from awe_cli.app import main
from awe_cli.errors import SettingsError, WriteError
from awe_cli.models.needs import matrix_bytes, prediction_needs, state_bytes, training_needs
from awe_cli.models.store import load_state, open_dataset
from awe_cli.workspace import Workspace, room
from awe_cli.workspace.room import Needs, free_disk, free_memory, in_gb, require_room
from tests.small import annotation, recommendation

Output = pytest.CaptureFixture[str]
PREPARE = ("prepare", "plays.csv", "--user", "person", "--item", "item", "--holdout", "1", "-q")
TRAIN = ("train", "--dim", "4", "--epochs", "1", "--margin", "0.3", "--name", "m", "-q")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a dataset, in which commands are run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AWE_WORKSPACE", raising=False)
    rows = [f"p{p},i{(p * 7 + n) % 17}" for p in range(60) for n in range(4)]
    (tmp_path / "plays.csv").write_text("\n".join(["person,item", *rows]) + "\n")
    assert main(PREPARE) == 0
    return tmp_path


def test_a_full_disk_is_refused_before_work_begins_and_with_anyway_it_begins(
    folder: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "free_disk", lambda path: 1000)
    assert main(TRAIN) == 73
    err = capsys.readouterr().err
    assert "of disk are needed, 0.001 MB are free" in err
    assert "--anyway" in err
    assert not (folder / "workspace/models").exists()
    assert not list((folder / "workspace").glob("staging/*"))
    assert main([*TRAIN, "--anyway"]) == 0
    assert main(TRAIN) == 0  # up to date: nothing is needed
    for command in (["build-knn", "--model", "m", "--k", "20", "--lambda", "1"], ["predict", "--model", "m"]):
        assert main(command) == 73
        assert "of disk are needed" in capsys.readouterr().err
    assert main(["predict", "--model", "m", "--output", "out.csv"]) == 73
    assert not (folder / "out.csv").exists()
    assert main(["predict", "--model", "m", "--output", "-", "-q"]) == 0


def test_too_little_memory_is_refused(folder: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "free_memory", lambda: 100_000_000)
    assert main(TRAIN) == 78
    assert "about 200 MB of memory are needed, 100 MB are free" in capsys.readouterr().err
    assert main([*TRAIN, "--anyway"]) == 0
    for affinity in ("cluster", "knn"):
        build = ["build-affinity", "--model", "m", "--affinity", affinity, "-q"]
        assert main(build) == 78
        assert "of memory are needed" in capsys.readouterr().err
    assert main(["retrain", "--model", "m", "--affinity", "knn", "-q"]) == 66  # nothing was built: said first


def test_a_limit_of_the_process_counts(folder: Path) -> None:
    """As `ulimit -f` and `ulimit -v` set them, in a process of its own."""
    for limit, value, code in (("RLIMIT_FSIZE", 100, 73), ("RLIMIT_AS", None, 78)):
        script = (
            "import resource, sys\nfrom pathlib import Path\n"
            "from awe_cli.errors import AweError\nfrom awe_cli.workspace.room import Needs, require_room\n"
            "size = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
            f"limit = {value!r} or size + 50_000_000\n"
            f"resource.setrlimit(resource.{limit}, (limit, limit))\n"
            "require_room(Path('.'), Needs(20_000_000, 50, 50))\n"
            "try:\n    require_room(Path('.'), Needs(500_000_000, 200, 200))\n"
            "except AweError as error:\n    sys.exit(error.exit_code)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script], check=False, cwd=folder, capture_output=True, text=True
        )
        assert done.returncode == code, done.stderr


def test_what_is_free_is_what_the_system_says(tmp_path: Path) -> None:
    found = os.statvfs(tmp_path)
    assert free_disk(tmp_path / "not" / "there") == pytest.approx(found.f_bavail * found.f_frsize, rel=0.2)
    memory = free_memory()
    assert memory is not None
    assert memory > resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # at least what is held already


def test_what_cannot_be_found_out_counts_as_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "free_disk", lambda path: None)
    monkeypatch.setattr(room, "free_memory", lambda: None)
    require_room(tmp_path, Needs(10**18, 10**18))
    monkeypatch.undo()
    with pytest.raises(WriteError, match="disk are needed"):
        require_room(tmp_path, Needs(0, 10**18))
    with pytest.raises(SettingsError, match="memory are needed"):
        require_room(tmp_path, Needs(10**18, 0))


def test_a_group_of_a_container_limits_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "memory.max").write_text("500000000\n")
    (tmp_path / "memory.current").write_text("300000000\n")
    (tmp_path / "memory.stat").write_text("anon 100000000\nfile 250000000\n")
    monkeypatch.setattr(room, "_CGROUP", tmp_path)
    assert room._of_group() in (450_000_000, None)  # None where this kernel has no groups of version 2
    (tmp_path / "memory.max").write_text("max\n")
    assert room._of_group() is None


@pytest.mark.parametrize("make", [recommendation, annotation])
def test_the_estimate_counts_what_is_really_there(tmp_path: Path, make: object) -> None:
    ws: Workspace = make(tmp_path / "ws")  # type: ignore[operator]
    stored = ws.find("dataset")
    dataset = open_dataset(stored)
    examples = dataset.training(("train",))
    x = examples.x
    held = x.values.nbytes if dataset.dense else x.values.nbytes + x.indices.nbytes
    found = matrix_bytes(dataset, ("train",))
    if dataset.task == "recommendation":
        everyone = len(dataset.example_ids)
        assert held <= found <= held + 8 * everyone + 8 * everyone
    else:
        assert found >= held  # of all splits


def test_the_state_is_that_of_the_model(folder: Path) -> None:
    assert main(TRAIN) == 0
    ws = Workspace(folder / "workspace")
    dataset, model = open_dataset(ws.find("dataset")), ws.find("model", "m")
    state = load_state(model, ("train",))
    size = sum(array.nbytes for array in (state.U, state.V, state.u_history, state.v_history))
    assert state_bytes(dataset, 4) == size
    needs = training_needs(dataset, 4, model.settings["fits"])
    assert needs.disk == size * 3
    stored = sum(path.stat().st_size for path in model.path.glob("fit-*.npz"))
    assert stored <= needs.disk + 20_000  # headers


def test_a_dry_run_shows_the_estimate(folder: Path, capsys: Output) -> None:
    assert main([*TRAIN[:-1], "--dry-run", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["memory_bytes"] > 200_000_000
    assert found["disk_bytes"] == 3 * 4 * 34 * 5
    assert main([*TRAIN[:-1], "--dry-run"]) == 0
    assert "  it takes about 2.0 kB of disk and 200.0 MB of memory\n" in capsys.readouterr().out


def test_rows_of_predictions() -> None:
    assert prediction_needs(1000, 10, "parquet") == Needs(0, 50_000, 50_000)
    assert prediction_needs(1000, 10, "jsonl").disk > prediction_needs(1000, 10, "csv").disk


@pytest.mark.parametrize(
    ("size", "words"), [(1_250_000_000, "1.25 GB"), (310_000_000, "310 MB"), (1000, "0.001 MB")]
)
def test_sizes_in_words(size: int, words: str) -> None:
    assert in_gb(size) == words
