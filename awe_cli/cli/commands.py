"""The commands of `awe`, each loaded when it is asked for: a run of one imports no other's module.

The module of `build-knn` is awe_cli.cli.build_knn. It holds the function `build_knn`, whose docstring is the help, and
EXAMPLE: worked command lines. It imports nothing heavy.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

from typer.core import TyperGroup
from typer.main import get_command_from_info
from typer.models import CommandInfo

from awe_cli.cli.help import PanelCommand
from awe_cli.cli.options import with_log_options
from awe_cli.config.resolve import COMMANDS


def module_of(name: str) -> ModuleType:
    """The module of a command."""
    return importlib.import_module(f"awe_cli.cli.{name.replace('-', '_')}")


def function_of(name: str) -> Callable[..., None]:
    """The function of a command."""
    function: Callable[..., None] = getattr(module_of(name), name.replace("-", "_"))
    return function


def described(function: Callable[..., None]) -> str:
    """What a command does, a line a paragraph: the terminal folds them."""
    return "\n\n".join(_paragraphs(function))


def functions() -> dict[str, Callable[..., None]]:
    """Name → function of every command."""
    return {name: function_of(name) for name in COMMANDS}


class CommandList(TyperGroup):
    """The application: it builds a command when it is asked for, and lists them with a whole sentence each."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**{**attributes, "commands": None})
        self.commands: Mapping[str, Any] = _Commands(self.rich_markup_mode)  # type: ignore[assignment]

    def list_commands(self, ctx: Any) -> list[str]:
        """The names."""
        return list(self.commands)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help of `awe` itself, for which the options of the commands need not be built."""
        whole = self.commands
        self.commands = {name: PanelCommand(name, help=_sentence(function_of(name))) for name in COMMANDS}
        super().format_help(ctx, formatter)
        self.commands = whole

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the names and sentences."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help) for name, command in self.commands.items()])


class _Commands(Mapping[str, Any]):
    """Name → command, built at the first look-up."""

    def __init__(self, markup: Any) -> None:
        self._markup = markup
        self._built: dict[str, PanelCommand] = {}

    def __getitem__(self, name: str) -> PanelCommand:
        if name not in COMMANDS:
            raise KeyError(name)
        if name not in self._built:
            function = function_of(name)
            info = CommandInfo(name, cls=PanelCommand, callback=with_log_options(function), help=_help(name))
            self._built[name] = get_command_from_info(  # type: ignore[assignment]
                info, pretty_exceptions_short=True, rich_markup_mode=self._markup
            )
        return self._built[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


def _help(name: str) -> str:
    """What a command does, and its examples."""
    lines = "\n".join(f"  {line}" for line in module_of(name).EXAMPLE.strip().splitlines())
    return f"{described(function_of(name))}\n\n\b\nExample:\n{lines}"


def _sentence(function: Callable[..., None]) -> str:
    """The first sentence of what a command does, as a list of commands has it."""
    first, *_ = _paragraphs(function)
    return first.partition(". ")[0].rstrip(".") + "."


def _paragraphs(function: Callable[..., None]) -> list[str]:
    """The docstring of a command, a line a paragraph."""
    return [" ".join(part.split()) for part in inspect.cleandoc(function.__doc__ or "").split("\n\n")]
