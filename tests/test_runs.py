"""The record of runs, and what a monitor asks of it: who ran, how it ended, and whether that is fresh."""

from __future__ import annotations

import dataclasses
import datetime
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from awe_cli.app import main
from awe_cli.errors import SettingsError, StaleError
from awe_cli.steps.freshness import age_in_words, check_freshness, read_duration
from awe_cli.workspace import Recipe, Workspace, runs
from awe_cli.workspace.runs import MOST_RUNS, Run, new_run, newest_success, read_runs, record_run

Output = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with plays, in which commands are run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AWE_WORKSPACE", raising=False)
    rows = [f"p{p},i{(p + n) % 7}" for p in range(20) for n in range(5)]
    (tmp_path / "plays.csv").write_text("\n".join(["person,item", *rows]) + "\n")
    return tmp_path


PREPARE = ("prepare", "plays.csv", "--user", "person", "--item", "item", "--holdout", "1", "-q")


def a_run(number: int, *, step: str = "train", code: int | None = 0, age: float = 0) -> Run:
    """A run that ended some seconds ago."""
    when = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=age)
    ended = when.isoformat(timespec="seconds")
    return Run(f"run-{number}", f"awe {step}", step, ended, "1 1", ended, code, 0.5)


def write(root: Path, made: list[Run]) -> None:
    """A record of these runs."""
    root.mkdir(exist_ok=True)
    text = "".join(json.dumps(dataclasses.asdict(run)) + "\n" for run in made)
    (root / runs.RUNS).write_text(text)


def test_every_run_is_recorded_with_how_it_ended(folder: Path, capsys: Output) -> None:
    assert main(PREPARE) == 0
    assert main(["train-baseline", "popularity", "-q"]) == 0
    assert main(["predict", "--model", "nobody", "-q"]) == 66
    assert main(["models"]) == 0  # only shows: not recorded
    capsys.readouterr()
    assert main(["status", "--runs", "9", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(run["step"], run["code"], run["state"]) for run in found] == [
        ("prepare", 0, "done"),
        ("train-baseline", 0, "done"),
        ("predict", 66, "failed"),
    ]
    assert found[0]["command"] == "awe prepare plays.csv --user person --item item --holdout 1 -q"
    assert found[2]["error"].startswith("there is no model named 'nobody'")
    assert all(run["started"] <= run["ended"] and run["seconds"] > 0 for run in found)
    assert len({run["id"] for run in found}) == 3
    assert main(["status"]) == 0
    lines = capsys.readouterr().out.splitlines()
    place = next(n for n, line in enumerate(lines) if line.startswith("run (UTC)"))
    assert [line.split()[2] for line in lines[place + 1 : place + 4]] == [
        "prepare",
        "train-baseline",
        "predict",
    ]
    assert "66" in lines[place + 3]


def test_a_run_that_is_killed_vanished_and_one_that_goes_on_is_running(folder: Path) -> None:
    command = [sys.executable, "-m", "awe_cli", "prepare", "-", *PREPARE[2:]]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, cwd=folder, stderr=subprocess.DEVNULL)
    (folder / "workspace").mkdir(exist_ok=True)
    end = time.monotonic() + 60
    while not read_runs(folder / "workspace") and time.monotonic() < end:
        time.sleep(0.02)
    assert [run.state for run in read_runs(folder / "workspace")] == ["running"]
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdin is not None
    process.stdin.close()
    [run] = read_runs(folder / "workspace")
    assert (run.state, run.code, run.ended) == ("vanished", None, None)


@pytest.mark.usefixtures("signals_are_heard")
def test_a_run_that_a_signal_ends_says_so(folder: Path) -> None:
    (folder / "workspace").mkdir()
    command = [sys.executable, "-m", "awe_cli", "prepare", "-", *PREPARE[2:]]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, cwd=folder, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while not read_runs(folder / "workspace") and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 143
    assert process.stdin is not None
    process.stdin.close()
    [run] = read_runs(folder / "workspace")
    assert (run.state, run.code) == ("failed", 143)


