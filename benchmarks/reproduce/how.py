"""The paragraph that says how a page's figures came about: runs, what was chosen by what, stars and minutes."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.reproduce.found import Found
from benchmarks.reproduce.shape import Data, Table

SPREAD = " ± the deviation between them, where there are several"
CHOSEN = """each method chooses on validation what is left open, from grids that differ in size and are listed under
*What was tried*"""
SETTLED = """there is no validation split, and nothing is left open by the commands and the defaults"""
FIXED = " What `awe train-baseline` draws, it draws with one fixed seed in every run."
OPENED = """ The last command opens test. Where other pages have the same data they open the same test examples, with
models of their own; nothing was chosen by those figures either."""
REST = """ A star: the difference from {baseline} is more than chance. *change*: of the first {measures}, relative to
{baseline}. *minutes*: of the processor, in brackets by the clock, for the commands of the row itself: what it starts
from has a row of its own, and compiling is not counted."""


def how(table: Table, measured: Sequence[Data], found: Sequence[Found]) -> str:
    """For the data that a page shows."""
    spread = SPREAD if any(entry.runs > 1 for entry in found) else ""
    chosen = CHOSEN if any(data.validated for data in measured) else SETTLED
    commands = [command for row in table.rows for command in row.all_commands]
    fixed = FIXED if any(command.startswith("train-baseline ") for command in commands) else ""
    measures = "measure" if table.changes == 1 else f"{table.changes} measures"
    rest = REST.format(baseline=table.baseline, measures=measures)
    return (
        f"Figures are means over the runs{spread}. Nothing was chosen on test: {chosen}.{fixed}{OPENED}{rest}"
    )
