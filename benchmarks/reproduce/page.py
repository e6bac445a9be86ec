"""A table as a page of Markdown: figures with their spread, claims, where awe does not win, and how it was made."""

from __future__ import annotations

import statistics
import textwrap
from collections.abc import Iterator, Mapping

from benchmarks.reproduce.contrast import LEVEL, verdict
from benchmarks.reproduce.found import Found
from benchmarks.reproduce.how import how
from benchmarks.reproduce.origin import origin
from benchmarks.reproduce.shape import Data, Listing, Table
from benchmarks.reproduce.verdicts import claims, losses

INTERVALS = """Intervals are of 95 %: the differences of each test example, averaged over the runs, are resampled 1,000
times (paired bootstrap). *level*: the interval has 0 in it."""
FLATTERED = """ The best of awe is named by its mean on test: a choice among several, which flatters it."""
Measured = Mapping[str, Found]  # by the name of the data


def page(table: Table, found: Measured) -> str:
    """The whole page."""
    measured = [data for data in table.data if data.name in found]
    absent = [data.name for data in table.data if data.name not in found]
    parts = [f"# {table.title}", folded(table.paper), folded(how(table, measured, list(found.values())))]
    if table.summary:
        parts += ["## All data", "\n".join(summary(table, found, measured))]
    for data in measured:
        parts.append(f"## {data.title}")
        parts.append(f"{runs_in_words(data, found[data.name])}.")
        parts.append("\n".join(figures(table, found[data.name])))
        chosen = "\n".join(chosen_lines(found[data.name]))
        parts += [f"Chosen on validation, for each run:\n\n{chosen}"] if chosen else []
    if absent:
        parts.append(f"Not measured this time: {', '.join(absent)}.")
    parts += verdict_parts(table, found, measured)
    if table.remarks:
        parts.append(f"## Remarks\n\n{folded(table.remarks)}")
    parts += ["## What was tried", "\n".join(tried(table, found, measured))]
    parts += ["## How it was made", *made(table, found, measured)]
    return "\n\n".join(parts) + "\n"


def verdict_parts(table: Table, found: Measured, measured: list[Data]) -> Iterator[str]:
    """What is claimed of the rows, and where awe does not win."""
    told = "\n".join(claims(table, found, measured))
    ours = any(row.ours for row in table.rows)
    if not told and not ours:
        return
    if told:
        yield from ("## What is said of the order, and whether it holds", folded(INTERVALS), told)
    if ours:
        yield "## Where awe does not win"
        several = sum(row.ours for row in table.rows) > 1
        note = folded(("" if told else INTERVALS) + (FLATTERED if several else ""))
        yield from [note] if note else []
        yield "\n\n".join(losses(table, found, measured)) or "On none of these measures."


def runs_in_words(data: Data, found: Found) -> str:
    """ "5 seeds" """
    what = "fold" if data.folds else "seed"
    return f"{found.runs} {what}{'s' if found.runs > 1 else ''}"


def figures(table: Table, found: Found) -> Iterator[str]:
    """The rows of the table, the best of each column bold."""
    best = {metric: max(found.mean(row, metric) for row in found.values) for metric in found.metrics}
    yield "| | " + " | ".join(found.metrics) + " | change | minutes |"
    yield "|---|" + "---|" * (len(found.metrics) + 2)
    for row in found.values:
        cells = []
        for metric in found.metrics:
            text = f"{found.mean(row, metric):.4f}"
            text = f"**{text}**" if found.mean(row, metric) == best[metric] else text
            cells.append(text + spread(found, row, metric) + star(table, found, row, metric))
        yield (
            f"| {row} | " + " | ".join(cells) + f" | {_changes(table, found, row)} | {_minutes(found, row)} |"
        )


def _changes(table: Table, found: Found, row: str) -> str:
    """The first measures relative to the baseline's."""
    values = [(found.mean(row, metric), found.mean(table.baseline, metric)) for metric in found.metrics]
    return " · ".join(
        f"{(after / before - 1 if before else 0.0):+.1%}" for after, before in values[: table.changes]
    )


