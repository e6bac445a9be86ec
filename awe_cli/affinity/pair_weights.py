"""Pair weights: G_ij(x, y) = G_ij, a sparse matrix over features of x and y (AWE §3, before the low-rank form).

    weigh:  f = Σ_ij G_ij x_i U_i·V_j y_j        with G_ij = θ_ij of a stored pair, else `rest`
    add:    f = Σ_ij θ_ij x_i y_j + Ux·Vy         with nothing for pairs that are not stored

The second is xᵀWy + xᵀUᵀVy, the form of supervised semantic indexing (Bai et al. 2010), whose W is I. No reweighting
of U_i·V_j can express it: a pair counts there however small U_i·V_j is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from awe_cli.kernels.dispatch import implements, inlined
from awe_cli.kernels.entries import entry, n_entries
from awe_cli.kernels.families import add_match, add_pair_match, of_single_features, pair_match, without_table
from awe_cli.kernels.interface import (
    ceiling,
    directions,
    gradient,
    of_input,
    rate,
    rises,
    score,
    sees_features,
)
from awe_cli.kernels.pairs import pair_in, pair_share, shares_of, weighs_pairs
from awe_cli.kernels.sums import keep
from awe_cli.kernels.vectors import add_row, dot_row


class PairWeights(NamedTuple):
    """f = Σ_ij G_ij x_i U_i·V_j y_j."""

    rest: float  # G of the pairs that are not stored
    learned: bool  # else θ is as it was given


class PairTerms(NamedTuple):
    """f = Σ_ij θ_ij x_i y_j + Ux·Vy."""

    learned: bool


without_table(PairWeights, PairTerms)
of_single_features(PairWeights, of_labels=True, pairs=True)


@implements(weighs_pairs, PairWeights, PairTerms)
def _weighs_pairs(affinity):
    return True


@implements(pair_share, PairWeights)
def _share(affinity, case, t, p, j):
    return (case.learned.pairs[p] - np.float32(affinity.rest)) * case.values[t] * pair_match(case, t, j)


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
    for r in range(n_entries(case.y, label)):
        j, y = entry(case.y, label, r)
        slot = case.chains.head[j] - 1
        if slot >= 0:
            while slot >= 0:
                if case.chains.at[slot] != hole:
                    _add_pair(affinity, case, slot, j, weight * y, slopes)
                slot = case.chains.before[slot] - 1
            keep(case.y, slopes.sums, slopes.slot, j, slopes.vj, slopes.vj_hat)
    return np.float32(1)


@inlined
def _add_pair(affinity, case, slot, j, weight, slopes):
    """Add weight · ∂ (θ_ij − rest) x_i U_i·V_j."""
    t = case.chains.at[slot]
    along = np.float32(weight * case.values[t])
    above = case.learned.pairs[pair_in(case, slot)] - np.float32(affinity.rest)
    add_pair_match(case, t, j, along * above, slopes)
    if affinity.learned:
        slopes.pairs[slot] += along * pair_match(case, t, j)


@implements(pair_share, PairTerms)
def _term(affinity, case, t, p, j):
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


@implements(sees_features, PairTerms)
def _sees_features(affinity):
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
    if affinity.learned:
        for r in range(n_entries(case.y, label)):
            j, y = entry(case.y, label, r)
            slot = case.chains.head[j] - 1
            while slot >= 0:
                t = case.chains.at[slot]
                if t != hole:
                    slopes.pairs[slot] += step * y * case.values[t]
                slot = case.chains.before[slot] - 1
    return step
