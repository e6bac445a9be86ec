"""Two families of affinities, written once: those of the whole score, and those that add up over pairs of features."""

from __future__ import annotations

import numpy as np

from awe_cli.kernels.dispatch import implements, inlined
from awe_cli.kernels.entries import entry, n_entries
from awe_cli.kernels.interface import (
    begin,
    ceiling,
    directions,
    feature_slope,
    feature_value,
    finish,
    gradient,
    lays_out,
    of_input,
    parts,
    rate,
    rises,
    score,
    sees_features,
    slope,
    value,
)
from awe_cli.kernels.pairs import without_pairs
from awe_cli.kernels.sums import keep
from awe_cli.kernels.vectors import add_row, dot_row


def without_table(*types: type) -> None:
    """Declare affinities that lay out nothing before an example is scored."""
    implements(lays_out, *types)(_zero)
    implements(parts, *types)(_one)
    implements(begin, *types)(_nothing)
    implements(finish, *types)(_nothing)


def of_whole_score(*types: type, rising: bool = False) -> None:
    """Declare affinities with f = value(s), s = Ux·V_y: they give `value` and `slope`.

    rising  value does not fall as s rises, whatever the parameters
    """
    without_pairs(*types)
    implements(rises, *types)(_yes if rising else _no)
    implements(ceiling, *types)(_whole_rate if rising else _no_ceiling)
    implements(of_input, *types)(_yes)
    implements(sees_features, *types)(_no)
    implements(directions, *types)(_one)
    implements(rate, *types)(_whole_rate)
    implements(score, *types)(whole_score)
    implements(gradient, *types)(_whole_gradient)


def of_single_features(*types: type, of_labels: bool = False, pairs: bool = False) -> None:
    """Declare affinities that look at features: they give `score` and `gradient`.

    of_labels  those of labels, too
    pairs      they have weights of pairs, and give `rate` too
    """
    implements(rises, *types)(_no)
    implements(ceiling, *types)(_no_ceiling)
    implements(of_input, *types)(_no)
    implements(sees_features, *types)(_yes if of_labels else _no)
    implements(directions, *types)(_two)
    if not pairs:
        without_pairs(*types)
        implements(rate, *types)(_feature_rate)


def summed_over_features(*types: type) -> None:
    """Declare affinities with f = Σ_ij feature_value(x_i y_j, U_i·V_j): they give that and `feature_slope`."""
    of_single_features(*types, of_labels=True)
    implements(score, *types)(summed_score)
    implements(gradient, *types)(_summed_gradient)


def _no(affinity):
    return False


def _yes(affinity):
    return True


def _no_ceiling(affinity, s, case, label):
    return np.float32(np.inf)


def _zero(affinity):
    return 0


def _one(affinity):
    return 1


def _two(affinity):
    return 2


def _nothing(affinity, example, part, g):
    return None


def _whole_rate(affinity, s, case, label):
    return value(affinity, s, case, label)


def whole_score(affinity, case, label, hole):
    """f of the whole score."""
    return value(affinity, dot_row(case.z, case.V, label), case, label)


def _whole_gradient(affinity, case, label, hole, weight, slopes):
    step = np.float32(weight * slope(affinity, dot_row(case.z, case.V, label), case, label))
    add_row(slopes.z, step, case.V, label)
    return step


def _feature_rate(affinity, s, case, label):
    return score(affinity, case, label, -1)


@inlined
def match(case, t, label):
    """u = U_i·V_y of the feature at position t."""
    total = np.float32(0)
    row = case.indices[t]
    for j in range(case.U.shape[1]):
        total += case.U[row, j] * case.V[label, j]
    return total


@inlined
def add_match(case, t, label, step, slopes):
    """Add step · ∂u/∂(U_i, V_y) of the feature at position t to the slopes."""
    row = case.indices[t]
    for j in range(case.U.shape[1]):
        slopes.v[j] += step * case.U[row, j]
        slopes.u[t, j] += step * case.V[label, j]


@inlined
def pair_match(case, t, j):
    """u = U_i·V_j of the feature at position t and a label feature."""
    total = np.float32(0)
    row = case.indices[t]
    for k in range(case.U.shape[1]):
        total += case.U[row, k] * case.Vj[j, k]
    return total


@inlined
def add_pair_match(case, t, j, step, slopes):
    """Add step · ∂u/∂(U_i, V_j) of such a pair to the slopes."""
    row = case.indices[t]
    for k in range(case.U.shape[1]):
        slopes.vj[k] += step * case.U[row, k]
        slopes.u[t, k] += step * case.Vj[j, k]


def summed_score(affinity, case, label, hole):
    """f summed over pairs of features."""
    total = np.float32(0)
    for r in range(n_entries(case.y, label)):
        j, y = entry(case.y, label, r)
        for t in range(case.indices.shape[0]):
            if t != hole:
                total += feature_value(affinity, case.values[t] * y, pair_match(case, t, j))
    return total


def _summed_gradient(affinity, case, label, hole, weight, slopes):
    for r in range(n_entries(case.y, label)):
        j, y = entry(case.y, label, r)
        for t in range(case.indices.shape[0]):
            if t != hole:
                by_match = feature_slope(affinity, case.values[t] * y, pair_match(case, t, j))
                add_pair_match(case, t, j, np.float32(weight * by_match), slopes)
        keep(case.y, slopes.sums, slopes.slot, j, slopes.vj, slopes.vj_hat)
    return np.float32(1)
