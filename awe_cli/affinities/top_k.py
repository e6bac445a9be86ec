"""Max (AWE eq. 7) and top-k affinity: G = Σ of the k largest x_i U_i·V_y, for max k = 1.

G = max(0, that sum): where every feature scores below zero, so does the whole score, and the
product of two negatives would rank the label high.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from awe_cli.core.dispatch import implements, inlined
from awe_cli.core.families import add_match, match, of_single_features, without_table
from awe_cli.core.interface import gradient, score


class TopK(NamedTuple):
    """f = G · Σ_i x_i U_i·V_y."""

    k: int  # features that make up G


without_table(TopK)
of_single_features(TopK)

_TAKEN = np.float32(np.inf)


@inlined
def _fill(context, label, left_out):
    """Write every feature's score to context.scratch; return their sum. The feature left out scores -inf."""
    total = np.float32(0)
    for t in range(context.indices.shape[0]):
        if t == left_out:
            context.scratch[t] = -_TAKEN
        else:
            context.scratch[t] = context.values[t] * match(context, t, label)
            total += context.scratch[t]
    return total


@inlined
def _take_largest(context):
    """The position of the largest score, or -1 where none is left; ties go to the first."""
    best, where = -_TAKEN, -1
    for t in range(context.indices.shape[0]):
        if context.scratch[t] > best and context.scratch[t] != _TAKEN:
            best, where = context.scratch[t], t
    return where


@inlined
def _take_top(k, context):
    """The sum of the k largest scores; each is marked as taken in context.scratch."""
    top = np.float32(0)
    for _ in range(k):
        t = _take_largest(context)
        if t < 0:
            break
        top += context.scratch[t]
        context.scratch[t] = _TAKEN
    return top


@implements(score, TopK)
def _score(affinity, context, label, left_out):
    whole = _fill(context, label, left_out)
    top = _take_top(affinity.k, context)
    return max(top, np.float32(0)) * whole


@implements(gradient, TopK)
def _gradient(affinity, context, label, left_out, weight, gradients):
    whole = _fill(context, label, left_out)
    top = _take_top(affinity.k, context)
    g = max(top, np.float32(0))
    for t in range(context.indices.shape[0]):
        if t != left_out:
            by_score = g + whole if context.scratch[t] == _TAKEN and top > 0 else g
            add_match(context, t, label, np.float32(weight * by_score * context.values[t]), gradients)
    return np.float32(1)
