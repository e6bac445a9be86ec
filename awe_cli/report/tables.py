"""Results as people read them: tables as data, for what was chosen and for the comparison of models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from awe_cli.dataset.dataset import RECOMMENDATION

# A table as data, for whatever draws it.


@dataclass(frozen=True)
class Table:
    """Columns and rows.

    rows   one cell a column: text, a number, or None for an empty cell
    notes  lines to stand below it
    keys   how many of the first columns say which row it is
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    notes: tuple[str, ...] = ()
    keys: int = 1


# What was chosen on validation, as tables and lines.

_SYMBOLS = {"lambda": "λ_x", "lambda_y": "λ_y"}  # of affinities that are built
_SCALED = {
    "multiple": "λ_x",
    "multiple_y": "λ_y",
}  # multiples of 1 / the median squared distance; None: the limit


def chosen_lines(result: Mapping[str, Any]) -> list[str]:
    """One line for each stage of a trained model: its plan, and how well it ranked validation; weights of a mixture."""
    lines = [_chosen(stage, run, str(result["metric"])) for stage, run in result["chosen"].items()]
    weights = weights_line(result)
    return lines if weights is None else [*lines, weights]


def neighbors_table(result: Mapping[str, Any]) -> Table | None:
    """The spaces and k (rows) and λ (columns) that `awe build-knn` tried; None where it had nothing to choose."""
    tried = result["tried"]
    if not tried:
        return None
    multiples = list(dict.fromkeys(entry["multiple"] for entry in tried))
    scores = {(e["space"], e["k"], e["multiple"]): float(e["validation"]) for e in tried}
    rows = tuple(
        (space, k, *(scores[space, k, multiple] for multiple in multiples))
        for space, k in dict.fromkeys((entry["space"], entry["k"]) for entry in tried)
    )
    columns = ("space", "k", *(f"λ {multiple:.3g}/median d²" for multiple in multiples))
    return Table(f"{result['metric']} on validation of G · S with k neighbours", columns, rows, keys=2)


def neighbors_line(result: Mapping[str, Any]) -> str:
    """Where a table of neighbours looks, k, and λ of each fit."""
    lambdas = (
        f"λ = {' and '.join(f'{value:.4g}' for value in values.values())} on {fit}"
        for fit, values in result["lambda"].items()
    )
    return f"chosen: space {result['space']}, k = {result['k']}, {', '.join(lambdas)}"


def calibration_line(result: Mapping[str, Any]) -> str:
    """Which map `awe calibrate` took, by which log loss, and how much it was fitted to."""
    losses = "; ".join(f"{name} {loss:.5f}" for name, loss in result["log_loss"].items())
    return (
        f"{result['method']} of {result['scores']} scores, fitted to {result['positives']:,} positives among "
        f"{result['pairs']:,} labels of {result['examples']:,} examples; log loss by halves: {losses}"
    )


def best_on_validation(result: Mapping[str, Any]) -> float | None:
    """The best score on validation among those of a result: of its candidates, runs, or choices that were tried."""
    found = result.get("validation")
    scores = [*found.values()] if isinstance(found, dict) else [found]
    scores += [run.get("validation") for run in result.get("chosen", {}).values() if isinstance(run, dict)]
    scores += [entry.get("validation") for entry in result.get("tried", ()) if isinstance(entry, dict)]
    return max((score for score in scores if isinstance(score, int | float)), default=None)


def candidates_table(result: Mapping[str, Any]) -> Table | None:
    """What `awe retrain` chose from, and S alone beside it; None where there was no validation to choose by."""
    if not result["validation"]:
        return None
    scores = {**result["validation"], "S without G, to compare with": result.get("alone")}
    rows = tuple((candidate, float(score)) for candidate, score in scores.items() if score is not None)
    return Table("", ("candidate", f"{result['metric']} on validation"), rows)


def kept_line(result: Mapping[str, Any]) -> str:
    """Which candidate `awe retrain` kept, with its score on validation and that of the model without G."""
    scores, alone = result["validation"], result.get("alone")
    best = f" ({max(scores.values()):.4f}" if scores else ""
    best += f", the model alone {alone:.4f})" if scores and alone is not None else ")" if scores else ""
    if result["kept"] != "product":
        return f"kept: the model trained again with G fixed{best}"
    tried = any(name.startswith("retrained") for name in scores)
    return f"kept: model × pair weights G{best}{'; further training did not help' if tried else ''}"


