"""All losses by name: what they are, what they can be told, and how their parameters are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from awe_cli.errors import SettingsError, did_you_mean
from awe_cli.loss.auc import Auc
from awe_cli.loss.owpc import Owpc
from awe_cli.loss.ranks import HARMONIC, NEGATIVES, rank_weights
from awe_cli.loss.regression import Regression
from awe_cli.loss.warp import Warp


@dataclass(frozen=True)
class Loss:
    """One loss.

    equation    what is summed over the positives
    source      where it is printed
    parameters  name → default; None where a recipe of training decides
    build       parameters, number of labels → what the kernels take
    heaviest    the same → the largest factor of a hinge or a squared error
    """

    name: str
    equation: str
    source: str
    parameters: Mapping[str, Any]
    build: Callable[[Mapping[str, Any], int], Any]
    heaviest: Callable[[Mapping[str, Any], int], float]


def _ranks(given: Mapping[str, Any], n_labels: int) -> Any:
    return rank_weights(given["rank_weights"], n_labels)


def _worst_rank(given: Mapping[str, Any], n_labels: int) -> float:
    return float(_ranks(given, n_labels)[-1])


LOSSES = {
    loss.name: loss
    for loss in (
        Loss(
            "warp",
            "L(⌊|Y∖Y_x|/N⌋) · max(0, γ + f(x,ȳ) − f(x,y))",
            "WSABIE Algorithm 1",
            {"margin": None, "max_trials": None, "rank_weights": HARMONIC, "rank_estimate": NEGATIVES},
            lambda given, n: Warp(
                given["margin"], given["max_trials"], _ranks(given, n), given["rank_estimate"] == NEGATIVES
            ),
            _worst_rank,
        ),
        Loss(
            "auc",
            "max(0, γ + f(x,ȳ) − f(x,y)), one ȳ drawn",
            "WSABIE §3, AWE §2",
            {"margin": None},
            lambda given, n: Auc(given["margin"]),
            lambda given, n: 1.0,
        ),
        Loss(
            "owpc",
            "L(r)/r · Σ max(0, γ + f(x,ȳ) − f(x,y)) over all r violators ȳ",
            "WSABIE eq. 6–8",
            {"margin": None, "rank_weights": HARMONIC},
            lambda given, n: Owpc(given["margin"], _ranks(given, n)),
            _worst_rank,
        ),
        Loss(
            "regression",
            "½ (f(x,y) − 1)² + Σ ½ f(x,ȳ)² over n draws ȳ",
            "AWE §2",
            {"negatives": 1},
            lambda given, n: Regression(given["negatives"]),
            lambda given, n: 1.0 + given["negatives"],
        ),
    )
}


def find_loss(name: str) -> Loss:
    """The loss called `name`. Raises SettingsError with the nearest known one."""
    if name in LOSSES:
        return LOSSES[name]
    raise SettingsError(
        f"--loss: expected one of {', '.join(LOSSES)}, found {name!r}",
        hint=did_you_mean(name, LOSSES),
    )


def check_loss(name: str, told: Mapping[str, Any]) -> None:
    """Raise SettingsError for a setting of another loss; `told` has every setting, None where nobody said."""
    loss = find_loss(name)
    settings = {parameter for other in LOSSES.values() for parameter in other.parameters}
    for parameter in sorted(settings - set(loss.parameters)):
        if told.get(parameter) is not None:
            known = ", ".join(_flag(p) for p in loss.parameters)
            raise SettingsError(f"{_flag(parameter)}: the loss {name} has none; it knows {known}")


def _flag(parameter: str) -> str:
    return f"--{parameter.replace('_', '-')}"
