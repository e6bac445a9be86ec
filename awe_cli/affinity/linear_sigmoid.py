"""Linear sigmoid affinity (AWE eq. 6): G_ij = s_l(κ · x_i U_i·V_j y_j), s_l(η) = min(α, max(β, η)).

Eq. 6 as printed applies s_l to the whole score, which for β ≥ 0 only rescales it monotonically; the
paper's "per-example, per-label feature selection" fits s_l applied to each pair of features. Both scopes are here.
κ, the gain, is not in the paper.
"""

from __future__ import annotations

from typing import NamedTuple

from awe_cli.kernels.dispatch import implements
from awe_cli.kernels.families import of_whole_score, summed_over_features, without_table
from awe_cli.kernels.interface import feature_slope, feature_value, slope, value


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
def _value(affinity, s, case, label):
    return min(affinity.alpha, max(affinity.beta, affinity.gain * s)) * s


@implements(slope, LinearSigmoidOfScore)
def _slope(affinity, s, case, label):
    g = affinity.gain * s
    if g < affinity.beta:
        return affinity.beta
    if g > affinity.alpha:
        return affinity.alpha
    return 2.0 * g


@implements(feature_value, LinearSigmoid)
def _feature_value(affinity, x, u):
    inner = affinity.gain if affinity.unit else affinity.gain * x
    return min(affinity.alpha, max(affinity.beta, inner * u)) * x * u


@implements(feature_slope, LinearSigmoid)
def _feature_slope(affinity, x, u):
    g = u * (affinity.gain if affinity.unit else affinity.gain * x)
    if g < affinity.beta:
        return affinity.beta * x
    if g > affinity.alpha:
        return affinity.alpha * x
    return 2.0 * g * x
