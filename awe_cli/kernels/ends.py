"""The family of affinities that see both ends of the embedding: f of Ux·V_y, ‖Ux‖² and ‖V_y‖².

    ∂f/∂Ux = ∂f/∂s V_y + 2 ∂f/∂zz Ux,    ∂f/∂V_y = ∂f/∂s Ux + 2 ∂f/∂vv V_y

so that neither gradient is only along the other end.
"""

from __future__ import annotations

import numpy as np

from awe_cli.kernels.dispatch import implements, inlined
from awe_cli.kernels.interface import (
    ceiling,
    directions,
    form,
    form_slopes,
    gradient,
    of_input,
    rate,
    rises,
    score,
    sees_features,
)
from awe_cli.kernels.pairs import without_pairs
from awe_cli.kernels.vectors import dot, dot_row


def see_both_ends(*types: type) -> None:
    """Declare affinities that give `rate`, `score` and `gradient`, the latter by Ux and V_y."""
    without_pairs(*types)
    implements(rises, *types)(_no)
    implements(ceiling, *types)(_no_ceiling)
    implements(of_input, *types)(_yes)
    implements(sees_features, *types)(_no)
    implements(directions, *types)(_two)


def of_both_ends(*types: type) -> None:
    """Declare affinities that give `form` and `form_slopes`."""
    see_both_ends(*types)
    implements(rate, *types)(_rate)
    implements(score, *types)(score_of_form)
    implements(gradient, *types)(_gradient)


def _no(affinity):
    return False


def _yes(affinity):
    return True


def _two(affinity):
    return 2


def _no_ceiling(affinity, s, case, label):
    return np.float32(np.inf)


def _rate(affinity, s, case, label):
    return form(affinity, s, dot(case.z, case.z), _squared(case.V, label))


def score_of_form(affinity, case, label, hole):
    """f of both ends."""
    return form(affinity, dot_row(case.z, case.V, label), dot(case.z, case.z), _squared(case.V, label))


def _gradient(affinity, case, label, hole, weight, slopes):
    by_s, by_zz, by_vv = form_slopes(
        affinity, dot_row(case.z, case.V, label), dot(case.z, case.z), _squared(case.V, label)
    )
    along = np.float32(weight * by_s)
    back_z, back_v = np.float32(2 * weight * by_zz), np.float32(2 * weight * by_vv)
    for j in range(case.z.shape[0]):
        slopes.z[j] += along * case.V[label, j] + back_z * case.z[j]
        slopes.v[j] += along * case.z[j] + back_v * case.V[label, j]
    return np.float32(1)


@inlined
def _squared(matrix, row):
    """‖M[row]‖²."""
    total = np.float32(0)
    for j in range(matrix.shape[1]):
        total += matrix[row, j] * matrix[row, j]
    return total
