"""Sigmoid (AWE eq. 5) and linear sigmoid (eq. 6), and the activation functions s: R → R (before eq. 4)."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from awe_cli.core.dispatch import implements, inlined, stub
from awe_cli.core.families import of_whole_score, summed_over_features, without_table
from awe_cli.core.interface import feature_slope, feature_value, slope, value
from awe_cli.errors import SettingsError

# Sigmoid affinity (AWE eq. 5): G_ij = s'(κ · x_i U_i·V_j y_j), s'(η) = 1/(1 + e^-η).
#
# Low-scoring features are switched off, high-scoring ones activated. κ, the gain, is 1 in the paper: with ‖U_i‖, ‖V_j‖
# ≤ 1 and scaled x the argument would then stay in the middle of the curve.


class Sigmoid(NamedTuple):
    """f = Σ_ij s'(κ x_i U_i·V_j y_j) x_i U_i·V_j y_j."""

    gain: float  # κ
    unit: bool  # leave x_i and y_j out of the argument: s'(κ U_i·V_j)


class SigmoidOfScore(NamedTuple):
    """f = s'(κ s) s with s = Ux·V_y."""

    gain: float


without_table(Sigmoid, SigmoidOfScore)
summed_over_features(Sigmoid)
of_whole_score(SigmoidOfScore)


@inlined
def logistic(t):
    """s'(t) = 1/(1 + e^-t)."""
    return 1.0 / (1.0 + math.exp(-t))


@implements(value, SigmoidOfScore)
def _sigmoid_value(affinity, s, context, label):
    return logistic(affinity.gain * s) * s


@implements(slope, SigmoidOfScore)
def _sigmoid_slope(affinity, s, context, label):
    g = logistic(affinity.gain * s)
    return g + affinity.gain * s * g * (1.0 - g)


@implements(feature_value, Sigmoid)
def _sigmoid_feature_value(affinity, x, u):
    inner = affinity.gain if affinity.unit else affinity.gain * x
    return logistic(inner * u) * x * u


@implements(feature_slope, Sigmoid)
def _sigmoid_feature_slope(affinity, x, u):
    inner = affinity.gain if affinity.unit else affinity.gain * x
    g = logistic(inner * u)
    return x * (g + inner * u * g * (1.0 - g))


# Linear sigmoid affinity (AWE eq. 6): G_ij = s_l(κ · x_i U_i·V_j y_j), s_l(η) = min(α, max(β, η)).
#
# Eq. 6 as printed applies s_l to the whole score, which for β ≥ 0 only rescales it monotonically; the paper's
# "per-example, per-label feature selection" fits s_l applied to each pair of features. Both scopes are here.
# κ, the gain, is not in the paper.


class LinearSigmoid(NamedTuple):
    """f = Σ_ij s_l(κ x_i U_i·V_j y_j) x_i U_i·V_j y_j."""

    alpha: float  # the largest G
    beta: float  # the smallest G
    gain: float  # κ
    unit: bool  # leave x_i and y_j out of the argument: s_l(κ U_i·V_j)


class LinearSigmoidOfScore(NamedTuple):
    """f = s_l(κ s) s with s = Ux·V_y."""

    alpha: float
    beta: float
    gain: float


without_table(LinearSigmoid, LinearSigmoidOfScore)
summed_over_features(LinearSigmoid)
of_whole_score(LinearSigmoidOfScore)


@implements(value, LinearSigmoidOfScore)
def _linear_sigmoid_value(affinity, s, context, label):
    return min(affinity.alpha, max(affinity.beta, affinity.gain * s)) * s


@implements(slope, LinearSigmoidOfScore)
def _linear_sigmoid_slope(affinity, s, context, label):
    g = affinity.gain * s
    if g < affinity.beta:
        return affinity.beta
    if g > affinity.alpha:
        return affinity.alpha
    return 2.0 * g


@implements(feature_value, LinearSigmoid)
def _linear_sigmoid_feature_value(affinity, x, u):
    inner = affinity.gain if affinity.unit else affinity.gain * x
    return min(affinity.alpha, max(affinity.beta, inner * u)) * x * u


@implements(feature_slope, LinearSigmoid)
def _linear_sigmoid_feature_slope(affinity, x, u):
    g = u * (affinity.gain if affinity.unit else affinity.gain * x)
    if g < affinity.beta:
        return affinity.beta * x
    if g > affinity.alpha:
        return affinity.alpha * x
    return 2.0 * g * x


# Activation functions s: R → R (AWE §3, before eq. 4), which make an affinity nonlinear.
#
# Each is a `NamedTuple` type, so that kernels are compiled for the one in use, and has a gain κ: s(κ t).


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
    """Whether s(0) > 0, so that features get a weight before anything is learned."""
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
