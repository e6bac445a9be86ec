"""Low-rank affinity: G_ij = s(Û_i·V̂_j) (AWE §3, before eq. 4).

Û and V̂ are separate factors with a row for each row of U and V and a dimension of their own, or "for a simpler model"
those of the score: Û = U and V̂ = V. Unlike in the sigmoid of eq. 5 the argument has no x_i.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from awe_cli.affinities.sigmoid import activate, activate_slope
from awe_cli.core.dispatch import implements, inlined
from awe_cli.core.families import (
    add_pair_match,
    of_single_features,
    pair_match,
    summed_over_features,
    without_table,
)
from awe_cli.core.interface import feature_slope, feature_value, gradient, score
from awe_cli.core.labels import entry, n_entries
from awe_cli.core.sums import accumulate


class LowRank(NamedTuple):
    """f = Σ_ij s(Û_i·V̂_j) x_i U_i·V_j y_j."""

    activation: Any  # s


class TiedLowRank(NamedTuple):
    """f = Σ_ij s(U_i·V_j) x_i U_i·V_j y_j."""

    activation: Any


without_table(LowRank, TiedLowRank)
of_single_features(LowRank, of_labels=True)
summed_over_features(TiedLowRank)


@implements(feature_value, TiedLowRank)
def _feature_value(affinity, x, u):
    return activate(affinity.activation, u) * x * u


@implements(feature_slope, TiedLowRank)
def _feature_slope(affinity, x, u):
    return (activate(affinity.activation, u) + u * activate_slope(affinity.activation, u)) * x


@inlined
def _hat_match(context, t, j):
    """Û_i·V̂_j of the feature at position t and a label feature."""
    total, row = np.float32(0), context.indices[t]
    for k in range(context.learned.U_hat.shape[1]):
        total += context.learned.U_hat[row, k] * context.learned.V_hat[j, k]
    return total


@implements(score, LowRank)
def _score(affinity, context, label, left_out):
    total = np.float32(0)
    for r in range(n_entries(context.y, label)):
        j, y = entry(context.y, label, r)
        for t in range(context.indices.shape[0]):
            if t != left_out:
                g = np.float32(activate(affinity.activation, _hat_match(context, t, j)))
                total += g * context.values[t] * y * pair_match(context, t, j)
    return total


@implements(gradient, LowRank)
def _gradient(affinity, context, label, left_out, weight, gradients):
    for r in range(n_entries(context.y, label)):
        j, y = entry(context.y, label, r)
        for t in range(context.indices.shape[0]):
            if t != left_out:
                _add_pair(affinity, context, t, j, weight * context.values[t] * y, gradients)
        accumulate(context.y, gradients.sums, gradients.slot, j, gradients.vj, gradients.vj_hat)
    return np.float32(1)


@inlined
def _add_pair(affinity, context, t, j, along, gradients):
    """Add along · ∂ s(Û_i·V̂_j) U_i·V_j to the gradients."""
    hat, row = _hat_match(context, t, j), context.indices[t]
    step = np.float32(along * pair_match(context, t, j) * activate_slope(affinity.activation, hat))
    add_pair_match(context, t, j, np.float32(along * activate(affinity.activation, hat)), gradients)
    for k in range(gradients.vj_hat.shape[0]):
        gradients.vj_hat[k] += step * context.learned.U_hat[row, k]
        gradients.u_hat[t, k] += step * context.learned.V_hat[j, k]
