"""Activation functions s: R → R (AWE §3, before eq. 4): what makes an affinity nonlinear in what it looks at.

Each is a `NamedTuple` type, so that kernels are compiled for the one in use, and has a gain κ: s(κ t).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from awe_cli.affinity.sigmoid import logistic
from awe_cli.errors import SettingsError
from awe_cli.kernels.dispatch import implements, stub


@stub
def activate(activation, t):
    """s(κ t)."""
    raise NotImplementedError(type(activation).__name__)


@stub
def activate_slope(activation, t):
    """∂/∂t of s(κ t)."""
    raise NotImplementedError(type(activation).__name__)


class Identity(NamedTuple):
    """s(η) = η."""

    gain: float  # κ


class Logistic(NamedTuple):
    """s(η) = 1/(1 + e^-η)."""

    gain: float


class Relu(NamedTuple):
    """s(η) = max(0, η)."""

    gain: float


class Exponential(NamedTuple):
    """s(η) = e^η."""

    gain: float


class Clipped(NamedTuple):
    """s(η) = min(α, max(β, η)), the linear sigmoid of AWE eq. 6."""

    gain: float
    alpha: float
    beta: float


ACTIVATIONS = ("identity", "sigmoid", "relu", "exp", "linear-sigmoid")
_PLAIN: dict[str, Any] = {"identity": Identity, "sigmoid": Logistic, "relu": Relu, "exp": Exponential}


def activation(name: str, gain: float, alpha: float, beta: float) -> Any:
    """The activation called `name`. Raises SettingsError for β > α."""
    if name != "linear-sigmoid":
        return _PLAIN[name](gain)
    check_cuts(alpha, beta)
    return Clipped(gain, alpha, beta)


def check_cuts(alpha: float, beta: float) -> None:
    """Raise SettingsError for β > α."""
    if beta > alpha:
        raise SettingsError(
            f"linear-sigmoid: expected beta ≤ alpha, found beta = {beta}, alpha = {alpha}",
            hint="G is cut off below at --beta and above at --alpha",
        )


def is_even_at_zero(name: str) -> bool:
    """Whether s gives a weight above 0, with a slope, to what it has seen nothing of: s(0) > 0."""
    return name in ("sigmoid", "exp")


@implements(activate, Identity)
def _identity(activation, t):
    return activation.gain * t


@implements(activate_slope, Identity)
def _identity_slope(activation, t):
    return activation.gain


@implements(activate, Logistic)
def _logistic(activation, t):
    return logistic(activation.gain * t)


@implements(activate_slope, Logistic)
def _logistic_slope(activation, t):
    g = logistic(activation.gain * t)
    return activation.gain * g * (1.0 - g)


@implements(activate, Relu)
def _relu(activation, t):
    return max(activation.gain * t, 0.0)


@implements(activate_slope, Relu)
def _relu_slope(activation, t):
    return activation.gain if t > 0 else 0.0


@implements(activate, Exponential)
def _exponential(activation, t):
    return math.exp(activation.gain * t)


@implements(activate_slope, Exponential)
def _exponential_slope(activation, t):
    return activation.gain * math.exp(activation.gain * t)


@implements(activate, Clipped)
def _clipped(activation, t):
    return min(activation.alpha, max(activation.beta, activation.gain * t))


@implements(activate_slope, Clipped)
def _clipped_slope(activation, t):
    g = activation.gain * t
    return activation.gain if activation.beta <= g <= activation.alpha else 0.0
