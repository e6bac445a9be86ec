"""What goes to which stream, and how it looks off a terminal and on one."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from awe_cli.cli import console
from awe_cli.cli.progress import Shown, showing_progress

ROOT = Path(__file__).parent.parent.parent

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def as_at_the_start() -> Iterator[None]:
    console.be_quiet(False)
    console.name_workspace(None)
    yield
    console.be_quiet(False)


def test_talk_goes_to_standard_error_and_quiet_silences_it(capsys: Output) -> None:
    console.log("found 3 labels")
    console.warn("a label was seen once")
    console.next_step("awe train")
    assert capsys.readouterr() == ("", "found 3 labels\nwarning: a label was seen once\nnext: awe train\n")
    console.be_quiet(True)
    console.log("found 3 labels")
    console.warn("a label was seen once")
    console.next_step("awe train")
    console.print_result("a label")
    console.table("", ["a"], [[1]])
    console.table("", ["a"], [[1]], to_stderr=True)
    assert capsys.readouterr() == ("", "warning: a label was seen once\n")


def test_the_commands_of_a_hint_name_the_workspace(tmp_path: Path) -> None:
    hint = (
        "remove it (`awe status` names it), or `awe train --dim 2`; what `awe train` or `rm -r x` do is known"
    )
    assert console.with_workspace_in_hint(hint) == hint
    console.name_workspace(Path("a b"))
    found = hint.replace("awe status", "awe -w 'a b' status").replace("awe train --", "awe -w 'a b' train --")
    assert console.with_workspace_in_hint(hint) == found


def test_a_plain_table_aligns_numbers_right(capsys: Output) -> None:
    console.table("test", ["model", "p@1", "n"], [["wsabie", 0.5, 10], ["awe", None, 1000]])
    assert capsys.readouterr().out == (
        "test\n"  #
        "model      p@1     n\n"
        "wsabie  0.5000    10\n"
        "awe             1000\n"
    )


def test_an_empty_table_has_its_header(capsys: Output) -> None:
    console.table("", ["model", "p@1"], [])
    assert capsys.readouterr().out == "model  p@1\n"


def test_json_is_readable_and_strict(capsys: Output) -> None:
    console.print_json({"name": "é", "value": 0.1})
    assert capsys.readouterr().out == '{\n  "name": "é",\n  "value": 0.1\n}\n'
    with pytest.raises(ValueError, match="JSON"):
        console.print_json(float("nan"))


def test_a_wide_table_goes_on_below_with_its_first_column(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    names = [f"a-long-name-{i}" for i in range(10)]
    console.table("", ["metric", *names], [["map", *([0.5] * 10)]])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert [line.split()[0] for line in lines if line] == ["metric", "map"] * 2
    assert " ".join(lines).count("0.5000") == 10


def test_what_goes_on_below_keeps_all_columns_that_say_which_row_it_is(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    rows = [
        ["model", name, "1.5 MB", "2026-11-26 03:40", "stale: " + "of long ago " * 3] for name in ("a", "b")
    ]
    console.table("", ["kind", "name", "size", "made", "state"], rows, keys=2)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 40
    assert [line.split()[:2] for line in lines if line[:1].strip()] == [
        ["kind", "name"],
        ["model", "a"],
        ["model", "b"],
    ] * 2
    assert lines[5] == "model  a     stale: of long ago of long"


def test_long_text_is_folded_in_the_last_column(capsys: Output) -> None:
    console.table("", ["id", "labels"], [["one", ", ".join(["label"] * 30)], ["two", "x"]])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[2].startswith("     label")
    assert lines[-1] == "two  x"


def test_training_off_a_terminal_is_a_line_for_each_task(capsys: Output) -> None:
    shown = [Shown(task, i, 3, f"loss {i}") for task in ("train", "train+valid") for i in (1, 2, 3)]
    with showing_progress(lambda report: report) as on_progress:
        for report in shown:
            on_progress(report)
    assert capsys.readouterr() == (
        "",
        "train 1/3: loss 1\ntrain 3/3: loss 3\ntrain+valid 3/3: loss 3\n",
    )
    console.be_quiet(True)
    with showing_progress(lambda report: report) as on_progress:
        on_progress(shown[0])
    assert capsys.readouterr().err == ""


def test_many_small_reports_off_a_terminal_are_told_where_they_take_long(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("awe_cli.cli.progress.time.monotonic", lambda: now[0])
    with showing_progress(lambda report: report, patiently=True) as on_progress:
        for done in range(100):
            now[0] = 0.3 * done
            on_progress(Shown("judging", done, 1000, "examples"))
    said = capsys.readouterr().err.splitlines()
    assert said == ["judging 34/1,000: examples, 5 min left", "judging 68/1,000: examples, 5 min left"]
    with showing_progress(lambda report: report, patiently=True) as on_progress:
        on_progress(Shown("judging", 1, None, "examples"))
        now[0] += 20
        on_progress(Shown("judging", 2, None, "examples"))
    assert capsys.readouterr().err == "judging 2: examples\n", "of what is not known nothing is promised"


def test_compiling_is_told_once_and_not_again(tmp_path: Path) -> None:
    script = tmp_path / "kernel.py"
    script.write_text(
        "from awe_cli.cli.progress import announce_compiling\n"
        "import numpy as np\n"
        "announce_compiling()\n"
        "from awe_cli.core.score import project_rows\n"
        "from awe_cli.matrices.matrix import Dense\n"
        "x = Dense(np.zeros(2, np.int32), np.zeros((1, 2), np.float32))\n"
        "project_rows(x, np.zeros((2, 2), np.float32), np.zeros((1, 2), np.float32))\n"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)}

    def run() -> str:
        command = [sys.executable, str(script)]
        return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stderr

    first = run()
    assert first.count("first use of these kernels: compiling them") == 1
    assert str(tmp_path / "cache") in first
    assert run() == ""


ON_A_TERMINAL = """
from awe_cli.cli import console
from awe_cli.cli.progress import Shown, showing_progress
console.warn("careful")
console.table("test", ["model [x]", "p@1"], [["[bold]awe", 0.5]])
with showing_progress(lambda i: Shown("epoch", i, 3, f"loss [{i}]")) as watch:
    for i in range(1, 4):
        watch(i)
