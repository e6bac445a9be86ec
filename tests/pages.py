"""Pages of the documentation as a reader follows them: their blocks of code run in order, in one folder.

    ```sh      commands, each of which ends with 0, or with the code of its comment `# ends with 65`
    ```python  statements, all of a page in one namespace; `# before: LIBRARY` at the top: code that a reader leaves
               behind, which runs where that library is installed and is only compiled elsewhere
    ```text    below one of these: what it printed, with … for what is left out; numbers may be others

A file that a page has whole is announced by its name, "`softplus.py`, the whole file": it is written, not run.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from awe_cli.app import main

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
_FENCE = re.compile(r"^```(?P<language>[a-z]*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_WHOLE_FILE = re.compile(r"^`(?P<name>\S+)`, the whole file")
_BEFORE = re.compile(r"# before: (?P<library>\w+)")
_HERE_DOCUMENT = re.compile(r"<<\s*'?(\w+)'?")
_ENDS_WITH = re.compile(r"# ends with (\d+)")
_OF_A_SHELL = re.compile(r"[|<>&;*$]")  # not for awe alone
_NUMBER = re.compile(r"[+-]?[\d,]*\.?\d+(e[+-]?\d+)?")


class Block(NamedTuple):
    """A block of code of a page; `file` is the name of a whole file, else empty."""

    language: str
    text: str
    file: str


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in its order."""
    text, found, end = page.read_text(encoding="utf-8"), [], 0
    for match in _FENCE.finditer(text):
        paragraph = text[end : match.start()].rstrip().rsplit("\n\n", 1)[-1].lstrip()
        named = _WHOLE_FILE.match(paragraph)
        found.append(Block(match["language"], match["text"], named["name"] if named else ""))
        end = match.end()
    return found


def commands(script: str) -> Iterator[tuple[str, int]]:
    """The commands of a block of shell, each with the code that it ends with.

    One is a line, and those after it that a backslash or a here-document takes in.
    """
    lines = iter(script.splitlines())
    for line in lines:
        command = line
        while command.endswith("\\"):
            command += "\n" + next(lines)
        if here := _HERE_DOCUMENT.search(line):
            while not command.endswith(f"\n{here[1]}"):
                command += "\n" + next(lines)
        if line.strip() and not line.startswith("#"):
            code = _ENDS_WITH.search(line)
            yield command, int(code[1]) if code else 0


def without_settings(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Nothing of whoever runs the tests: no variable AWE_…, a terminal of 80 columns, awe of these sources on PATH."""
    for name in [name for name in os.environ if name.startswith("AWE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.chdir(folder)


def follow(
    page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, after: Callable[[str], None] | None = None
) -> dict[str, Any]:
    """Run the blocks of a page in a folder, and hold what it shows against what is printed; the names of its Python.

    after  called with each command of the shell that has run
    """
    without_settings(monkeypatch, folder)
    names: dict[str, Any] = {"__name__": "__main__"}
    printed = ""
    for number, block in enumerate(blocks(page), 1):
        where = f"{page.name}, block {number}"
        if block.file:
            Path(block.file).write_text(block.text, encoding="utf-8")
        elif block.language == "sh":
            printed = "".join(_run(command, code, where, after) for command, code in commands(block.text))
        elif block.language == "python":
            printed = _execute(block.text, where, names)
        elif block.language == "text":
            assert_shown(block.text, printed, where)
    return names


def assert_shown(shown: str, printed: str, where: str) -> None:
    """Each line that a page shows was printed, in this order; numbers may be others, and spaces with them."""
    lines = iter([_plain(line) for line in printed.splitlines()])
    for line in shown.splitlines():
        parts = [re.escape(_plain(part)) for part in line.split("…")]
        wanted = re.compile(r"\s*.*\s*".join(parts))
        if any(parts):
            assert any(wanted.fullmatch(one) for one in lines), f"{where}: not printed: {line}\n{printed}"


def _plain(line: str) -> str:
    """A line whose numbers and spaces are all alike."""
    return " ".join(_NUMBER.sub("0", line).split())


def _run(command: str, code: int, where: str, after: Callable[[str], None] | None) -> str:
    """What a command prints on both streams."""
    if command.startswith("awe ") and not _OF_A_SHELL.search(command.partition("#")[0]):
        found, printed = run_here(shlex.split(command.replace("\\\n", " "), comments=True)[1:])
    else:
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=300,
        )
        found, printed = done.returncode, done.stdout
    assert found == code, f"{where}: {command}\n{printed}"
    if after:
        after(command)
    return printed


def run_here(arguments: list[str]) -> tuple[int, str]:
    """The code of `awe …` in this process, which has all loaded that a new one would load, and what it prints."""
    out = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = main(arguments)
    return code, out.buffer.getvalue().decode()  # type: ignore[attr-defined]


def _execute(source: str, where: str, names: dict[str, Any]) -> str:
    """What a block of Python prints."""
    code = compile(source, where, "exec")
    before = _BEFORE.match(source)
    if before and importlib.util.find_spec(before["library"]) is None:
        return ""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(code, names)
    return out.getvalue()
