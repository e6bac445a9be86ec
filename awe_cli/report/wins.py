"""The result of `awe compare` beyond that of `awe evaluate`, as tables: wins and losses, and examples that differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from awe_cli.report.tables import MOST, Table

_SIDES = {"won": "better", "lost": "worse"}


def wins_tables(document: Mapping[str, Any]) -> list[Table]:
    """On how many examples each model is better than the first, worse, and as good; by stratum where there are some."""
    baseline, wins = document["baseline_model"], document["wins"]
    if not any(wins.values()):
        return []
    measures = next(iter(wins.values()))
    rows = tuple((measure, *(_counts(wins[model].get(measure)) for model in wins)) for measure in measures)
    title = f"examples ranked better / worse than by {baseline} / as well"
    tables = [Table(title, ("metric", *wins), rows)]
    if "strata" in document:
        tables.append(_by_stratum(document))
    return tables


def _by_stratum(document: Mapping[str, Any]) -> Table:
    strata, measure, wins = document["strata"], document["differ"]["measure"], document["wins"]
    rows = tuple(
        (str(group["name"]), *(_counts(group["wins"].get(model, {}).get(measure)) for model in wins))
        for group in strata["groups"][:MOST]
    )
    what = strata["by"].replace("-", " ")
    more = len(strata["groups"]) - MOST
    notes = (f"and {more:,} more, in --json",) if more > 0 else ()
    return Table(f"the same for {measure} by {what}", (what, *wins), rows, notes)


def _counts(of: Mapping[str, int] | None) -> str | None:
    return None if of is None else f"{of['won']:,} / {of['lost']:,} / {of['tied']:,}"


def differ_tables(document: Mapping[str, Any]) -> list[Table]:
    """The examples that each model ranks better, and worse, by most: what was wanted, and the best labels of both."""
    baseline, measure = document["baseline_model"], document["differ"]["measure"]
    tables = []
    for model, sides in document["differ"]["models"].items():
        for side, word in _SIDES.items():
            if sides[side]:
                rows = tuple(row for entry in sides[side] for row in _rows(entry, (baseline, model)))
                title = f"examples that {model} ranks {word} than {baseline} by most, * wanted"
                tables.append(Table(title, ("example", "", measure, "labels, best first"), rows, keys=2))
    return tables


def _rows(entry: Mapping[str, Any], models: Sequence[str]) -> Iterator[tuple[object, ...]]:
    wanted = set(entry["wanted"])
    for place, model in enumerate(models):
        best = ", ".join(f"{label}{'*' if label in wanted else ''}" for label in entry["top"].get(model, ()))
        yield (str(entry["id"]) if not place else "", model, entry["values"][model], best)
    missed = [
        str(label) for label in entry["wanted"] if all(label not in top for top in entry["top"].values())
    ]
    if missed:
        yield ("", "in neither", None, ", ".join(missed[:10]) + (" …" if len(missed) > 10 else ""))