"""


@pytest.mark.parametrize("colour", [True, False])
def test_on_a_terminal(colour: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Colours unless NO_COLOR, a bar, and square brackets as they are."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if not colour:
        monkeypatch.setenv("NO_COLOR", "1")
    leader, follower = pty.openpty()
    subprocess.run([sys.executable, "-c", ON_A_TERMINAL], stdout=follower, stderr=follower, check=True)
    os.close(follower)
    shown = os.read(leader, 100_000).decode()
    os.close(leader)
    assert "[bold]awe" in shown
    assert "model [x]" in shown
    assert "loss [3]" in shown
    assert "3/3" in shown
    assert ("\x1b[33m" in shown) is colour
    assert ("\x1b" in shown) is colour


BARS = """
from awe_cli.cli.progress import Shown, showing_progress
figures = "valid 0.1234, loss 0.123, 45% violated, 3.2 trials"
with showing_progress(lambda i: i) as watch:
    for task, last, total in (("train, margin 0.5", 15, 30), ("sigmoid, train+valid, margin 0.5", 100, 100)):
        for i in range(1, last + 1):
            watch(Shown(task, i, total, figures))
"""


@pytest.mark.parametrize("columns", [60, 80, 100])
def test_a_bar_fits_the_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done and the time left are whole at any width, lines are not folded, what stopped early is over."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.delenv("NO_COLOR", raising=False)
    leader, follower = pty.openpty()
    subprocess.run([sys.executable, "-c", BARS], stdout=follower, stderr=follower, check=True)
    os.close(follower)
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", os.read(leader, 100_000).decode())
    os.close(leader)
    lines = [line for line in re.split(r"[\r\n]+", shown) if line.strip()]
    assert max(len(line.rstrip()) for line in lines) <= columns
    figures = {60: "", 80: " valid 0.1234", 100: " valid 0.1234, loss 0.123, 45% violated"}[columns]
    assert re.search(rf"sigmoid, train\+valid, margin 0\.5 .*100/100 00:00{figures} *$", lines[-1])
    assert re.search(r"train, margin 0\.5 .* 15/30 +00:00", lines[-2])
    assert "…" not in shown
