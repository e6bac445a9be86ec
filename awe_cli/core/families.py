"""Families of affinities, each implemented once: functions of the whole score, sums over pairs of features, and
functions of Ux·V_y, ‖Ux‖² and ‖V_y‖².
"""

from __future__ import annotations

import numpy as np

from awe_cli.core.arrays import add_row, dot, dot_row
from awe_cli.core.dispatch import implements, inlined
from awe_cli.core.interface import (
    clear,
    directions,
    factors_through_projection,
    feature_slope,
    feature_value,
    form,
    form_slopes,
    gradient,
    is_featurewise,
    is_monotone,
    load,
    n_tables,
    queries_per_example,
    score,
    score_from_dot,
    slope,
    upper_bound,
    value,
)
from awe_cli.core.labels import entry, n_entries
from awe_cli.core.pairs import without_pairs
from awe_cli.core.sums import accumulate

# Two families: functions of the whole score, and sums over pairs of features.


def without_table(*types: type) -> None:
    """Declare affinities that load no table before an example is scored."""
    implements(n_tables, *types)(_zero)
    implements(queries_per_example, *types)(_one)
    implements(load, *types)(_nothing)
    implements(clear, *types)(_nothing)


def of_whole_score(*types: type, rising: bool = False) -> None:
    """Declare affinities with f = value(s), s = Ux·V_y: they implement `value` and `slope`.

    rising  value is non-decreasing in s for all parameters
    """
    without_pairs(*types)
    implements(is_monotone, *types)(_yes if rising else _no)
    implements(upper_bound, *types)(_whole_score_from_dot if rising else _no_upper_bound)
    implements(factors_through_projection, *types)(_yes)
    implements(is_featurewise, *types)(_no)
    implements(directions, *types)(_one)
    implements(score_from_dot, *types)(_whole_score_from_dot)
    implements(score, *types)(whole_score)
    implements(gradient, *types)(_whole_gradient)


def of_single_features(*types: type, of_labels: bool = False, pairs: bool = False) -> None:
    """Declare affinities of single features: they implement `score` and `gradient`.

    of_labels  whether they also depend on single features of labels
    pairs      whether they have weights of pairs; they then implement `score_from_dot` too
    """
    implements(is_monotone, *types)(_no)
    implements(upper_bound, *types)(_no_upper_bound)
    implements(factors_through_projection, *types)(_no)
    implements(is_featurewise, *types)(_yes if of_labels else _no)
    implements(directions, *types)(_two)
    if not pairs:
        without_pairs(*types)
        implements(score_from_dot, *types)(_feature_score_from_dot)


def summed_over_features(*types: type) -> None:
    """Declare affinities with f = Σ_ij feature_value(x_i y_j, U_i·V_j): they implement it and `feature_slope`."""
    of_single_features(*types, of_labels=True)
    implements(score, *types)(summed_score)
    implements(gradient, *types)(_summed_gradient)


def _no(affinity):
    return False


def _yes(affinity):
    return True


def _no_upper_bound(affinity, s, context, label):
    return np.float32(np.inf)


def _zero(affinity):
    return 0


def _one(affinity):
    return 1


def _two(affinity):
    return 2


def _nothing(affinity, example, part, g):
    return None


def _whole_score_from_dot(affinity, s, context, label):
    return value(affinity, s, context, label)


def whole_score(affinity, context, label, left_out):
    """f as a function of the whole score."""
    return value(affinity, dot_row(context.z, context.V, label), context, label)


def _whole_gradient(affinity, context, label, left_out, weight, gradients):
    step = np.float32(weight * slope(affinity, dot_row(context.z, context.V, label), context, label))
    add_row(gradients.z, step, context.V, label)
    return step


def _feature_score_from_dot(affinity, s, context, label):
    return score(affinity, context, label, -1)


@inlined
def match(context, t, label):
    """u = U_i·V_y of the feature at position t."""
    total = np.float32(0)
    row = context.indices[t]
    for j in range(context.U.shape[1]):
        total += context.U[row, j] * context.V[label, j]
    return total


