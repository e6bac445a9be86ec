"""Every command of docs/nightly.md, run by sh in the order of the page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from awe_cli import errors
from awe_cli.cli.process import CODES

PAGE = Path(__file__).parent.parent / "docs" / "nightly.md"
# Fits of one epoch: the commands are what is tried, not the models.
QUICK = (
    "\n[train]\ndim = 4\nepochs = 1\nmargin = 0.3\n[build-knn]\nk = 5\nlambda = 1.0\n[retrain]\nepochs = 1\n"
)


def commands() -> list[tuple[str, int]]:
    """The lines of the blocks of shell, each with the code that its comment says it ends with."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.strip()]
    return [
        (line, int(match[1]) if (match := re.search(r"# ends with (\d+)", line)) else 0) for line in lines
    ]


def test_the_page_has_a_block_for_each_of_its_parts() -> None:
    found = [line for line, _ in commands()]
    assert len(found) > 20
    assert all(line.startswith(("awe ", "./night.sh", "head ")) for line in found)
    assert {code for _, code in commands()} == {0, 65, 79}


def test_the_page_says_what_every_exit_code_asks_for() -> None:
    codes = {cls.exit_code for cls in errors.AweError.__subclasses__()} | {0, 1, *CODES}
    rows = re.findall(r"^\| ([\d, ]+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(int(code) for row in rows for code in row.split(",")) == sorted(codes)


@pytest.mark.slow
def test_every_command_of_the_page_ends_as_it_says(tmp_path: Path) -> None:
    rows = [f"p{p},i{(p * 7 + n) % 17}" for p in range(60) for n in range(4)]
    (tmp_path / "plays.csv").write_text("\n".join(["user,item", *rows]) + "\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWE_")}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    for line, code in commands():
        done = subprocess.run(
            ["/bin/sh", "-c", line],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == code, f"{line}\n{done.stdout}\n{done.stderr}"
        if line.startswith("awe init"):
            with open(tmp_path / "workspace/awe.toml", "a") as file:
                file.write(QUICK)
    assert (tmp_path / "recommendations.parquet").is_file()
    assert (tmp_path / "night.jsonl").is_file()
