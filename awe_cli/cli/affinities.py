"""`awe affinities`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from awe_cli.cli import console
from awe_cli.cli.options import DEFAULT_WORKSPACE, JsonOption, QuietOption, WorkspaceOption

EXAMPLE = """
awe affinities
awe affinities --json
"""


def affinities(
    *,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """List the affinities G, and when to use each.

    With the equation of each, where it is printed, its parameters, and how it is learned.
    """
    from awe_cli.steps.affinities import affinities as step

    found = step()
    if as_json:
        console.print_json(found)
        return
    console.table("", ("affinity", "when"), [(entry["name"], entry["when"]) for entry in found])
    console.print_result()
    columns = ("affinity", "source", "learned", "equation")
    console.table("", columns, [tuple(entry[name] for name in ("name", *columns[1:])) for entry in found])
    console.print_result()
    rows = [
        (entry["name"], f"--{name.replace('_', '-')}", in_words(default))
        for entry in found
        for name, default in entry["parameters"].items()
        if name != "floor"
    ]
    console.table("", ("affinity", "parameter", "default"), rows, keys=2)
    console.print_result()
    console.print_result(floors(found))
    console.next_step("awe train --affinity constant")


def floors(found: Sequence[Mapping[str, Any]]) -> str:
    """Which affinities a constant can be added to, and by which command."""
    none = ", ".join(entry["name"] for entry in found if entry["floor"] is None)
    return (
        f"Any but {none} takes a constant floor: --floor c, 0.0 by default,\n"
        "of awe train, or of awe retrain where G is built."
    )


def in_words(default: Mapping[str, Any]) -> str:
    """One value, or one for each task; None is chosen from the data or on validation."""
    values = {task: _word(value) for task, value in default.items()}
    if len(set(values.values())) == 1:
        return next(iter(values.values()))
    return ", ".join(f"{value} in {task}" for task, value in values.items())


def _word(value: Any) -> str:
    if value is None:
        return "chosen"
    return str(value).lower() if isinstance(value, bool) else str(value)
