"""The log: JSON lines that are complete, a log that never fails a step, and cron that is not told twice."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from awe_cli.app import main
from awe_cli.cli import console
from awe_cli.cli.log import Log, asked_before_parsing
from awe_cli.workspace.runs import read_runs
from awe_cli.workspace.warned import MOST_COMMANDS, MOST_WARNINGS, WARNED, remember_warned, warned_before

Output = pytest.CaptureFixture[str]
PREPARE = ("prepare", "plays.csv", "--user", "person", "--item", "item", "--holdout", "1")
TRAIN = ("train", "--dim", "4", "--epochs", "2", "--margin", "0.3", "--name", "m")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with plays, in which commands are run."""
    monkeypatch.chdir(tmp_path)
    for name in ("AWE_WORKSPACE", "AWE_LOG_FORMAT", "AWE_LOG_FILE"):
        monkeypatch.delenv(name, raising=False)
    rows = [f"p{p},i{(p * 7 + n) % 17}" for p in range(120) for n in range(4)]
    (tmp_path / "plays.csv").write_text("\n".join(["person,item", *rows]) + "\n")
    return tmp_path


def lines(text: str) -> list[dict[str, Any]]:
    """Each line as JSON; an error where one is none."""
    return [json.loads(line) for line in text.splitlines()]