@inlined
def add_match(context, t, label, step, gradients):
    """Add step · ∂u/∂(U_i, V_y) of the feature at position t to the gradients."""
    row = context.indices[t]
    for j in range(context.U.shape[1]):
        gradients.v[j] += step * context.U[row, j]
        gradients.u[t, j] += step * context.V[label, j]


@inlined
def pair_match(context, t, j):
    """u = U_i·V_j of the feature at position t and a label feature."""
    total = np.float32(0)
    row = context.indices[t]
    for k in range(context.U.shape[1]):
        total += context.U[row, k] * context.Vj[j, k]
    return total


@inlined
def add_pair_match(context, t, j, step, gradients):
    """Add step · ∂u/∂(U_i, V_j) of such a pair to the gradients."""
    row = context.indices[t]
    for k in range(context.U.shape[1]):
        gradients.vj[k] += step * context.U[row, k]
        gradients.u[t, k] += step * context.Vj[j, k]


def summed_score(affinity, context, label, left_out):
    """f summed over pairs of features."""
    total = np.float32(0)
    for r in range(n_entries(context.y, label)):
        j, y = entry(context.y, label, r)
        for t in range(context.indices.shape[0]):
            if t != left_out:
                total += feature_value(affinity, context.values[t] * y, pair_match(context, t, j))
    return total


def _summed_gradient(affinity, context, label, left_out, weight, gradients):
    for r in range(n_entries(context.y, label)):
        j, y = entry(context.y, label, r)
        for t in range(context.indices.shape[0]):
            if t != left_out:
                by_match = feature_slope(affinity, context.values[t] * y, pair_match(context, t, j))
                add_pair_match(context, t, j, np.float32(weight * by_match), gradients)
        accumulate(context.y, gradients.sums, gradients.slot, j, gradients.vj, gradients.vj_hat)
    return np.float32(1)


# The family of functions of Ux·V_y, ‖Ux‖² and ‖V_y‖².
#
#     ∂f/∂Ux = ∂f/∂s V_y + 2 ∂f/∂zz Ux,    ∂f/∂V_y = ∂f/∂s Ux + 2 ∂f/∂vv V_y
#
# so that ∂f/∂Ux is not only along V_y, nor ∂f/∂V_y only along Ux.


def norm_family(*types: type) -> None:
    """Declare affinities that implement `score_from_dot`, `score` and `gradient`, the latter by Ux and V_y."""
    without_pairs(*types)
    implements(is_monotone, *types)(_no)
    implements(upper_bound, *types)(_no_upper_bound)
    implements(factors_through_projection, *types)(_yes)
    implements(is_featurewise, *types)(_no)
    implements(directions, *types)(_two)


def gradient_of_norms(*types: type) -> None:
    """Declare affinities that implement `form` and `form_slopes`."""
    norm_family(*types)
    implements(score_from_dot, *types)(_score_from_dot)
    implements(score, *types)(score_of_form)
    implements(gradient, *types)(_gradient)


def _score_from_dot(affinity, s, context, label):
    return form(affinity, s, dot(context.z, context.z), _squared(context.V, label))


def score_of_form(affinity, context, label, left_out):
    """f computed by `form`."""
    return form(
        affinity, dot_row(context.z, context.V, label), dot(context.z, context.z), _squared(context.V, label)
    )


def _gradient(affinity, context, label, left_out, weight, gradients):
    by_s, by_zz, by_vv = form_slopes(
        affinity, dot_row(context.z, context.V, label), dot(context.z, context.z), _squared(context.V, label)
    )
    along = np.float32(weight * by_s)
    back_z, back_v = np.float32(2 * weight * by_zz), np.float32(2 * weight * by_vv)
    for j in range(context.z.shape[0]):
        gradients.z[j] += along * context.V[label, j] + back_z * context.z[j]
        gradients.v[j] += along * context.z[j] + back_v * context.V[label, j]
    return np.float32(1)


@inlined
def _squared(matrix, row):
    """‖M[row]‖²."""
    total = np.float32(0)
    for j in range(matrix.shape[1]):
        total += matrix[row, j] * matrix[row, j]
    return total
