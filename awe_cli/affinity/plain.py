"""The affinities that look at U and V alone, and learn nothing beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from awe_cli.affinity.activation import check_cuts
from awe_cli.affinity.constant import Constant
from awe_cli.affinity.dot import Dot
from awe_cli.affinity.embedded_gaussian import EmbeddedGaussian
from awe_cli.affinity.entry import Default, Entry, always
from awe_cli.affinity.gaussian import Gaussian
from awe_cli.affinity.linear_sigmoid import LinearSigmoid, LinearSigmoidOfScore
from awe_cli.affinity.sigmoid import Sigmoid, SigmoidOfScore
from awe_cli.affinity.top_k import TopK

FEATURE, SCORE = "feature", "score"


def _gain(own: bool) -> float:
    """κ: 1 where the argument is U_i·V_y, which lies in ±1; 10 where it is scaled by x_i."""
    return 1.0 if own else 10.0


def _sigmoid(given: Mapping[str, Any]) -> Any:
    if given["scope"] == SCORE:
        return SigmoidOfScore(given["gain"])
    return Sigmoid(given["gain"], given["unit"])


def _linear_sigmoid(given: Mapping[str, Any]) -> Any:
    check_cuts(given["alpha"], given["beta"])
    if given["scope"] == SCORE:
        return LinearSigmoidOfScore(given["alpha"], given["beta"], given["gain"])
    return LinearSigmoid(given["alpha"], given["beta"], given["gain"], given["unit"])


def _without_features(given: Mapping[str, Any]) -> dict[str, str]:
    return {"unit": "--scope is score"} if given["scope"] == SCORE else {}


_CURVE: dict[str, Default] = {"scope": always(FEATURE), "gain": _gain, "unit": lambda own: own}

PLAIN = (
    Entry(
        "constant",
        "G = 1",
        "AWE eq. 1",
        "Start here: WSABIE, the fastest, and what the others start from.",
        {},
        lambda given: Constant(1.0),
        linear=False,
        floor=False,
    ),
    Entry(
        "sigmoid",
        "G_ij = s'(κ x_i U_i·V_j y_j)",
        "AWE eq. 5",
        "Features that fit a label shall count more, smoothly.",
        _CURVE,
        _sigmoid,
        idle=_without_features,
    ),
    Entry(
        "linear-sigmoid",
        "G_ij = min(α, max(β, κ x_i U_i·V_j y_j))",
        "AWE eq. 6",
        "Noisy features: those that do not fit the label count least, at a known share.",
        {**_CURVE, "alpha": always(1.0), "beta": always(0.25)},
        _linear_sigmoid,
        idle=_without_features,
    ),
    Entry(
        "max",
        "G = max(0, max_i x_i U_i·V y)",
        "AWE eq. 7",
        "One feature of many decides, such as one item of a history of mixed taste.",
        {},
        lambda given: TopK(1),
    ),
    Entry(
        "top-k",
        "G = max(0, Σ of the k largest x_i U_i·V y)",
        "AWE §3.1",
        "A few features decide: softer than max.",
        {"top": always(5)},
        lambda given: TopK(given["top"]),
    ),
    Entry(
        "gaussian",
        "G = exp(−‖Ux − Vy‖²/(2σ²))",
        "affinity functions",
        "Labels shall be near x, not merely in its direction.",
        {"sigma": always(1.0)},
        lambda given: Gaussian(given["sigma"]),
    ),
    Entry(
        "embedded-gaussian",
        "G = exp(κ cos(Ux, Vy))",
        "affinity functions",
        "The direction shall count, and length less: popular labels have long rows.",
        {"gain": always(1.0)},
        lambda given: EmbeddedGaussian(given["gain"]),
    ),
    Entry(
        "dot",
        "G = max(0, Ux·Vy)",
        "affinity functions",
        "For comparison: the order is the linear one, the gradient favours high scores.",
        {},
        lambda given: Dot(),
    ),
)