def test_json_on_standard_error_is_all_json_and_output_stays_as_it_is(folder: Path, capsys: Output) -> None:
    assert main([*PREPARE, "--log-format", "json", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["people"] == 120
    found = lines(err)
    assert {line["step"] for line in found} == {"prepare"}
    assert {line["level"] for line in found} <= {"info", "warning"}
    assert found[-1]["code"] == 0
    [run] = {line["run"] for line in found}
    assert any(
        row["split"] == "train" and row["people"] == "120" for line in found for row in line.get("rows", [])
        if "split" in row
    )  # fmt: skip
    assert main([*TRAIN, "--log-format=json"]) == 0
    found = lines(capsys.readouterr().err)
    assert found[0]["run"] != run
    epochs = [line for line in found if "epoch" in line]
    assert [line["epoch"] for line in epochs] == [1, 2, 1, 2]
    assert all(line["epochs"] == 2 and line["metrics"]["loss"] > 0 for line in epochs)
    assert epochs[0]["metrics"]["validation"] > 0
    assert epochs[-1]["metrics"]["validation"] is None
    assert found[0]["run"] == read_runs(folder / "workspace")[-1].id


def test_errors_are_json_also_before_the_options_are_read(folder: Path, capsys: Output) -> None:
    for code, arguments in (
        (2, ["trian"]),
        (2, ["train", "--nope"]),
        (66, [*TRAIN]),
        (78, ["train", "--dim", "x"]),
    ):
        assert main(["--log-format", "json", *arguments]) == code
        out, err = capsys.readouterr()
        assert out == ""
        error, ended = lines(err)
        assert (error["level"], ended["code"]) == ("error", code)
        assert error["hint"]


def test_quiet_json_leaves_warnings_and_errors(folder: Path, capsys: Output) -> None:
    assert main([*PREPARE, "-q", "--log-format", "json"]) == 0
    assert [line["level"] for line in lines(capsys.readouterr().err)] == []
    assert main(["predict", "--model", "none", "-q", "--log-format", "json"]) == 66
    assert [line["level"] for line in lines(capsys.readouterr().err)] == ["error"]


def test_a_file_has_all_messages_and_the_terminal_is_as_before(folder: Path, capsys: Output) -> None:
    assert main([*PREPARE]) == 0
    before = capsys.readouterr()
    assert main([*PREPARE, "--log-file", "all.log", "--log-format", "json"]) == 0
    after = capsys.readouterr()
    assert after.err.replace("up to date: ", "stored: ") in before.err.replace("reading plays.csv\n", "")
    assert main([*TRAIN, "-q", "--log-file", "all.log", "--log-format", "json"]) == 0
    assert capsys.readouterr() == ("", "")
    found = lines((folder / "all.log").read_text())
    assert {line["step"] for line in found} == {"prepare", "train"}
    assert [line["epoch"] for line in found if "epoch" in line] == [1, 2, 1, 2]
    assert main(["evaluate", "--model", "m", "--log-file", "all.log", "--log-format", "json", "-q"]) == 0
    [judged] = [line for line in lines((folder / "all.log").read_text()) if line.get("model") == "m"]
    assert judged["metrics"]["map"] > 0


def test_a_file_of_text_names_time_run_and_step(folder: Path) -> None:
    assert main([*PREPARE, "-q", "--log-file", "all.log"]) == 0
    [run] = read_runs(folder / "workspace") or [None]
    text = (folder / "all.log").read_text().splitlines()
    assert all(line.split()[2] == "prepare" and line.split()[0].startswith("20") for line in text)
    assert any(" prepare info: stored: dataset.json (" in line for line in text)
    assert run is None or run.id in text[0]


@pytest.mark.parametrize("place", ["environment", "awe.toml", "before"])
def test_where_the_log_is_asked_for(
    place: str, folder: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "workspace").mkdir()
    before: list[str] = []
    if place == "environment":
        monkeypatch.setenv("AWE_LOG_FORMAT", "json")
        monkeypatch.setenv("AWE_LOG_FILE", "here.log")
    elif place == "awe.toml":
        (folder / "workspace/awe.toml").write_text('[log]\nformat = "json"\nfile = "here.log"\n')
    else:
        before = ["--log-format", "json", "--log-file", "here.log"]
    assert main([*before, *PREPARE, "-q"]) == 0
    assert capsys.readouterr().err == ""
    assert lines((folder / "here.log").read_text())[-1]["message"].startswith("ended with code 0")


def test_a_format_that_cannot_be_is_refused(
    folder: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["status", "--log-format", "jsn"]) == 78
    assert "--log-format: expected one of text, json, found 'jsn'" in capsys.readouterr().err
    (folder / "workspace").mkdir()
    (folder / "workspace/awe.toml").write_text('[log]\nformat = "jsn"\n')
    assert main([*PREPARE]) == 78
    assert "did you mean 'json'?" in capsys.readouterr().err
    assert main(["gc"]) == 0  # needs no awe.toml
    (folder / "workspace/awe.toml").unlink()
    monkeypatch.setenv("AWE_LOG_FORMAT", "jsn")
    assert main([*PREPARE]) == 78


@pytest.mark.parametrize("log", ["/dev/full", "no/such/folder.log", ".", "pipe", "\0"])
def test_a_log_that_cannot_be_written_is_one_warning(log: str, folder: Path, capsys: Output) -> None:
    os.mkfifo(folder / "pipe")
    assert main([*PREPARE, "--log-file", log]) == 0
    err = capsys.readouterr().err
    assert err.count("cannot be written, and this run goes on without it") == 1
    assert err.count("warning: ") == 1
    assert "stored: dataset.json" in err


def test_a_pipe_that_is_full_is_not_waited_for(folder: Path, capsys: Output) -> None:
    os.mkfifo(folder / "pipe")
    reader = os.open(folder / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(folder / "pipe", os.O_WRONLY | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    assert main([*PREPARE, "--log-file", "pipe"]) == 0
    assert capsys.readouterr().err.count("goes on without it") == 1
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("where", ["/dev/full", "closed"])
def test_json_on_a_standard_error_that_is_full_or_closed(where: str, folder: Path) -> None:
    command = f"{sys.executable} -m awe_cli {' '.join(PREPARE)} --log-format json"
    command += " 2>&-" if where == "closed" else f" 2>{where}"
    assert subprocess.run(["sh", "-c", command], check=False, cwd=folder).returncode == 0


@pytest.mark.usefixtures("signals_are_heard")
def test_a_signal_is_in_the_log(folder: Path) -> None:
    command = [sys.executable, "-m", "awe_cli", "prepare", "-", *PREPARE[2:], "--log-format", "json"]
    (folder / "workspace").mkdir()
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder, text=True)
    end = time.monotonic() + 60
    while not read_runs(folder / "workspace") and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    assert process.stderr is not None
    found = lines(process.stderr.read())
    assert process.wait(timeout=60) == 143
    assert any(line["level"] == "error" and line["message"].startswith("terminated") for line in found)


def test_numbers_that_are_none_and_lines_within_a_message_stay_one_line_of_json() -> None:
    log = Log("json", None, run="r", step="train", lost=lambda reason: None)
    line = log.line(
        "info", "two\nlines", {"metrics": {"loss": float("nan"), "n": 3}, "epoch": None, "p": Path("a")}
    )
    assert "\n" not in line
    found = json.loads(line)
    assert found["metrics"] == {"loss": None, "n": 3}
    assert found["p"] == "a"
    assert "epoch" not in found


def test_what_is_asked_before_parsing() -> None:
    assert asked_before_parsing(["train", "--log-format", "json"], None) == "json"
    assert asked_before_parsing(["--log-format=json", "train"], "text") == "json"
    assert asked_before_parsing(["train"], "json") == "json"
    assert asked_before_parsing(["train", "--log-format", "jsn"], None) is None
    assert asked_before_parsing(["train", "--log-format"], None) is None
    assert asked_before_parsing(["train", "--log-file", "x", "--log-format", "json"], None) is None


# From cron: what was said last night is not said again.


def warn_of_twins(folder: Path, *, more: bool = False) -> None:
    """Write plays that prepare warns of: ids that differ by a space; with `more`, of more."""
    rows = [f"p{p},i{(p * 7 + n) % 17}" for p in range(120) for n in range(4)]
    rows += ["P1 ,i1", "p1 ,i2"] + (["p2 ,i2"] if more else [])
    (folder / "plays.csv").write_text("\n".join(["person,item", *rows]) + "\n")


def warnings(text: str) -> list[str]:
    """The lines of warnings."""
    return [line for line in text.splitlines() if line.startswith("warning: ")]


def test_a_warning_is_not_repeated_the_next_night_unless_it_changed(folder: Path, capsys: Output) -> None:
    warn_of_twins(folder)
    nightly = [*PREPARE, "-q"]
    assert main(nightly) == 0
    first = warnings(capsys.readouterr().err)
    assert first
    for _ in range(2):
        assert main([*nightly, "--log-file", "all.log", "--log-format", "json"][: len(nightly)]) == 0
        assert capsys.readouterr().err == ""
    warn_of_twins(folder, more=True)
    assert main(nightly) == 0
    changed = warnings(capsys.readouterr().err)
    assert changed
    assert not set(changed) & set(first)
    assert main(PREPARE) == 0  # without --quiet all is told
    assert warnings(capsys.readouterr().err)
    assert main([*nightly, "--json"]) == 0
    out, _ = capsys.readouterr()
    assert json.loads(out)["warnings"]
    assert main([*nightly, "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["warnings"]
    assert err == ""


def test_a_warning_that_was_gone_for_a_night_is_new(folder: Path, capsys: Output) -> None:
    nightly = [*PREPARE, "-q"]
    plain = (folder / "plays.csv").read_text()
    warn_of_twins(folder)
    assert main(nightly) == 0
    first = warnings(capsys.readouterr().err)
    (folder / "plays.csv").write_text(plain)
    assert main(nightly) == 0
    warn_of_twins(folder)
    capsys.readouterr()
    assert main(nightly) == 0
    assert warnings(capsys.readouterr().err) == first


def test_the_log_file_has_what_is_not_repeated_and_errors_are_told_every_night(
    folder: Path, capsys: Output
) -> None:
    warn_of_twins(folder)
    nightly = [*PREPARE, "-q", "--log-file", "all.log", "--log-format", "json"]
    assert main(nightly) == 0
    told = len([line for line in lines((folder / "all.log").read_text()) if line["level"] == "warning"])
    (folder / "all.log").unlink()
    assert main(nightly) == 0
    found = [line for line in lines((folder / "all.log").read_text()) if line["level"] == "warning"]
    assert len(found) == told > 0
    assert all(line["repeated"] for line in found)
    capsys.readouterr()
    for _ in range(2):
        assert main(["predict", "--model", "nobody", "-q"]) == 66
        assert "error: there is no model" in capsys.readouterr().err


def test_a_run_that_failed_forgets_nothing(folder: Path, capsys: Output) -> None:
    warn_of_twins(folder)
    good = (folder / "plays.csv").read_text()
    assert main([*PREPARE, "-q"]) == 0
    (folder / "plays.csv").write_text("person,thing\na,b\n")
    assert main([*PREPARE, "-q"]) == 66
    (folder / "plays.csv").write_text(good)
    capsys.readouterr()
    assert main([*PREPARE, "-q"]) == 0
    assert capsys.readouterr().err == ""


def test_the_memory_of_warnings_is_bounded_and_what_is_damaged_in_it_is_forgotten(tmp_path: Path) -> None:
    for number in range(MOST_COMMANDS + 3):
        remember_warned(tmp_path, f"awe {number}", [f"{n:016x}" for n in range(MOST_WARNINGS + 9)])
    assert len((tmp_path / WARNED).read_text().splitlines()) == MOST_COMMANDS
    assert not warned_before(tmp_path, "awe 2")
    assert len(warned_before(tmp_path, "awe 3")) == MOST_WARNINGS
    (tmp_path / WARNED).write_bytes(b"[1]\n\xff")
    assert not warned_before(tmp_path, "awe 3")
    remember_warned(tmp_path, "awe 3", ["a"])
    assert warned_before(tmp_path, "awe 3") == {"a"}
    remember_warned(tmp_path / "nowhere", "awe 3", ["a"])
    assert not (tmp_path / "nowhere").exists()


def test_nothing_of_a_run_stays_for_the_next_one_in_the_same_process(folder: Path, capsys: Output) -> None:
    assert main([*PREPARE, "--log-format", "json"]) == 0
    capsys.readouterr()
    assert not console.is_logging()
    assert main(["status", "--runs", "1"]) == 0
    assert "prepare" in capsys.readouterr().out


def test_a_variable_that_is_no_setting_is_in_the_log_and_told_once(
    folder: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWE_TRAIN_DMI", "3")
    assert main([*PREPARE, "--log-format", "json"]) == 0
    [warning] = [line for line in lines(capsys.readouterr().err) if line["level"] == "warning"]
    assert "AWE_TRAIN_DMI" in warning["message"]
    assert warning["step"] == "prepare"
    for told in (1, 0):
        assert main([*PREPARE, "-q"]) == 0
        assert capsys.readouterr().err.count("AWE_TRAIN_DMI") == told
