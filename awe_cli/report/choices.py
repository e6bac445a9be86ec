"""What was chosen on validation, as tables and lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from awe_cli.report.table import Table

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


def candidates_table(result: Mapping[str, Any]) -> Table | None:
    """What `awe retrain` chose from, and S alone beside it; None where there was no validation to choose by."""
    if not result["validation"]:
        return None
    scores = {**result["validation"], "S without G, to compare with": result.get("alone")}
    rows = tuple((candidate, float(score)) for candidate, score in scores.items() if score is not None)
    return Table("", ("candidate", f"{result['metric']} on validation"), rows)


def alone_line(result: Mapping[str, Any]) -> str | None:
    """What to say of a G with which nothing ranks validation better than S does alone; None of one that helps."""
    alone = result.get("alone")
    if alone is None or not alone > max(result["validation"].values()):
        return None
    return "G does not help here on validation: S without it, U and V as they were, ranks better"


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
        (*(_cell(name, entry[name]) for name in names), float(entry["validation"])) for entry in tried
    )
    columns = (f"{_SCALED[name]} · median d²" if name in _SCALED else name for name in names)
    chosen = ", ".join(_said(name, result["choice"][name]) for name in names)
    metric = f"{result['metric']} on validation"
    return Table("", (*columns, metric), rows, (f"chosen: {chosen}",), keys=len(names))


def fit_lines(result: Mapping[str, Any]) -> list[str]:
    """What was found for each fit of a built affinity other than a table of neighbours."""
    return [
        f"{fit}: {', '.join(_found(name, value) for name, value in found.items())}"
        for fit, found in result["fits"].items()
    ]


def _cell(name: str, value: object) -> object:
    if name not in _SCALED:
        return value
    return "∞" if value is None else _number(value)


def _said(name: str, value: object) -> str:
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
