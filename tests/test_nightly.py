"""Every command of docs/nightly.md, run in the order of the page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from awe_cli import errors
from awe_cli.cli.process import CODES
from tests.pages import DOCS, blocks, commands, follow, run_here
from tests.small import QUICK

PAGE = DOCS / "nightly.md"


def test_the_page_has_a_block_for_each_of_its_parts() -> None:
    found = [one for block in blocks(PAGE) if block.language == "sh" for one in commands(block.text)]
    assert len(found) > 20
    assert all(line.startswith(("awe ", "./night.sh", "head ")) for line, _ in found)
    assert {code for _, code in found} == {0, 65, 79}


def test_the_page_says_what_every_exit_code_asks_for() -> None:
    codes = {cls.exit_code for cls in errors.AweError.__subclasses__()} | {0, 1, *CODES}
    rows = re.findall(r"^\| ([\d, ]+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(int(code) for row in rows for code in row.split(",")) == sorted(codes)


@pytest.mark.slow
def test_every_command_of_the_page_ends_as_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"p{p},i{(p * 7 + n) % 17}" for p in range(60) for n in range(4)]
    (tmp_path / "plays.csv").write_text("\n".join(["user,item", *rows]) + "\n")

    def quick(command: str) -> None:
        if command.startswith("awe init"):
            with open(tmp_path / "workspace/awe.toml", "a") as file:
                file.write(QUICK)

    follow(PAGE, tmp_path, monkeypatch, after=quick)
    assert (tmp_path / "recommendations.parquet").is_file()
    assert (tmp_path / "night.jsonl").is_file()
    table = {row.split()[0]: row for row in run_here(["models"])[1].splitlines() if " ndcg@20" in row}
    assert {"champion", "linear", "tonight"} <= set(table)
    assert not any(sign in row for row in table.values() for sign in "{[")