def test_the_record_is_bounded_and_keeps_the_newest_success_of_each_step(tmp_path: Path) -> None:
    write(tmp_path, [a_run(-2, step="promote"), a_run(-1, step="promote"), *map(a_run, range(MOST_RUNS))])
    record_run(tmp_path, a_run(MOST_RUNS))
    found = read_runs(tmp_path)
    assert [run.id for run in found[:2]] == ["run--1", "run-1"]
    assert len(found) == MOST_RUNS + 1
    record_run(tmp_path, dataclasses.replace(found[-1], code=70))
    assert [run.code for run in read_runs(tmp_path)[-2:]] == [0, 70]
    assert len(read_runs(tmp_path)) == MOST_RUNS + 1


def test_lines_that_are_no_runs_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, [a_run(1)])
    good = (tmp_path / runs.RUNS).read_text()
    bad = [
        "",
        "{",
        "[]",
        "{}",
        '{"id": 1}',
        good.replace('"code": 0', '"code": "0"'),
        "[" * 100_000,
        '"\\ud800"',
    ]
    (tmp_path / runs.RUNS).write_bytes("\n".join([*bad, good]).encode() + b"\xff\xfe\n")
    assert [run.id for run in read_runs(tmp_path)] == ["run-1"]
    (tmp_path / runs.RUNS).unlink()
    os.mkfifo(tmp_path / runs.RUNS)
    assert read_runs(tmp_path) == []


def _record_some(root: Path, first: int) -> None:
    for number in range(first, first + 20):
        record_run(root, a_run(number))


def test_no_run_is_lost_where_several_processes_record(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_record_some, args=(tmp_path, 100 * n)) for n in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert len({run.id for run in read_runs(tmp_path)}) == 80
    assert [path.name for path in tmp_path.iterdir()] == [runs.RUNS]


def test_a_record_that_cannot_be_written_is_a_warning(folder: Path, capsys: Output) -> None:
    (folder / "workspace").mkdir()
    (folder / "workspace" / runs.RUNS).mkdir()
    assert main(PREPARE) == 0
    err = capsys.readouterr().err
    assert err.count("this run is not in the record of runs") == 1
    assert main(["train-baseline", "popularity", "-q"]) == 0


def test_who_may_only_read_leaves_no_record_and_hears_nothing_of_it(
    folder: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(PREPARE) == 0
    assert main(["train-baseline", "popularity", "-q"]) == 0
    before = (folder / "workspace" / runs.RUNS).read_bytes()

    def refuse(path: Path, content: bytes) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(runs, "replace_file", refuse)
    capsys.readouterr()
    assert main(["predict", "--model", "popularity", "--top-k", "1", "--output", "-", "-q"]) == 0
    assert capsys.readouterr().err == ""
    assert (folder / "workspace" / runs.RUNS).read_bytes() == before


def test_nothing_is_made_where_there_is_no_workspace(folder: Path) -> None:
    assert main(["predict", "--model", "awe"]) == 66
    assert not (folder / "workspace").exists()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90m", 5400), ("26h", 93600), ("2d", 172800), ("1.5h", 5400), ("30s", 30), ("1w", 604800)],
)
def test_durations(text: str, seconds: float) -> None:
    assert read_duration(text, "--max-age") == seconds


@pytest.mark.parametrize(
    "text", ["", "26", "h", "-1h", "0h", "26 hours", "1e3h", "26H", "1h30", "9" * 400 + "d", "٣h"]
)
def test_durations_that_cannot_be_are_refused(text: str, folder: Path, capsys: Output) -> None:
    with pytest.raises(SettingsError, match="--max-age: expected a number"):
        read_duration(text, "--max-age")
    (folder / "workspace").mkdir()
    assert main(["status", f"--max-age={text}"]) == 78
    assert f"found {text!r}" in capsys.readouterr().err


def test_ages_in_words() -> None:
    found = [age_in_words(s) for s in (0, 40, 60, 3600, 3660, 93900, 2 * 86400 + 59 * 60)]
    assert found == ["0 s", "40 s", "1 min", "1 h", "1 h 1 min", "1 d 2 h", "2 d"]


