"""Low-rank affinity: G_ij = s(Û_i·V̂_j) (AWE §3, before eq. 4).

Û and V̂ are factors of their own, of a dimension of their own, or "for a simpler model" those of the score: Û = U and
V̂ = V. Unlike the sigmoid of eq. 5 the argument has no x_i.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from awe_cli.affinity.activation import activate, activate_slope
from awe_cli.kernels.dispatch import implements, inlined
from awe_cli.kernels.families import add_match, match, of_single_features, summed_over_features, without_table
from awe_cli.kernels.interface import feature_slope, feature_value, gradient, score


class LowRank(NamedTuple):
    """f = Σ_i s(Û_i·V̂_y) x_i U_i·V_y."""

    activation: Any  # s


class TiedLowRank(NamedTuple):
    """f = Σ_i s(U_i·V_y) x_i U_i·V_y."""

    activation: Any


without_table(LowRank, TiedLowRank)
of_single_features(LowRank)
summed_over_features(TiedLowRank)


@implements(feature_value, TiedLowRank)
def _feature_value(affinity, x, u):
    return activate(affinity.activation, u) * x * u


@implements(feature_slope, TiedLowRank)
def _feature_slope(affinity, x, u):
    return (activate(affinity.activation, u) + u * activate_slope(affinity.activation, u)) * x


@inlined
def _hat_match(case, t, label):
    """Û_i·V̂_y of the feature at position t."""
    total, row = np.float32(0), case.indices[t]
    for j in range(case.learned.U_hat.shape[1]):
        total += case.learned.U_hat[row, j] * case.learned.V_hat[label, j]
    return total


@implements(score, LowRank)
def _score(affinity, case, label, hole):
    total = np.float32(0)
    for t in range(case.indices.shape[0]):
        if t != hole:
            g = np.float32(activate(affinity.activation, _hat_match(case, t, label)))
            total += g * case.values[t] * match(case, t, label)
    return total


@implements(gradient, LowRank)
def _gradient(affinity, case, label, hole, weight, slopes):
    for t in range(case.indices.shape[0]):
        if t != hole:
            hat, along = _hat_match(case, t, label), weight * case.values[t]
            step = np.float32(along * match(case, t, label) * activate_slope(affinity.activation, hat))
            add_match(case, t, label, np.float32(along * activate(affinity.activation, hat)), slopes)
            for j in range(slopes.v_hat.shape[0]):
                slopes.v_hat[j] += step * case.learned.U_hat[case.indices[t], j]
                slopes.u_hat[t, j] += step * case.learned.V_hat[label, j]
    return np.float32(1)