def alone_line(result: Mapping[str, Any]) -> str | None:
    """What to say of a G with which nothing ranks validation better than S does alone; None of one that helps."""
    alone = result.get("alone")
    if alone is None or not alone > max(result["validation"].values()):
        return None
    return "G does not help here: on validation the model without it ranks better"


def weights_line(result: Mapping[str, Any]) -> str | None:
    """The weights of a mixture, of the fit with the most examples; None for another affinity."""
    if not result.get("weights"):
        return None
    names = [member["name"] for member in result["affinity"]["members"]]
    weights = result["weights"][max(result["weights"], key=len)]
    line = "weights: " + ", ".join(f"{name} {w:.3g}" for name, w in zip(names, weights, strict=True))
    if result["affinity"]["weights"] == "validation" and not _judged(result):
        return f"{line} (there is no validation to choose them by)"
    return line


def _judged(result: Mapping[str, Any]) -> bool:
    """Whether there was validation to choose a model by."""
    runs = [run["validation"] for run in result["chosen"].values()]
    return bool(result.get("validation")) or any(score is not None for score in runs)


def _chosen(stage: str, run: Mapping[str, Any], metric: str) -> str:
    plan = run["plan"]
    line = (
        f"{stage}: d = {plan['dim']}, {run['epochs']} epochs, learning rate {plan['learning_rate']:.3g}, "
        f"margin {plan['margin']:g}"
    )
    return line if run["validation"] is None else f"{line}; {metric} on validation {run['validation']:.4f}"


def tried_table(result: Mapping[str, Any]) -> Table | None:
    """What a baseline or an affinity chose from on validation; None where it had nothing to choose."""
    tried = result["tried"]
    if not tried:
        return None
    names = [name for name in result["choice"] if any(entry[name] is not None for entry in tried)]
    rows = tuple(
        (*(_choices_cell(name, entry[name]) for name in names), float(entry["validation"])) for entry in tried
    )
    columns = (f"{_SCALED[name]} · median d²" if name in _SCALED else name for name in names)
    chosen = ", ".join(_format_choice(name, result["choice"][name]) for name in names)
    metric = f"{result['metric']} on validation"
    return Table("", (*columns, metric), rows, (f"chosen: {chosen}",), keys=len(names))


def fit_lines(result: Mapping[str, Any]) -> list[str]:
    """What was found for each fit of a built affinity other than a table of neighbours."""
    return [
        f"{fit}: {', '.join(_found(name, value) for name, value in found.items())}"
        for fit, found in result["fits"].items()
    ]


def _choices_cell(name: str, value: object) -> object:
    if name not in _SCALED:
        return value
    return "∞" if value is None else _number(value)


def _format_choice(name: str, value: object) -> str:
    """ "leaves 12", "λ_x = 6/median d²" or "λ_y → ∞" """
    if name not in _SCALED:
        return f"{name} {_number(value)}"
    return f"{_SCALED[name]} {'→ ∞' if value is None else f'= {_number(value)}/median d²'}"


def _found(name: str, value: object) -> str:
    """ "pairs 396", "λ_x = 254.6" or "λ_y → ∞" """
    if name not in _SYMBOLS:
        return f"{name} {_number(value)}"
    return f"{_SYMBOLS[name]} {'→ ∞' if value == 'inf' else f'= {_number(value)}'}"


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


# Results by stratum as tables, one for each measure.

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
                *(_strata_cell(group, model, measure) for model in models),
            )
            for group in groups[:MOST]
        )
        columns = (what, "examples", "positives", *models)
        title = f"{measure} by {what} [interval]"
        if len(models) > 1:
            title += f", * where the difference from {baseline} is clear"
        tables.append(Table(title, columns, rows, _notes(groups)))
    return tables


def _strata_cell(group: Mapping[str, Any], model: str, measure: str) -> str | None:
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


# The result of `awe evaluate` as tables, and in a sentence for each model.


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
