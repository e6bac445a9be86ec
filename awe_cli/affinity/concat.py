"""Concatenation affinity: G = s(w·[Ux; V_y]) with a vector w that is learned (affinity functions, "Concatenation").

The source has s(η) = η, with which G may be negative.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from awe_cli.affinity.activation import activate, activate_slope
from awe_cli.kernels.dispatch import implements, inlined
from awe_cli.kernels.ends import see_both_ends
from awe_cli.kernels.families import without_table
from awe_cli.kernels.interface import gradient, rate, score
from awe_cli.kernels.vectors import dot_row


class Concat(NamedTuple):
    """f = G · Ux·V_y."""

    activation: Any  # s
    row: int  # of the shared numbers, where w (2 d,) is


without_table(Concat)
see_both_ends(Concat)


@inlined
def _argument(affinity, case, label):
    """w·[Ux; V_y]."""
    total, d = np.float32(0), case.z.shape[0]
    for j in range(d):
        total += case.learned.shared[affinity.row, j] * case.z[j]
        total += case.learned.shared[affinity.row, d + j] * case.V[label, j]
    return total


@implements(rate, Concat)
def _rate(affinity, s, case, label):
    return activate(affinity.activation, _argument(affinity, case, label)) * s


@implements(score, Concat)
def _score(affinity, case, label, hole):
    return rate(affinity, dot_row(case.z, case.V, label), case, label)


@implements(gradient, Concat)
def _gradient(affinity, case, label, hole, weight, slopes):
    s, a, d = dot_row(case.z, case.V, label), _argument(affinity, case, label), case.z.shape[0]
    g = np.float32(weight * activate(affinity.activation, a))
    turn = np.float32(weight * s * activate_slope(affinity.activation, a))
    shared, row = case.learned.shared, affinity.row
    for j in range(d):
        slopes.z[j] += g * case.V[label, j] + turn * shared[row, j]
        slopes.v[j] += g * case.z[j] + turn * shared[row, d + j]
        slopes.shared[row, j] += turn * case.z[j]
        slopes.shared[row, d + j] += turn * case.V[label, j]
    return np.float32(1)
