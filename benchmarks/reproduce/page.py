"""A table as a page of Markdown: figures with their spread, where awe does not win, and how it was made."""

from __future__ import annotations

import datetime
import hashlib
import statistics
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.reproduce.run import Folders, Found
from benchmarks.reproduce.shape import FOLDS, Data, Listing, Row, Table

HOW = """Figures are means over the runs ({runs}){spread}. Nothing was chosen on test: every method chooses on
validation what is left open, from the grid that `awe` has for it by default, and test was opened by the last command.
A star: the paired bootstrap interval of the difference from {baseline}, averaged over the runs, leaves out 0.
*change*: of the first measure, relative to {baseline}."""


LOST = "By the means above; whether such a difference is more than chance was not tested here."


def page(table: Table, found: list[Found], absent: list[str], folders: Folders, seeds: int) -> str:
    """The whole page."""
    runs = f"{seeds} seed{'s' if seeds > 1 else ''}"
    if any(entry.data.folds for entry in found):
        runs += f"; where the data is cross-validated, {min(seeds, FOLDS)} of {FOLDS} folds"
    spread = " ± the deviation between them" if seeds > 1 else ""
    parts = [f"# {table.title}", folded(table.paper)]
    parts.append(folded(HOW.format(runs=runs, spread=spread, baseline=table.baseline)))
    for entry in found:
        parts.append(f"## {entry.data.title}")
        parts.append("\n".join(figures(table, entry)))
    if absent:
        parts.append(f"Not measured this time: {', '.join(absent)}.")
    if any(row.ours for row in table.rows):
        parts.append("## Where awe does not win")
        lost = "\n".join(losses(table, found))
        parts.append(f"{LOST}\n\n{lost}" if lost else "On none of these measures.")
    if table.remarks:
        parts.append(table.remarks)
    parts += ["## How it was made", *made(table, found, folders, seeds)]
    return "\n\n".join(parts) + "\n"


def listing_page(listing: Listing, output: str, commands: list[str]) -> str:
    """The page of a listing: what the command printed, which is Markdown where a script of ours did."""
    fenced = output if listing.command.startswith("python") else f"```\n{output}```"
    parts = [f"# {listing.title}", folded(listing.paper), f"## {listing.data.title}", fenced.strip()]
    parts += [listing.remarks] if listing.remarks else []
    parts += ["## How it was made", f"    make reproduce-{listing.name}", origin()]
    parts.append("```sh\n" + "\n".join(commands).replace("SEED", "0") + "\n```")
    return "\n\n".join(parts) + "\n"


def origin() -> str:
    """Machine, date and commit."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return f"{machine()}; {datetime.date.today():%-d %B %Y}; commit {commit}."


def folded(text: str) -> str:
    """A paragraph in lines."""
    return textwrap.fill(" ".join(text.split()), 118)


def figures(table: Table, found: Found) -> Iterator[str]:
    """The rows of the table, the best of each column bold."""
    rows = table.rows_for(found.data)
    metrics = _metrics(table, found)
    means = {row.name: {m: _mean(found, row, m) for m in metrics} for row in rows}
    reference = means[table.baseline][metrics[0]]
    yield "| | " + " | ".join(metrics) + " | change |"
    yield "|---|" + "---|" * (len(metrics) + 1)
    for row in rows:
        cells = []
        for metric in metrics:
            text = f"{means[row.name][metric]:.4f}"
            best = means[row.name][metric] == max(of[metric] for of in means.values())
            text = f"**{text}**" if best else text
            cells.append(text + _spread(found, row, metric) + _star(table, found, row, metric))
        change = means[row.name][metrics[0]] / reference - 1 if reference else 0.0
        yield f"| {row.name} | " + " | ".join(cells) + f" | {change:+.1%} |"


def losses(table: Table, found: list[Found]) -> Iterator[str]:
    """Each set of data and measure where another method is at least as good as the best of ours."""
    for entry in found:
        rows = table.rows_for(entry.data)
        for metric in _metrics(table, entry):
            mean = {row.name: _mean(entry, row, metric) for row in rows}
            best = max((row.name for row in rows if row.ours), key=mean.__getitem__)
            others = [row.name for row in rows if not row.ours and mean[row.name] >= mean[best]]
            if others:
                beaten = ", ".join(f"{name} ({mean[name]:.4f})" for name in others)
                yield f"- {entry.data.name}, {metric}: {beaten}; the best of awe is {best} with {mean[best]:.4f}"
    for entry in found:
        rows = [row for row in table.rows_for(entry.data) if row.ours]
        first = _metrics(table, entry)[0]
        unclear = [row.name for row in rows if not _star(table, entry, row, first).startswith(" *")]
        if unclear:
            yield (
                f"- {entry.data.name}: no clear difference in {first} between {table.baseline} and "
                f"{', '.join(unclear)}"
            )


def made(table: Table, found: list[Found], folders: Folders, seeds: int) -> Iterator[str]:
    """Machine, date, commit, digests, commands."""
    yield f"    make reproduce-{table.name} DATA=… SEEDS={seeds}"
    which = "0" if seeds == 1 else f"0 to {seeds - 1}"
    yield f"{origin()} SEED is {which}."
    for entry in found:
        lines = [f"`{name}` sha256 {digest}" for name, digest in digests(entry.data, folders)]
        if lines:
            yield f"{entry.data.name}: " + "; ".join(lines) + "."
        yield "```sh\n" + "\n".join(entry.commands) + "\n```"


def digests(data: Data, folders: Folders) -> Iterator[tuple[str, str]]:
    """The first 16 digits of each file's digest."""
    for name in data.files:
        yield name, hashlib.sha256(Path(folders.data / name).read_bytes()).hexdigest()[:16]


def _metrics(table: Table, found: Found) -> list[str]:
    return table.metrics_for(found.data).split(",")


def _of(found: Found, row: Row, run: int) -> dict[str, float]:
    return found.documents[run]["models"][row.model.format(seed=run)]["metrics"]


def _values(found: Found, row: Row, metric: str) -> list[float]:
    return [_of(found, row, run)[metric] for run in range(len(found.documents))]


def _mean(found: Found, row: Row, metric: str) -> float:
    return statistics.fmean(_values(found, row, metric))


def _spread(found: Found, row: Row, metric: str) -> str:
    values = _values(found, row, metric)
    if len(values) < 2 or len(set(values)) == 1:
        return ""
    return f" ± {statistics.stdev(values):.4f}".replace("0.", ".")


def _star(table: Table, found: Found, row: Row, metric: str) -> str:
    """A star where the difference from the baseline is clear."""
    if row.name == table.baseline:
        return ""
    sides = [
        document["differences"][row.model.format(seed=run)].get(metric, {"low": 0.0, "high": 0.0})
        for run, document in enumerate(found.documents)
    ]
    low, high = (statistics.fmean(side[end] for side in sides) for end in ("low", "high"))
    return " *" if low > 0 or high < 0 else ""
