"""Sigmoid affinity (AWE eq. 5): G_ij = s'(κ · x_i U_i·V_j y_j), s'(η) = 1/(1 + e^-η).

Low-scoring features are switched off, high-scoring ones activated. κ, the gain, is not in the paper
(there κ = 1): with ‖U_i‖, ‖V_j‖ ≤ 1 and scaled x the argument would otherwise stay in the middle of the curve.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from awe_cli.kernels.dispatch import implements, inlined
from awe_cli.kernels.families import of_whole_score, summed_over_features, without_table
from awe_cli.kernels.interface import feature_slope, feature_value, slope, value


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
def _value(affinity, s, case, label):
    return logistic(affinity.gain * s) * s


@implements(slope, SigmoidOfScore)
def _slope(affinity, s, case, label):
    g = logistic(affinity.gain * s)
    return g + affinity.gain * s * g * (1.0 - g)


@implements(feature_value, Sigmoid)
def _feature_value(affinity, x, u):
    inner = affinity.gain if affinity.unit else affinity.gain * x
    return logistic(inner * u) * x * u


@implements(feature_slope, Sigmoid)
def _feature_slope(affinity, x, u):
    inner = affinity.gain if affinity.unit else affinity.gain * x
    g = logistic(inner * u)
    return x * (g + inner * u * g * (1.0 - g))
