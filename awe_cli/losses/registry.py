"""All losses by name: descriptions, parameters, and how each is constructed from its parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe_cli.errors import SettingsError, did_you_mean
from awe_cli.losses.auc import Auc
from awe_cli.losses.owpc import Owpc
from awe_cli.losses.regression import Regression
from awe_cli.losses.warp import Warp

# L(k) = Σ_{j≤k} α_j: the cost of rank k (WSABIE eq. 5; Usunier et al. 2009).

HARMONIC, MEAN, TOP = "harmonic", "mean", "top"
NEGATIVES = "negatives"  # the rank is estimated from |Y∖Y_x|, or with "labels" from |Y| − 1


def rank_weights(name: str, n_labels: int) -> NDArray[np.float32]:
    """L(0) … L(n_labels), with L(0) = 0.

    harmonic  α_j = 1/j: the top of the list counts most (precision at k, average precision)
    mean      α_j = 1/(labels − 1): the mean rank
    top       α_1 = 1, the others 0: the first label alone
    """
    j = np.arange(1, n_labels + 1)
    alpha = {HARMONIC: 1 / j, MEAN: np.full(n_labels, 1 / max(n_labels - 1, 1)), TOP: (j == 1) * 1.0}[name]
    return np.concatenate([[0.0], np.cumsum(alpha)]).astype(np.float32)


@dataclass(frozen=True)
class Loss:
    """One loss.

    equation    the term of one positive
    source      where it is printed
    parameters  name → default; None where training chooses it by the data
    build       parameters, number of labels → the loss as kernels take it
    heaviest    parameters, number of labels → the largest factor of a hinge or a squared error
    """

    name: str
    equation: str
    source: str
    parameters: Mapping[str, Any]
    build: Callable[[Mapping[str, Any], int], Any]
    heaviest: Callable[[Mapping[str, Any], int], float]


def _ranks(params: Mapping[str, Any], n_labels: int) -> Any:
    return rank_weights(params["rank_weights"], n_labels)


def _worst_rank(params: Mapping[str, Any], n_labels: int) -> float:
    return float(_ranks(params, n_labels)[-1])


LOSSES = {
    loss.name: loss
    for loss in (
        Loss(
            "warp",
            "L(⌊|Y∖Y_x|/N⌋) · max(0, γ + f(x,ȳ) − f(x,y))",
            "WSABIE Algorithm 1",
            {"margin": None, "max_trials": None, "rank_weights": HARMONIC, "rank_estimate": NEGATIVES},
            lambda params, n: Warp(
                params["margin"],
                params["max_trials"],
                _ranks(params, n),
                params["rank_estimate"] == NEGATIVES,
            ),
            _worst_rank,
        ),
        Loss(
            "auc",
            "max(0, γ + f(x,ȳ) − f(x,y)), one ȳ drawn",
            "WSABIE §3, AWE §2",
            {"margin": None},
            lambda params, n: Auc(params["margin"]),
            lambda params, n: 1.0,
        ),
        Loss(
            "owpc",
            "L(r)/r · Σ max(0, γ + f(x,ȳ) − f(x,y)) over all r violators ȳ",
            "WSABIE eq. 6–8",
            {"margin": None, "rank_weights": HARMONIC},
            lambda params, n: Owpc(params["margin"], _ranks(params, n)),
            _worst_rank,
        ),
        Loss(
            "regression",
            "½ (f(x,y) − 1)² + Σ ½ f(x,ȳ)² over n draws ȳ",
            "AWE §2",
            {"negatives": 1},
            lambda params, n: Regression(params["negatives"]),
            lambda params, n: 1.0 + params["negatives"],
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


def check_loss(name: str, given: Mapping[str, Any]) -> None:
    """Raise SettingsError for a given parameter of another loss; in `given`, None is a setting that was not given."""
    loss = find_loss(name)
    settings = {parameter for other in LOSSES.values() for parameter in other.parameters}
    for parameter in sorted(settings - set(loss.parameters)):
        if given.get(parameter) is not None:
            known = ", ".join(_flag(p) for p in loss.parameters)
            raise SettingsError(f"{_flag(parameter)}: the loss {name} has none; it knows {known}")


def _flag(parameter: str) -> str:
    return f"--{parameter.replace('_', '-')}"
