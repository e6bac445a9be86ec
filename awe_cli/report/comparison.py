"""The result of `awe evaluate` as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from awe_cli.report.table import Table


def comparison(document: Mapping[str, Any]) -> list[Table]:
    """Two tables of the document that `awe evaluate --json` prints: metrics × models, and the differences.

    The second is left out where there is one model only.
    """
    tables = [_metrics(document)]
    if document["differences"]:
        tables.append(_differences(document))
    return tables


def _metrics(document: Mapping[str, Any]) -> Table:
    models = document["models"]
    names = next(iter(models.values()))["metrics"]
    rows = tuple((name, *(float(model["metrics"][name]) for model in models.values())) for name in names)
    return Table(_title(document), ("metric", *models), rows, _histories(models))


def _title(document: Mapping[str, Any]) -> str:
    first = document["models"][document["baseline_model"]]
    n, labels = document["n_examples"], document["n_labels"]
    title = f"{document['split']}: {n:,} examples, all {labels:,} labels ranked"
    if first["n_left_out"]:
        title += f", {first['n_left_out']:,} examples without labels left out"
    return title


def _histories(models: Mapping[str, Any]) -> tuple[str, ...]:
    """How candidates were chosen: one line, or one for each model where they differ."""
    rules = {name: model["history"] for name, model in models.items()}
    if len(set(rules.values())) == 1:
        return (next(iter(rules.values())),)
    return tuple(f"{name}: {rule}" for name, rule in rules.items())


def _differences(document: Mapping[str, Any]) -> Table:
    differences = document["differences"]
    names = next(iter(differences.values()))
    rows = tuple((name, *(_difference(of[name]) for of in differences.values())) for name in names)
    level = round(100 * document["interval"]["level"])
    title = f"difference from {document['baseline_model']} [{level} % interval]"
    return Table(title, ("metric", *differences), rows, (f"* the {level} % interval leaves out 0",))


def _difference(of: Mapping[str, float]) -> str:
    """ "+0.0051 [+0.0032, +0.0070] *" """
    text = f"{of['difference']:+.4f} [{of['low']:+.4f}, {of['high']:+.4f}]"
    return f"{text} *" if of["low"] > 0 or of["high"] < 0 else text
