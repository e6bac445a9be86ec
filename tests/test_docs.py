"""Documentation that cannot rot: made from the application, and checked against it."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import typer

import awe_cli
from awe_cli import errors
from awe_cli.app import INTERRUPTED, build_app, with_wait_value
from awe_cli.cli.commands import function_of, module_of
from awe_cli.cli.options import declared_by
from awe_cli.cli.process import CODES
from awe_cli.config.resolve import COMMANDS
from awe_cli.config.schema import read_value
from awe_cli.metrics import metrics
from awe_cli.metrics.metrics import Measure
from awe_cli.metrics.ranks import Ranks

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "sample_data").glob("*/README.md")]
)
# `awe …` at the start of a line of code, after a prompt or a pipe.
COMMAND_LINE = re.compile(r"^(?:\s{4,}|\t|\$ |.*\| )?(awe (?:-w \S+ )?[a-z][a-z-]*(?: .*)?)$")


def load(path: Path) -> ModuleType:
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKE = load(ROOT / "docs" / "make_commands.py")
MAKE_API = load(ROOT / "docs" / "make_api.py")
FIGURES = load(ROOT / "docs" / "make_figures.py")


def parse(line: str) -> None:
    """Read a worked example as the application would, without running it; an error where that cannot be."""
    line = next(part for part in line.split(" | ") if part.startswith("awe "))
    words = with_wait_value(shlex.split(line.split(" > ")[0].split(" <")[0], comments=True)[1:])
    if words[0] == "-w":
        words = words[2:]
    root: Any = typer.main.get_command(build_app())
    command = root.commands[words[0]]
    parent = root.make_context("awe", ["-w", "nowhere", words[0]])
    with command.make_context(words[0], list(words[1:]), parent=parent) as context:
        for setting in declared_by(function_of(words[0])):
            if context.params[setting.name] is not None:
                read_value(setting, context.params[setting.name], line)


def examples(name: str) -> list[str]:
    """The worked examples of a command."""
    return list(module_of(name).EXAMPLE.strip().splitlines())


def test_the_page_of_commands_is_what_the_application_says() -> None:
    found = MAKE.PAGE.read_text(encoding="utf-8")
    assert found == MAKE.page(), "run `python docs/make_commands.py`"


def test_the_page_of_the_python_interface_is_what_the_docstrings_say() -> None:
    found = MAKE_API.PAGE.read_text(encoding="utf-8")
    assert found == MAKE_API.page(), "run `python docs/make_api.py`"
    assert all(f"\n## {name}\n" in found for name in awe_cli._OF_API)
    estimator = found.split("\n## Workspace\n")[0]
    assert all(f"| `{name}` |" in estimator for name in awe_cli.AffinityWeightedEmbedding().get_params())


def test_the_pictures_are_those_that_are_drawn_and_small(tmp_path: Path) -> None:
    FIGURES.draw(tmp_path)
    there = sorted(FIGURES.FOLDER.iterdir())
    assert [path.name for path in there] == sorted(path.name for path in tmp_path.iterdir())
    assert all(path.stat().st_size < 60_000 for path in there)
    page = (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8")
    assert all(f"](figures/{path.name})" in page for path in there)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_worked_examples_that_parse(name: str) -> None:
    assert MAKE.summary(name).endswith(".")
    lines = examples(name)
    assert any(f"awe {name}" in line for line in lines)
    for line in lines:
        parse(line)


def test_every_option_has_help() -> None:
    root: Any = typer.main.get_command(build_app())
    silent = [
        (name, parameter.name)
        for name in COMMANDS
        for parameter in root.commands[name].params
        if parameter.name != "help" and not parameter.help
    ]
    assert not silent


def test_every_setting_is_explained_by_a_sentence_and_is_in_the_page() -> None:
    page = MAKE.PAGE.read_text(encoding="utf-8")
    sections = {name: page.split(f"\n## awe {name}\n")[1].split("\n## ")[0] for name in COMMANDS}
    declared = [(name, s) for name in COMMANDS for s in declared_by(function_of(name))]
    assert len(declared) > 100
    assert not [(name, s.name) for name, s in declared if not s.help.rstrip(")").endswith(".")]
    assert not [(n, s.name) for n, s in declared if f"`{s.flag.split('/')[0]}`" not in sections[n]]


def command_lines(page: Path) -> list[str]:
    """The `awe …` lines of the code in a page; those with … or [ are no commands but shapes of them."""
    code = re.findall(r"```[a-z]*\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    plain = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    lines = [line for block in code for line in typed(block.replace("\\\n", " ").splitlines())]
    lines += [line for line in plain.splitlines() if line.startswith("    awe ")]
    found = [match[1] for line in lines if (match := COMMAND_LINE.match(line))]
    return [line for line in found if not set("…[") & set(line)]


def typed(block: list[str]) -> list[str]:
    """The lines of a block that are typed: those after a prompt, or all where there is none."""
    prompted = [line for line in block if line.startswith("$ ")]
    return prompted or block


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_in_the_pages_parse(page: Path) -> None:
    for line in command_lines(page):
        parse(re.sub(r"\s+SPLIT$", "", line))


def test_links_lead_somewhere() -> None:
    broken = []
    for page in PAGES:
        for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            leads = "://" in link or (target.exists() and (not anchor or anchor in anchors(target)))
            broken += [] if leads else [f"{page.relative_to(ROOT).as_posix()}: {link}"]
    assert not broken


def anchors(page: Path) -> set[str]:
    """The names that the headings of a page have as links."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_has_every_exit_code() -> None:
    codes = {cls.exit_code for cls in errors.AweError.__subclasses__()} | {0, 1, INTERRUPTED, *CODES}
    table = re.findall(r"^\| (\d+) \|", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(map(int, table)) == sorted(codes)


def test_the_metric_that_the_design_adds_works_as_written() -> None:
    page = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    code = page.split("### To add a metric")[1].split("```python\n")[1].split("```")[0]
    there = dict(vars(metrics))
    exec(code, there)
    ranks = Ranks(np.array([0, 2, 3]), np.array([3, 9, 5], np.int32))
    assert Measure(there["SUCCESS"], 4).values(ranks).tolist() == [1.0, 0.0]


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    """In strict mode a link to a page or heading that is not there is an error."""
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "-f",
        str(ROOT / "mkdocs.yml"),
        "-d",
        str(tmp_path),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    )
    assert done.returncode == 0, done.stderr
    first = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "Affinity Weighted Embedding" in first
    assert 'src="http' not in first, "the site needs no network"