def test_stale_is_what_succeeded_too_long_ago(folder: Path, capsys: Output) -> None:
    hours = 3600.0
    there = [
        a_run(1, step="predict", age=30 * hours),
        a_run(2, step="train", age=27 * hours),
        a_run(3, step="train", code=70, age=hours),
        a_run(4, step="gc", age=hours / 2),
    ]
    write(folder / "workspace", there)
    ws = Workspace(folder / "workspace")
    assert check_freshness(ws, 28 * hours) == ["the newest successful run (train) is 1 d 3 h old"]
    with pytest.raises(StaleError, match=r"successful run \(train\) is 1 d 3 h old .*older than 1 d 2 h"):
        check_freshness(ws, 26 * hours)
    with pytest.raises(StaleError, match="run of `awe predict` is 1 d 6 h old"):
        check_freshness(ws, 28 * hours, step="predict")
    with pytest.raises(StaleError, match="run of `awe evaluate`: none is known"):
        check_freshness(ws, 28 * hours, step="evaluate")
    assert main(["status", "--max-age", "26h", "-q"]) == 69
    out, err = capsys.readouterr()
    assert out == ""
    assert "error: the newest successful run (train) is 1 d 3 h old" in err
    assert main(["status", "--max-age", "26h", "--step", "gc", "-q"]) == 0
    assert capsys.readouterr() == ("", "")
    assert main(["status", "--max-age", "26h", "--json"]) == 69
    assert json.loads(capsys.readouterr().out)["fresh"] is False
    assert main(["status", "--max-age", "28h", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["fresh"] is True


def test_the_hint_says_how_the_last_run_failed(folder: Path) -> None:
    failed = dataclasses.replace(a_run(2, code=65), error="plays.csv: row 3: no number")
    write(folder / "workspace", [a_run(1, age=9e5), failed])
    with pytest.raises(StaleError) as stale:
        check_freshness(Workspace(folder / "workspace"), 60)
    assert "code 65: plays.csv: row 3: no number" in str(stale.value.hint)


def test_an_alias_is_as_old_as_what_it_means(folder: Path, capsys: Output) -> None:
    ws = Workspace(folder / "workspace")
    with ws.stage("model", Recipe("model", 1, {})) as staging:
        model = staging.publish("tonight")
    ws.promote(model, "champion", "tonight")
    now = datetime.datetime.now(datetime.UTC)
    assert check_freshness(ws, 3600, model="champion", now=now) == ["the alias champion is 0 s old"]
    later = now + datetime.timedelta(hours=49)
    with pytest.raises(StaleError, match="the alias champion is 2 d 1 h old"):
        check_freshness(ws, 2 * 86400, model="champion", now=later)
    assert main(["status", "--max-age", "2d", "--model", "champoin"]) == 66
    assert "did you mean 'champion'?" in capsys.readouterr().err


def test_what_is_asked_of_nothing_is_refused(folder: Path, capsys: Output) -> None:
    (folder / "workspace").mkdir()
    assert main(["status", "--model", "champion"]) == 2
    assert main(["status", "--max-age", "1h", "--step", "trian"]) == 78
    assert "did you mean 'train'?" in capsys.readouterr().err
    assert main(["-w", "nowhere", "status", "--max-age", "1h"]) == 66


def test_the_newest_success_is_by_its_end(tmp_path: Path) -> None:
    slow, quick = a_run(1, age=10), a_run(2, age=90)
    assert newest_success([slow, quick]) == slow
    assert newest_success([new_run("id", "awe train", "train")]) is None


def test_what_a_killed_process_was_writing_is_removed_by_the_next(tmp_path: Path) -> None:
    (tmp_path / f".{runs.RUNS}.new").write_text("half of a")
    record_run(tmp_path, a_run(1))
    assert [path.name for path in tmp_path.iterdir()] == [runs.RUNS]
    (tmp_path / f".{runs.RUNS}.new").mkdir()  # stands in the way: the old record stays
    with pytest.raises(OSError):  # noqa: PT011 - whatever the system calls it
        record_run(tmp_path, a_run(2))
    assert [run.id for run in read_runs(tmp_path)] == ["run-1"]


def test_a_run_that_could_not_be_recorded_when_it_began_is_when_it_ends(
    folder: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "workspace").mkdir()
    calls = []
    real = runs.replace_file

    def full_at_first(path: Path, content: bytes) -> None:
        calls.append(path)
        if len(calls) == 1:
            raise OSError(28, "No space left on device")
        real(path, content)

    monkeypatch.setattr(runs, "replace_file", full_at_first)
    assert main(PREPARE) == 0
    assert capsys.readouterr().err.count("not in the record of runs") == 1
    assert [(run.step, run.code) for run in read_runs(folder / "workspace")] == [("prepare", 0)]


def test_a_file_system_without_locks_has_a_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(runs.fcntl, "flock", refuse)
    record_run(tmp_path, a_run(1))
    assert len(read_runs(tmp_path)) == 1
