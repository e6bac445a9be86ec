"""The result of `awe evaluate` as tables, and in a sentence for each model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from awe_cli.data.dataset import RECOMMENDATION
from awe_cli.report.strata import strata_tables
from awe_cli.report.table import Table


def comparison(document: Mapping[str, Any]) -> list[Table]:
    """Two tables of the document that `awe evaluate --json` prints: metrics × models, and the differences.

    The second is left out where nothing is compared: there is one model, or no measure of single examples. Where
    results were taken apart, one more for each measure.
    """
    tables = [_metrics(document)]
    if any(document["differences"].values()):
        tables.append(_differences(document))
    if "strata" in document:
        tables += strata_tables(document)
    return tables


def _metrics(document: Mapping[str, Any]) -> Table:
    models = document["models"]
    names = next(iter(models.values()))["metrics"]
    rows = tuple((name, *(float(model["metrics"][name]) for model in models.values())) for name in names)
    histories = _of_each({name: model["history"] for name, model in models.items()})
    return Table(_title(document), ("metric", *models), rows, (*histories, *_of_the_whole_set(document)))


def _title(document: Mapping[str, Any]) -> str:
    counts = {name: _counted(model, document["task"]) for name, model in document["models"].items()}
    return f"{document['split']}: {'; '.join(_of_each(counts))}, all {document['n_labels']:,} labels ranked"


def _counted(model: Mapping[str, Any], task: str) -> str:
    """How many examples a model was judged by, and how many there are that have nothing to be found."""
    n, without = model["n_examples"], model["n_left_out"]
    if not without:
        return f"{n:,} {'example' if n == 1 else 'examples'}"
    if task == RECOMMENDATION:
        return f"{n:,} of {n + without:,} people ({without:,} with nothing held out)"
    return f"{n:,} of {n + without:,} examples ({without:,} without labels)"


def _of_each(said: Mapping[str, str]) -> tuple[str, ...]:
    """What is said of each model: once where it is the same of all, else with their names."""
    if len(set(said.values())) == 1:
        return (next(iter(said.values())),)
    return tuple(f"{name}: {what}" for name, what in said.items())


def _of_the_whole_set(document: Mapping[str, Any]) -> tuple[str, ...]:
    """The measures that a reader would look for in the other tables, and not find."""
    names = ", ".join(document["of_the_whole_set"])
    if not names or not (document["differences"] or "strata" in document):
        return ()
    strata = " and no strata" if "strata" in document else ""
    return (f"{names}: one number for the whole set, with no interval{strata}",)


def _differences(document: Mapping[str, Any]) -> Table:
    differences, baseline = document["differences"], document["baseline_model"]
    names = next(iter(differences.values()))
    rows = tuple((name, *(_difference(of[name]) for of in differences.values())) for name in names)
    level = round(100 * document["interval"]["level"])
    title = f"difference from {baseline} [{level} % interval], * where the interval leaves out 0"
    verdicts = (verdict(name, baseline, of, document["better"]) for name, of in differences.items())
    notes = tuple(filter(None, verdicts))
    return Table(title, ("metric", *differences), rows, notes)


def verdict(
    name: str,
    baseline: str,
    differences: Mapping[str, Mapping[str, float]],
    directions: Mapping[str, str | None],
) -> str | None:
    """Whether a model beats the baseline: on which measures the interval of the difference leaves out 0.

    directions  measure → whether "higher" or "lower" is better; None: neither, it is left out
    returns     None where no measure is left
    """
    differences = {measure: of for measure, of in differences.items() if directions[measure] is not None}
    if not differences:
        return None
    above = {measure for measure, of in differences.items() if of["low"] > 0}
    below = {measure for measure, of in differences.items() if of["high"] < 0}
    lower = {measure for measure in differences if directions[measure] == "lower"}
    better = [measure for measure in differences if measure in (below if measure in lower else above)]
    worse = [measure for measure in differences if measure in (above if measure in lower else below)]
    if better and not worse:
        found = f"beats {baseline} on {_of_all(better, differences)}"
    elif worse and not better:
        found = f"does not beat {baseline}: it is worse on {_of_all(worse, differences)}"
    elif worse:
        found = f"beats {baseline} on {', '.join(better)}, and is worse on {', '.join(worse)}"
    else:
        found = f"does not beat {baseline}: no difference is clear"
    return f"{name} {found}"


def _of_all(some: list[str], measures: Mapping[str, object]) -> str:
    if len(some) == len(measures):
        return f"all {len(some)} measures" if len(some) > 1 else some[0]
    return f"{len(some)} of {len(measures)} measures ({', '.join(some)})"


def _difference(of: Mapping[str, float]) -> str:
    """ "+.0051 [+.0032, +.0070] *", or with two spaces for the star"""
    text = f"{_signed(of['difference'])} [{_signed(of['low'])}, {_signed(of['high'])}]"
    return text + (" *" if of["low"] > 0 or of["high"] < 0 else "  ")


def _signed(value: float) -> str:
    """Four decimals, no 0 before the point: most differences lie between -1 and 1."""
    return f"{value:+.4f}".replace("+0.", "+.").replace("-0.", "-.")
