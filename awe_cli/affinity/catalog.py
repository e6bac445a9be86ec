"""All affinities by name: what they are, what they can be told, and how their parameters are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from awe_cli.affinity.constant import Constant
from awe_cli.affinity.dot import Dot
from awe_cli.affinity.embedded_gaussian import EmbeddedGaussian
from awe_cli.affinity.gaussian import Gaussian
from awe_cli.affinity.linear_sigmoid import LinearSigmoid, LinearSigmoidOfScore
from awe_cli.affinity.sigmoid import Sigmoid, SigmoidOfScore
from awe_cli.affinity.top_k import TopK
from awe_cli.errors import SettingsError, nearest

FEATURE, SCORE = "feature", "score"
JOINTLY, ITERATIVELY = "jointly", "iteratively"

# What a parameter is where nobody names it, given whether x is a bag of the labels themselves.
Default = Callable[[bool], Any]


@dataclass(frozen=True)
class Entry:
    """One affinity.

    equation    G, as printed in the papers
    source      where it is printed
    when        what it is good for
    parameters  name → default
    build       parameters → what the kernels take
    learned     how: jointly with U and V, or iteratively: built from U, then fixed
    linear      whether it starts from a trained linear model unless told otherwise
    """

    name: str
    equation: str
    source: str
    when: str
    parameters: Mapping[str, Default]
    build: Callable[[Mapping[str, Any]], Any]
    linear: bool = True
    learned: str = JOINTLY


def _always(value: Any) -> Default:
    return lambda own: value


def _gain(own: bool) -> float:
    """κ: 1 where the argument is U_i·V_y, which lies in ±1; 10 where it is scaled by x_i."""
    return 1.0 if own else 10.0


def _sigmoid(given: Mapping[str, Any]) -> Any:
    if given["scope"] == SCORE:
        return SigmoidOfScore(given["gain"])
    return Sigmoid(given["gain"], given["unit"])


def _linear_sigmoid(given: Mapping[str, Any]) -> Any:
    if given["beta"] > given["alpha"]:
        raise SettingsError(
            f"linear-sigmoid: expected beta ≤ alpha, found beta = {given['beta']}, alpha = {given['alpha']}",
            hint="G is cut off below at --beta and above at --alpha",
        )
    if given["scope"] == SCORE:
        return LinearSigmoidOfScore(given["alpha"], given["beta"], given["gain"])
    return LinearSigmoid(given["alpha"], given["beta"], given["gain"], given["unit"])


_CURVE: dict[str, Default] = {"scope": _always(FEATURE), "gain": _gain, "unit": lambda own: own}

CATALOG = {
    entry.name: entry
    for entry in (
        Entry(
            "constant",
            "G = 1",
            "AWE eq. 1",
            "Start here: WSABIE, the fastest, and what the others start from.",
            {},
            lambda given: Constant(1.0),
            linear=False,
        ),
        Entry(
            "sigmoid",
            "G_ij = s'(κ x_i U_i·V_j y_j)",
            "AWE eq. 5",
            "Features that fit a label shall count more, smoothly.",
            _CURVE,
            _sigmoid,
        ),
        Entry(
            "linear-sigmoid",
            "G_ij = min(α, max(β, κ x_i U_i·V_j y_j))",
            "AWE eq. 6",
            "Noisy features: those that do not fit the label count least, at a known share.",
            {**_CURVE, "alpha": _always(1.0), "beta": _always(0.25)},
            _linear_sigmoid,
        ),
        Entry(
            "max",
            "G = max_i x_i U_i·V y",
            "AWE eq. 7",
            "One feature of many decides, such as one item of a history of mixed taste.",
            {"floor": _always(0.0)},
            lambda given: TopK(1, given["floor"]),
        ),
        Entry(
            "top-k",
            "G = Σ of the k largest x_i U_i·V y",
            "AWE §3.1",
            "A few features decide: softer than max.",
            {"top": _always(5), "floor": _always(0.0)},
            lambda given: TopK(given["top"], given["floor"]),
        ),
        Entry(
            "gaussian",
            "G = exp(−‖Ux − Vy‖²/(2σ²))",
            "affinity functions",
            "Labels shall be near x, not merely in its direction.",
            {"sigma": _always(1.0), "floor": _always(0.0)},
            lambda given: Gaussian(given["sigma"], given["floor"]),
        ),
        Entry(
            "embedded-gaussian",
            "G = exp(cos(Ux, Vy))",
            "affinity functions",
            "The direction shall count, and length less: popular labels have long rows.",
            {"floor": _always(0.0)},
            lambda given: EmbeddedGaussian(given["floor"]),
        ),
        Entry(
            "dot",
            "G = max(0, Ux·Vy)",
            "affinity functions",
            "For comparison: the order is the linear one, the gradient favours high scores.",
            {"floor": _always(0.0)},
            lambda given: Dot(given["floor"]),
        ),
    )
}


# Affinities that `train` does not learn: a table is built from a model's U, then held fixed.
BUILT = (
    Entry(
        "knn",
        "G = Σ_j w_j [y ∈ Y_j], w_j ∝ exp(−λ‖Ux − Ux_j‖²) over the k nearest examples",
        "AWE eq. 9",
        "Much data: labels that neighbours in the embedding have, beside the score.",
        {"k": _always(None), "lambda": _always(None)},
        dict,
        learned=ITERATIVELY,
    ),
)


def find_affinity(name: str) -> Entry:
    """The affinity called `name`. Raises SettingsError with the nearest known one."""
    if name in CATALOG:
        return CATALOG[name]
    similar = nearest(name, CATALOG)
    raise SettingsError(
        f"--affinity: expected one of {', '.join(CATALOG)}, found {name!r}",
        hint=f"did you mean {similar!r}?" if similar else None,
    )


def parameters_of(name: str, told: Mapping[str, Any], *, own: bool) -> dict[str, Any]:
    """Every parameter of an affinity, with its name: as told, else its default.

    told  parameter → value, None where nobody said; one that this affinity does not have raises SettingsError
    own   whether x is a bag of the labels themselves
    """
    entry = find_affinity(name)
    for parameter, value in told.items():
        if value is not None and parameter not in entry.parameters:
            known = ", ".join(f"--{p}" for p in entry.parameters) or "no parameters"
            raise SettingsError(f"--{parameter}: the affinity {name} has none; it knows {known}")
    chosen = {
        parameter: default(own) if told.get(parameter) is None else told[parameter]
        for parameter, default in entry.parameters.items()
    }
    entry.build(chosen)
    return {"name": name, **chosen}


def build_affinity(settings: Mapping[str, Any]) -> Any:
    """What the kernels take, from the parameters of `parameters_of`."""
    return find_affinity(settings["name"]).build(settings)
