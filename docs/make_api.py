"""Writes docs/api.md from the docstrings of the Python interface: `python docs/make_api.py`.

tests/test_docs.py makes the page again and compares, so that it cannot fall behind.
"""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from types import FunctionType
from typing import Any

import awe_cli
from awe_cli import errors
from awe_cli.api.workspace import Dataset, Embeddings, Matrices
from awe_cli.config import settings_of
from awe_cli.config.build import BuildKnnSettings
from awe_cli.config.prepare import PrepareSettings
from awe_cli.config.resolve import COMMANDS
from awe_cli.config.train import RetrainSettings, TrainSettings

PAGE = Path(__file__).parent / "api.md"
# What `import awe_cli` offers, then what its methods return.
CLASSES = [awe_cli.AffinityWeightedEmbedding, awe_cli.Workspace, awe_cli.Model, Dataset, Matrices, Embeddings]
_SETTINGS = (TrainSettings, PrepareSettings, BuildKnnSettings, RetrainSettings)  # of the estimator
_HELD = "\0"  # a space at which a line is not broken
_NAMED = re.compile(r"^(?P<names>[\w.]+(?:, [\w.]+)*) {2,}(?P<meaning>\S.*)$")

TOP = """# The Python interface

Made from the docstrings by `python docs/make_api.py`; do not edit. [python.md](python.md) shows it at work.

`from awe_cli import AffinityWeightedEmbedding, Workspace, Model`; the other classes are what their methods return. All
of it is typed. Shapes are in parentheses: n examples, p columns of X, d dimensions.
"""


def page() -> str:
    """The whole page."""
    contents = [f"- [{cls.__name__}](#{cls.__name__.lower()}): {summary(cls)}" for cls in CLASSES]
    sections = [*(class_section(cls) for cls in CLASSES), errors_section()]
    whole = "\n".join([TOP, *contents, "- [Errors](#errors): what cannot be, and what to do", "", *sections])
    return re.sub(r"\n{3,}", "\n\n", whole)


def class_section(cls: Any) -> str:
    """A class: what it is, how it is made, its attributes, its methods."""
    own = {name: value for name, value in vars(cls).items() if not name.startswith("_")}
    lines = [f"## {cls.__name__}", "", *described(cls), ""]
    if cls is awe_cli.AffinityWeightedEmbedding:
        lines += [*parameters(cls), ""]
    if cls is awe_cli.Workspace:
        lines += called(cls, cls.__name__)
    attributes = {name: value for name, value in own.items() if isinstance(value, property | cached_property)}
    if attributes:
        lines += ["| attribute | meaning |", "|---|---|"]
        lines += [f"| `{name}` | {cell(inspect.getdoc(value))} |" for name, value in attributes.items()] + [
            ""
        ]
    for name, value in own.items():
        if isinstance(value, FunctionType | classmethod):
            lines += method(cls, name)
    return "\n".join(lines)


def method(cls: Any, name: str) -> Iterator[str]:
    """A method: how it is called, and what it does."""
    function = getattr(cls, name)
    yield from [f"### {cls.__name__}.{name}", "", *called(function, f"{cls.__name__}.{name}")]
    yield from described(function)
    command = name.replace("_", "-")
    if command in COMMANDS and "settings" in inspect.signature(function).parameters:
        yield from ["", f"`settings` are those of [`awe {command}`](commands.md#awe-{command}), by name."]
    yield ""


def called(function: Any, name: str) -> list[str]:
    """How something is called, as a block of code."""
    signature = inspect.signature(function)
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    arguments = []
    for one in signature.parameters.values():
        if one.kind is one.KEYWORD_ONLY and not any(text.startswith("*") for text in arguments):
            arguments.append("*")
        typed = f"{stars.get(one.kind, '')}{one.name}: {one.annotation}"
        if one.name != "self":
            arguments.append(typed if one.default is one.empty else f"{typed} = {one.default!r}")
    returned = signature.return_annotation
    returns = "" if returned in (signature.empty, None, "None") else f" -> {returned}"
    whole = [text.replace(" ", _HELD) for text in (*arguments, returns)]
    line = f"{name}({', '.join(whole[:-1])}){whole[-1]}"
    wrapped = textwrap.wrap(line, 100, subsequent_indent=" " * (len(name) + 1), break_long_words=False)
    return ["```python", *(text.replace(_HELD, " ") for text in wrapped), "```", ""]


def described(thing: Any) -> Iterator[str]:
    """A docstring, its lists of names as tables; code is left as it is."""
    for paragraph in inspect.cleandoc(thing.__doc__ or "").split("\n\n"):
        lines = paragraph.split("\n")
        if not _NAMED.match(lines[0]):
            yield from [*lines, ""]
            continue
        rows: list[list[str]] = []
        for line in lines:
            named = _NAMED.match(line)
            if named:
                rows.append([named["names"], named["meaning"]])
            else:
                rows[-1][1] += f" {line.strip()}"
        yield from ["| name | meaning |", "|---|---|"]
        yield from [f"| `{names.replace(', ', '`, `')}` | {cell(meaning)} |" for names, meaning in rows]
        yield ""


def parameters(cls: Any) -> Iterator[str]:
    """The parameters of the estimator: those of commands, in the words of their options."""
    settings = {one.name: one for of in reversed(_SETTINGS) for one in settings_of(of)}
    yield from ["| parameter | default | meaning |", "|---|---|---|"]
    for one in list(inspect.signature(cls).parameters.values()):
        setting = settings.get(one.name)
        meaning = setting.help if setting else "Threads; never changes a result."
        default = f"`{one.default!r}`"
        if one.default is None:
            default = (setting.default_words if setting else None) or "`None`"
        yield f"| `{one.name}` | {cell(default)} | {cell(meaning)} |"


def errors_section() -> str:
    """The errors and their codes."""
    kinds = [errors.AweError, *errors.AweError.__subclasses__()]
    lines = [
        "## Errors",
        "",
        *described(errors.AweError),
        "| `awe_cli.errors.` | code | when |",
        "|---|---|---|",
    ]
    lines += [f"| `{kind.__name__}` | {kind.exit_code} | {cell(summary(kind))} |" for kind in kinds[1:]]
    return "\n".join(lines) + "\n"


def summary(thing: Any) -> str:
    """The first sentence of a docstring."""
    return re.split(r"(?<=[.:]) |\n", inspect.cleandoc(thing.__doc__ or ""))[0].rstrip(":")


def cell(text: str | None) -> str:
    """Text inside a Markdown table."""
    return " ".join((text or "").split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}", file=sys.stderr)
