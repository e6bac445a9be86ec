"""Pair weights: G_ij(x, y) = G_ij, a sparse matrix over features and labels (AWE §3, before the low-rank form).

    weigh:  f = Σ_i G_iy x_i U_i·V_y            with G_iy = θ_iy of a stored pair, else `rest`
    add:    f = Σ_i θ_iy x_i + Ux·V_y            with nothing for pairs that are not stored

The second is xᵀWy + xᵀUᵀVy, the form of supervised semantic indexing (Bai et al. 2010), whose W is I. No reweighting
of U_i·V_y can express it: a pair counts there however small U_i·V_y is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from awe_cli.kernels.dispatch import implements
from awe_cli.kernels.families import add_match, match, of_single_features, without_table
from awe_cli.kernels.interface import ceiling, directions, gradient, of_input, rate, rises, score
from awe_cli.kernels.pairs import pair_in, pair_share, shares_of, weighs_pairs
from awe_cli.kernels.vectors import add_row, dot_row


class PairWeights(NamedTuple):
    """f = Σ_i G_iy x_i U_i·V_y."""

    rest: float  # G of the pairs that are not stored
    learned: bool  # else θ is as it was given


class PairTerms(NamedTuple):
    """f = Σ_i θ_iy x_i + Ux·V_y."""

    learned: bool


without_table(PairWeights, PairTerms)
of_single_features(PairWeights, pairs=True)


@implements(weighs_pairs, PairWeights, PairTerms)
def _weighs_pairs(affinity):
    return True


@implements(pair_share, PairWeights)
def _share(affinity, case, t, p, label):
    return (case.learned.pairs[p] - np.float32(affinity.rest)) * case.values[t] * match(case, t, label)


@implements(rate, PairWeights)
def _rate(affinity, s, case, label):
    return affinity.rest * s  # and what the scorer adds for stored pairs


@implements(score, PairWeights)
def _score(affinity, case, label, hole):
    whole = np.float32(affinity.rest * dot_row(case.z, case.V, label))
    return whole + shares_of(affinity, case, label, hole)


@implements(gradient, PairWeights)
def _gradient(affinity, case, label, hole, weight, slopes):
    if affinity.rest != 0:
        for t in range(case.indices.shape[0]):
            if t != hole:
                add_match(case, t, label, np.float32(weight * affinity.rest * case.values[t]), slopes)
    slot = case.chains.head[label] - 1
    while slot >= 0:
        t = case.chains.at[slot]
        if t != hole:
            along = np.float32(weight * case.values[t])
            above = case.learned.pairs[pair_in(case, slot)] - np.float32(affinity.rest)
            add_match(case, t, label, along * above, slopes)
            if affinity.learned:
                slopes.pairs[slot] += along * match(case, t, label)
        slot = case.chains.before[slot] - 1
    return np.float32(1)


@implements(pair_share, PairTerms)
def _term(affinity, case, t, p, label):
    return case.learned.pairs[p] * case.values[t]


@implements(rises, PairTerms)
def _rises(affinity):
    return False


@implements(ceiling, PairTerms)
def _ceiling(affinity, s, case, label):
    return np.float32(np.inf)


@implements(of_input, PairTerms)
def _of_input(affinity):
    return True


@implements(directions, PairTerms)
def _directions(affinity):
    return 1


@implements(rate, PairTerms)
def _term_rate(affinity, s, case, label):
    return s


@implements(score, PairTerms)
def _term_score(affinity, case, label, hole):
    return dot_row(case.z, case.V, label) + shares_of(affinity, case, label, hole)


@implements(gradient, PairTerms)
def _term_gradient(affinity, case, label, hole, weight, slopes):
    step = np.float32(weight)
    add_row(slopes.z, step, case.V, label)
    slot = case.chains.head[label] - 1 if affinity.learned else -1
    while slot >= 0:
        t = case.chains.at[slot]
        if t != hole:
            slopes.pairs[slot] += step * case.values[t]
        slot = case.chains.before[slot] - 1
    return step
