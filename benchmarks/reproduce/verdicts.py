"""Whether what is claimed of the rows of a table holds, and where awe does not win: both by intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from benchmarks.reproduce.contrast import AHEAD, BEHIND, LEVEL, in_words, verdict
from benchmarks.reproduce.found import Found
from benchmarks.reproduce.shape import Claim, Data, Table

LOSSES_HEAD = (
    "| data | measure | the best of awe | another method | difference [95 % interval] | awe is |",
    "|---|---|---|---|---|---|",
)
HOLDS = {AHEAD: "holds", LEVEL: "not shown: level", BEHIND: "**no**: the other way round"}
HOLDS_AT_LEAST = {AHEAD: "holds: ahead", LEVEL: "holds: level", BEHIND: "**no**: behind"}


def claims(table: Table, found: Mapping[str, Found], measured: list[Data]) -> Iterator[str]:
    """A line of a table for each claim, set of data and measure."""
    lines = [
        line
        for claim in table.claims
        for data in measured
        if data.name in (claim.data or (data.name,))
        and {claim.better, claim.worse} <= found[data.name].values.keys()
        for line in _claim(claim, data, found[data.name])
    ]
    if lines:
        yield from ("| said | data | measure | difference [95 % interval] | here |", "|---|---|---|---|---|")
        yield from lines


def _claim(claim: Claim, data: Data, found: Found) -> Iterator[str]:
    words = HOLDS_AT_LEAST if claim.least else HOLDS
    for metric in claim.metrics or found.metrics[:1]:
        if metric in found.metrics:
            interval = found.contrast(claim.better, claim.worse, metric, claim.factor)
            yield f"| {claim.text} | {data.name} | {metric} | {in_words(interval)} | {words[verdict(interval)]} |"


def losses(table: Table, found: Mapping[str, Found], measured: list[Data]) -> Iterator[str]:
    """Where another method is level with the best row of awe or ahead; then which rows of awe gain nothing.

    The best row is named by its mean on test, which flatters it where there are several: the page says so.
    """
    lines = [line for data in measured for line in against_others(table, data, found[data.name])]
    if lines:
        yield "\n".join([*LOSSES_HEAD, *lines])
    gains = [line for data in measured for line in _no_gain(table, data, found[data.name])]
    if gains:
        yield "\n".join(gains)


def against_others(table: Table, data: Data, found: Found) -> Iterator[str]:
    """A line for each measure and method with which the best row of awe is level, or behind it."""
    rows = table.rows_for(data)
    ours = [row.name for row in rows if row.ours]
    for metric in found.metrics if ours else ():
        best = max(ours, key=lambda name: found.mean(name, metric))
        for other in (row.name for row in rows if not row.ours):
            interval = found.contrast(best, other, metric)
            if verdict(interval) != AHEAD:
                yield (
                    f"| {data.name} | {metric} | {best} {found.mean(best, metric):.4f} | "
                    f"{other} {found.mean(other, metric):.4f} | {in_words(interval)} | {verdict(interval)} |"
                )


def _no_gain(table: Table, data: Data, found: Found) -> Iterator[str]:
    """The rows of awe that are not ahead of the baseline, by the first measure."""
    metric = found.metrics[0]
    ours = [row.name for row in table.rows_for(data) if row.ours]
    intervals = {name: found.contrast(name, table.baseline, metric) for name in ours}
    for kind in (LEVEL, BEHIND):
        names = [f"{n} ({in_words(i)})" for n, i in intervals.items() if verdict(i) == kind]
        word = f"level with {table.baseline}" if kind == LEVEL else f"behind {table.baseline}"
        if names:
            yield f"- {data.name}, {metric}, {word}: {', '.join(names)}"
