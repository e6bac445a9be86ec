"""Max (AWE eq. 7) and top-k affinity: G = Σ of the k largest x_i U_i·V_y, for max k = 1.

G = max(0, that sum): where every feature scores below zero, so does the whole score, and the
product of two negatives would rank the label high.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from awe_cli.kernels.dispatch import implements, inlined
from awe_cli.kernels.families import add_match, match, of_single_features, without_table
from awe_cli.kernels.interface import gradient, score


class TopK(NamedTuple):
    """f = G · Σ_i x_i U_i·V_y."""

    k: int  # features that make up G


without_table(TopK)
of_single_features(TopK)

_TAKEN = np.float32(np.inf)


@inlined
def _fill(case, label, hole):
    """Put every feature's score into the case's room; return their sum. The one left out scores -inf."""
    total = np.float32(0)
    for t in range(case.indices.shape[0]):
        if t == hole:
            case.room[t] = -_TAKEN
        else:
            case.room[t] = case.values[t] * match(case, t, label)
            total += case.room[t]
    return total


@inlined
def _take_largest(case):
    """The position of the largest score, or -1 where none is left; ties go to the first."""
    best, where = -_TAKEN, -1
    for t in range(case.indices.shape[0]):
        if case.room[t] > best and case.room[t] != _TAKEN:
            best, where = case.room[t], t
    return where


@inlined
def _take_top(k, case):
    """The sum of the k largest scores, each marked as taken in the case's room."""
    top = np.float32(0)
    for _ in range(k):
        t = _take_largest(case)
        if t < 0:
            break
        top += case.room[t]
        case.room[t] = _TAKEN
    return top


@implements(score, TopK)
def _score(affinity, case, label, hole):
    whole = _fill(case, label, hole)
    top = _take_top(affinity.k, case)
    return max(top, np.float32(0)) * whole


@implements(gradient, TopK)
def _gradient(affinity, case, label, hole, weight, slopes):
    whole = _fill(case, label, hole)
    top = _take_top(affinity.k, case)
    g = max(top, np.float32(0))
    for t in range(case.indices.shape[0]):
        if t != hole:
            by_score = g + whole if case.room[t] == _TAKEN and top > 0 else g
            add_match(case, t, label, np.float32(weight * by_score * case.values[t]), slopes)
    return np.float32(1)
