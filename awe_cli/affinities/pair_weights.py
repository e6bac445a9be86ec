"""Pair weights: G_ij(x, y) = G_ij, a sparse matrix over features of x and y (AWE §3, before the low-rank form).

    weigh:  f = Σ_ij G_ij x_i U_i·V_j y_j        with G_ij = θ_ij of a stored pair, else `rest`
    add:    f = Σ_ij θ_ij x_i y_j + Ux·Vy         over stored pairs

The second is xᵀWy + xᵀUᵀVy, the form of supervised semantic indexing (Bai et al. 2010), where W = I. No reweighting of
U_i·V_j can express it: a pair counts even where U_i·V_j is 0.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from awe_cli.core.arrays import add_row, dot_row
from awe_cli.core.dispatch import implements, inlined
from awe_cli.core.families import add_match, add_pair_match, of_single_features, pair_match, without_table
from awe_cli.core.interface import (
    directions,
    factors_through_projection,
    gradient,
    is_featurewise,
    is_monotone,
    score,
    score_from_dot,
    upper_bound,
)
from awe_cli.core.labels import entry, n_entries
from awe_cli.core.pairs import pair_in, pair_share, shares_of, weighs_pairs
from awe_cli.core.sums import accumulate


class PairWeights(NamedTuple):
    """f = Σ_ij G_ij x_i U_i·V_j y_j."""

    rest: float  # G of the pairs that are not stored
    learned: bool  # else θ is fixed


class PairTerms(NamedTuple):
    """f = Σ_ij θ_ij x_i y_j + Ux·Vy."""

    learned: bool


without_table(PairWeights, PairTerms)
of_single_features(PairWeights, of_labels=True, pairs=True)


@implements(weighs_pairs, PairWeights, PairTerms)
def _weighs_pairs(affinity):
    return True


@implements(pair_share, PairWeights)
def _share(affinity, context, t, p, j):
    return (
        (context.learned.pairs[p] - np.float32(affinity.rest)) * context.values[t] * pair_match(context, t, j)
    )


@implements(score_from_dot, PairWeights)
def _score_from_dot(affinity, s, context, label):
    return affinity.rest * s  # the scorer adds the terms of stored pairs


@implements(score, PairWeights)
def _score(affinity, context, label, left_out):
    whole = np.float32(affinity.rest * dot_row(context.z, context.V, label))
    return whole + shares_of(affinity, context, label, left_out)


@implements(gradient, PairWeights)
def _gradient(affinity, context, label, left_out, weight, gradients):
    if affinity.rest != 0:
        for t in range(context.indices.shape[0]):
            if t != left_out:
                add_match(
                    context, t, label, np.float32(weight * affinity.rest * context.values[t]), gradients
                )
    for r in range(n_entries(context.y, label)):
        j, y = entry(context.y, label, r)
        slot = context.chains.head[j] - 1
        if slot >= 0:
            while slot >= 0:
                if context.chains.at[slot] != left_out:
                    _add_pair(affinity, context, slot, j, weight * y, gradients)
                slot = context.chains.before[slot] - 1
            accumulate(context.y, gradients.sums, gradients.slot, j, gradients.vj, gradients.vj_hat)
    return np.float32(1)


@inlined
def _add_pair(affinity, context, slot, j, weight, gradients):
    """Add weight · ∂ (θ_ij − rest) x_i U_i·V_j to the gradients."""
    t = context.chains.at[slot]
    along = np.float32(weight * context.values[t])
    above = context.learned.pairs[pair_in(context, slot)] - np.float32(affinity.rest)
    add_pair_match(context, t, j, along * above, gradients)
    if affinity.learned:
        gradients.pairs[slot] += along * pair_match(context, t, j)


@implements(pair_share, PairTerms)
def _term(affinity, context, t, p, j):
    return context.learned.pairs[p] * context.values[t]


@implements(is_monotone, PairTerms)
def _is_monotone(affinity):
    return False


@implements(upper_bound, PairTerms)
def _upper_bound(affinity, s, context, label):
    return np.float32(np.inf)


@implements(factors_through_projection, PairTerms)
def _factors_through_projection(affinity):
    return True


@implements(is_featurewise, PairTerms)
def _is_featurewise(affinity):
    return True


@implements(directions, PairTerms)
def _directions(affinity):
    return 1


@implements(score_from_dot, PairTerms)
def _term_score_from_dot(affinity, s, context, label):
    return s


@implements(score, PairTerms)
def _term_score(affinity, context, label, left_out):
    return dot_row(context.z, context.V, label) + shares_of(affinity, context, label, left_out)


@implements(gradient, PairTerms)
def _term_gradient(affinity, context, label, left_out, weight, gradients):
    step = np.float32(weight)
    add_row(gradients.z, step, context.V, label)
    if affinity.learned:
        for r in range(n_entries(context.y, label)):
            j, y = entry(context.y, label, r)
            slot = context.chains.head[j] - 1
            while slot >= 0:
                t = context.chains.at[slot]
                if t != left_out:
                    gradients.pairs[slot] += step * y * context.values[t]
                slot = context.chains.before[slot] - 1
    return step
