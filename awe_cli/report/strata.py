"""Results by stratum as tables, one for each measure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from awe_cli.report.table import Table

MOST = 30  # strata shown: of labels there may be very many


def strata_tables(document: Mapping[str, Any]) -> list[Table]:
    """Strata × models for each measure, a mean and its interval, a star where the difference is clear."""
    found, baseline = document["strata"], document["baseline_model"]
    groups, models = found["groups"], list(document["models"])
    measures = list(dict.fromkeys(name for group in groups for name in group["models"][baseline]))
    what = found["by"].replace("-", " ")
    tables = []
    for measure in measures:
        rows = tuple(
            (
                str(group["name"]),
                f"{group['n_examples']:,}",
                f"{group['n_positives']:,}",
                *(_cell(group, model, measure) for model in models),
            )
            for group in groups[:MOST]
        )
        columns = (what, "examples", "positives", *models)
        title = f"{measure} by {what} [interval]"
        if len(models) > 1:
            title += f", * where the difference from {baseline} is clear"
        tables.append(Table(title, columns, rows, _notes(groups)))
    return tables


def _cell(group: Mapping[str, Any], model: str, measure: str) -> str | None:
    """ "0.4321 [.41, .45] *" """
    mean = group["models"].get(model, {}).get(measure)
    if mean is None:
        return None
    low, high = (f"{mean[end]:.3f}".replace("0.", ".", 1) for end in ("low", "high"))
    of = group["differences"].get(model, {}).get(measure)
    clear = of is not None and (of["low"] > 0 or of["high"] < 0)
    return f"{mean['mean']:.4f} [{low}, {high}]" + (" *" if clear else "  ")


def _notes(groups: list[Any]) -> tuple[str, ...]:
    more = len(groups) - MOST
    return (f"and {more:,} more, in --json",) if more > 0 else ()
