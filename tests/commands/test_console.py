"""What goes to which stream, and how it looks off a terminal and on one."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator

import pytest

from awe_cli.commands import console

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def loud() -> Iterator[None]:
    yield
    console.be_quiet(False)


def test_talk_goes_to_standard_error_and_quiet_silences_it(capsys: Output) -> None:
    console.say("found 3 labels")
    console.warn("a label was seen once")
    console.next_step("awe train")
    assert capsys.readouterr() == ("", "found 3 labels\nwarning: a label was seen once\nnext: awe train\n")
    console.be_quiet(True)
    console.say("found 3 labels")
    console.warn("a label was seen once")
    console.next_step("awe train")
    console.table("", ["a"], [[1]], to_stderr=True)
    assert capsys.readouterr() == ("", "warning: a label was seen once\n")


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


def test_progress_off_a_terminal_is_a_line_now_and_then(capsys: Output) -> None:
    passed = list(console.progress(range(1000), label="epoch", total=1000, describe=lambda i: f"loss {i}"))
    assert passed == list(range(1000))
    assert capsys.readouterr() == ("", "epoch 1/1000: loss 0\nepoch 1000/1000: loss 999\n")
    console.be_quiet(True)
    assert list(console.progress(range(3), label="epoch", total=3, describe=str)) == [0, 1, 2]
    assert capsys.readouterr().err == ""


ON_A_TERMINAL = """
from awe_cli.commands import console
console.warn("careful")
console.table("test", ["model [x]", "p@1"], [["[bold]awe", 0.5]])
list(console.progress(range(3), label="epoch", total=3, describe=lambda i: f"loss [{i}]"))
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
    assert "loss [2]" in shown
    assert "3/3" in shown
    assert ("\x1b[33m" in shown) is colour
