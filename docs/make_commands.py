"""Writes docs/commands.md from the application itself: `python docs/make_commands.py`.

tests/test_docs.py makes the page again and compares, so that it cannot fall behind.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

import typer

from awe_cli.app import build_app
from awe_cli.cli.commands import function_of, module_of
from awe_cli.cli.options import declared_by
from awe_cli.config import Setting
from awe_cli.config.resolve import COMMANDS
from awe_cli.config.schema import expectation

PAGE = Path(__file__).parent / "commands.md"

TOP = """# The commands

Made from the application by `python docs/make_commands.py`; do not edit. `awe COMMAND --help` says the same.

Data goes to standard output, everything else to standard error. `-` is standard input or output. `--json` prints
JSON for machines. `--quiet` leaves warnings, errors, and what `--json` or `--output -` asks for: tables are for people,
and are silent too. `--wait` waits for another process that writes to the workspace instead of ending with code 75,
`--threads` and `--scheduler` never change a result. `--log-format json` and `--log-file` are described in
[workspace.md](workspace.md#the-log).

A *setting* has four places, and the first that has a value wins: the option; the environment variable
`AWE_<COMMAND>_<SETTING>`, such as `AWE_TRAIN_LEARNING_RATE`; the file `awe.toml` in the workspace, table
`[<command>]`, such as `learning-rate = 0.05` in `[train]`; the default. In the environment and in the file `auto`
asks for what is chosen from the data. A variable `AWE_…` that no setting is called is ignored with a warning.
"""


def page() -> str:
    """The whole page."""
    root = typer.main.get_command(build_app())
    contents = "\n".join(f"- [awe {name}](#awe-{name}): {summary(name)}" for name in COMMANDS)
    sections = "\n".join(section(name, root.commands[name]) for name in COMMANDS)  # type: ignore[attr-defined]
    return f"{TOP}\n{contents}\n\n{sections}"


def section(name: str, command: Any) -> str:
    """One command: what it does, examples, arguments, settings, other options."""
    settings = {setting.name: setting for setting in declared_by(function_of(name))}
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    told = [settings[p.name] for p in command.params if p.name in settings]
    others = [p for p in command.params if p.param_type_name == "option" and p.name not in settings]
    shown = " ".join(["awe", name, "[OPTIONS]", *(metavar(p) for p in arguments)])
    lines = [f"## awe {name}", "", f"    {shown}", "", described(name), ""]
    lines += ["```sh", *module_of(name).EXAMPLE.strip().splitlines(), "```", ""]
    if told:
        lines += ["| setting | meaning | value | default |", "|---|---|---|---|"]
        lines += [setting_row(setting) for setting in told] + [""]
    lines += ["| argument or option | meaning |", "|---|---|"]
    lines += [f"| `{cell(metavar(p))}` | {cell(p.help)} |" for p in arguments]
    lines += [f"| {spelling(p)} | {cell(p.help)}{otherwise(p)} |" for p in others if p.name != "help"]
    return "\n".join(lines) + "\n"


def described(name: str) -> str:
    """What a command does, in the words of its docstring."""
    return inspect.cleandoc(function_of(name).__doc__ or "")


def summary(name: str) -> str:
    """The first sentence of it."""
    return described(name).split("\n")[0]


def setting_row(setting: Setting) -> str:
    """One setting: its option, what it means, what it may be, and what it is otherwise."""
    flags = " ".join(f"`{flag}`" for flag in setting.flag.split("/"))
    default = setting.default_words
    if setting.type is bool and setting.default is not None:
        default = "on" if setting.default else "off"
    value = "on or off" if setting.type is bool else expectation(setting)
    return f"| {flags} | {cell(setting.help)} | {cell(value)} | {cell(default or 'must be given')} |"


def metavar(parameter: Any) -> str:
    """How usage shows an argument."""
    return str(parameter.metavar or parameter.name.upper())


def spelling(parameter: Any) -> str:
    """An option as it is typed: `--workspace`, `-w`."""
    return ", ".join(f"`{flag}`" for flag in [*parameter.opts, *parameter.secondary_opts])


def otherwise(parameter: Any) -> str:
    """What an option is where it is not given, unless its help says so or it is a switch."""
    default = str(parameter.default)
    if parameter.name == "workspace":
        return f" (default: the environment variable `AWE_WORKSPACE`, else `{default}`)"
    variable = f" (or `{parameter.envvar}`)" if parameter.envvar else ""
    if parameter.is_flag or parameter.default is None or "default:" in (parameter.help or ""):
        return variable
    return f" (default: {default}){variable}"


def cell(text: str | None) -> str:
    """Text inside a Markdown table."""
    return " ".join((text or "").split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}", file=sys.stderr)