def summary(table: Table, found: Measured, measured: list[Data]) -> Iterator[str]:
    """One cell each: the first measure, with its star."""
    heads = (f"{data.name}, {found[data.name].metrics[0]}" for data in measured)
    yield "| | " + " | ".join(heads) + " |"
    yield "|---|" + "---|" * len(measured)
    for row in table.rows:
        cells = []
        for data in measured:
            entry = found[data.name]
            known = row.name in entry.values
            first = entry.metrics[0]
            cells.append(
                f"{entry.mean(row.name, first):.4f}{star(table, entry, row.name, first)}" if known else "–"
            )
        yield f"| {row.name} | " + " | ".join(cells) + " |"


def star(table: Table, found: Found, row: str, metric: str) -> str:
    """A star where the difference from the baseline is more than chance."""
    if row == table.baseline:
        return ""
    return "" if verdict(found.contrast(row, table.baseline, metric)) == LEVEL else " *"


def chosen_lines(found: Found) -> Iterator[str]:
    """The settings that a row with several was given, how often each."""
    for row, settings in found.chosen.items():
        counts = {name: settings.count(name) for name in settings}
        words = [f"{name} ({n} ×)" if len(settings) > 1 else name for name, n in counts.items()]
        yield f"- {row}: {', '.join(words)}"


def tried(table: Table, found: Measured, measured: list[Data]) -> Iterator[str]:
    """What each method chose from: where all data had the same, once."""
    validated = any(data.validated for data in measured)
    head, nothing = (
        ("chosen on validation", "nothing") if validated else ("trained for", "as the command says")
    )
    yield from (f"| method | {head} |", "|---|---|")
    for row in table.rows:
        words: dict[str, list[str]] = {}
        for data in measured:
            if row.name in found[data.name].values:
                words.setdefault(found[data.name].budget.get(row.name, nothing), []).append(data.name)
        for text, names in words.items():
            where = f" ({', '.join(names)})" if len(words) > 1 else ""
            yield f"| {row.name}{where} | {text} |"


def made(table: Table, found: Measured, measured: list[Data]) -> Iterator[str]:
    """Machine, date, commit, digests, commands: as many seeds as the set of data with the most runs had."""
    seeds = max(found[data.name].runs for data in measured)
    yield f"    make reproduce-{table.name} DATA=… SEEDS={seeds}"
    for data in measured:
        entry = found[data.name]
        which = "0" if entry.runs == 1 else f"0 to {entry.runs - 1}"
        yield folded(f"{data.name}: {entry.origin}. SEED is {which}. {files_in_words(entry.digests)}")
        yield "```sh\n" + "\n".join(entry.commands) + "\n```"


def files_in_words(digests: Mapping[str, str]) -> str:
    """ "`songs.parquet` sha256 0123." """
    return "; ".join(f"`{name}` sha256 {digest}" for name, digest in digests.items()) + "." * bool(digests)


def listing_page(listing: Listing, output: str, commands: list[str], digests: Mapping[str, str]) -> str:
    """The page of a listing: what the command printed, as it is where that is a table of Markdown."""
    fenced = output if "\n|---" in output else f"```\n{output}```"
    parts = [f"# {listing.title}", folded(listing.paper), f"## {listing.data.title}", fenced.strip()]
    parts += [f"## Remarks\n\n{folded(listing.remarks)}"] if listing.remarks else []
    parts += ["## How it was made", f"    make reproduce-{listing.name}"]
    parts.append(folded(f"{origin()}. {files_in_words(digests)}"))
    parts.append("```sh\n" + "\n".join(commands).replace("SEED", "0") + "\n```")
    return "\n\n".join(parts) + "\n"


def folded(text: str) -> str:
    """A paragraph in lines."""
    return textwrap.fill(" ".join(text.split()), 118)


def spread(found: Found, row: str, metric: str) -> str:
    """ " ± .0012", the deviation between the runs; nothing where they do not differ."""
    values = found.values[row][metric]
    if len(values) < 2 or len(set(values)) == 1:
        return ""
    return f" ± {statistics.stdev(values):.4f}".replace("0.", ".")


def _minutes(found: Found, row: str) -> str:
    if row not in found.minutes:
        return "–"
    processor, wall = found.minutes[row]
    return f"{processor:.2f} ({wall:.2f})"
