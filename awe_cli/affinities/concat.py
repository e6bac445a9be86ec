"""Concatenation affinity: G = s(w·[Ux; V_y]) with a vector w that is learned (affinity functions, "Concatenation").

In the source s(η) = η, and G may be negative.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from awe_cli.affinities.sigmoid import activate, activate_slope
from awe_cli.core.arrays import dot_row
from awe_cli.core.dispatch import implements, inlined
from awe_cli.core.families import norm_family, without_table
from awe_cli.core.interface import gradient, score, score_from_dot


class Concat(NamedTuple):
    """f = G · Ux·V_y."""

    activation: Any  # s
    row: int  # of the shared rows: w (2 d,)


without_table(Concat)
norm_family(Concat)


@inlined
def _argument(affinity, context, label):
    """w·[Ux; V_y]."""
    total, d = np.float32(0), context.z.shape[0]
    for j in range(d):
        total += context.learned.shared[affinity.row, j] * context.z[j]
        total += context.learned.shared[affinity.row, d + j] * context.V[label, j]
    return total


@implements(score_from_dot, Concat)
def _score_from_dot(affinity, s, context, label):
    return activate(affinity.activation, _argument(affinity, context, label)) * s


@implements(score, Concat)
def _score(affinity, context, label, left_out):
    return score_from_dot(affinity, dot_row(context.z, context.V, label), context, label)


@implements(gradient, Concat)
def _gradient(affinity, context, label, left_out, weight, gradients):
    s, a, d = dot_row(context.z, context.V, label), _argument(affinity, context, label), context.z.shape[0]
    g = np.float32(weight * activate(affinity.activation, a))
    turn = np.float32(weight * s * activate_slope(affinity.activation, a))
    shared, row = context.learned.shared, affinity.row
    for j in range(d):
        gradients.z[j] += g * context.V[label, j] + turn * shared[row, j]
        gradients.v[j] += g * context.z[j] + turn * shared[row, d + j]
        gradients.shared[row, j] += turn * context.z[j]
        gradients.shared[row, d + j] += turn * context.V[label, j]
    return np.float32(1)
