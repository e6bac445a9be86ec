"""Two families of affinities, written once: those of the whole score, and those that add up over features."""

from __future__ import annotations

import numpy as np

from awe_cli.kernels.dispatch import implements, inlined
from awe_cli.kernels.interface import begin, directions, finish, gradient, lays_out, parts, score, slope, value
from awe_cli.kernels.vectors import add_row, dot_row


def without_table(*types: type) -> None:
    """Declare affinities that lay out nothing before an example is scored."""
    implements(lays_out, *types)(_no)
    implements(parts, *types)(_one)
    implements(begin, *types)(_nothing)
    implements(finish, *types)(_nothing)


def of_whole_score(*types: type) -> None:
    """Declare affinities with f = value(s), s = Ux·V_y: they give `value` and `slope`."""
    implements(directions, *types)(_one)
    implements(score, *types)(_whole_score)
    implements(gradient, *types)(_whole_gradient)


def of_features(*types: type) -> None:
    """Declare affinities with f = Σ_i value(s_i), s_i = x_i U_i·V_y: they give `value` and `slope` of one s_i."""
    implements(directions, *types)(_two)
    implements(score, *types)(_feature_score)
    implements(gradient, *types)(_feature_gradient)


def _no(affinity):
    return False


def _one(affinity):
    return 1


def _two(affinity):
    return 2


def _nothing(affinity, example, part, g):
    return None


def _whole_score(affinity, case, label, hole):
    return value(affinity, dot_row(case.z, case.V, label), case, label)


def _whole_gradient(affinity, case, label, hole, weight, slopes):
    step = np.float32(weight * slope(affinity, dot_row(case.z, case.V, label), case, label))
    add_row(slopes.z, step, case.V, label)
    return step


@inlined
def feature_score(case, t, label):
    """s_t = x_t U_t·V_y of the feature at position t."""
    total = np.float32(0)
    row = case.indices[t]
    for j in range(case.U.shape[1]):
        total += case.U[row, j] * case.V[label, j]
    return case.values[t] * total


def _feature_score(affinity, case, label, hole):
    total = np.float32(0)
    for t in range(case.indices.shape[0]):
        if t != hole:
            total += value(affinity, feature_score(case, t, label), case, label)
    return total


def _feature_gradient(affinity, case, label, hole, weight, slopes):
    slopes.v[:] = 0
    for t in range(case.indices.shape[0]):
        if t != hole:
            s = feature_score(case, t, label)
            step = np.float32(weight * slope(affinity, s, case, label) * case.values[t])
            row = case.indices[t]
            for j in range(case.U.shape[1]):
                slopes.v[j] += step * case.U[row, j]
                slopes.u[t, j] += step * case.V[label, j]
    return np.float32(1)
