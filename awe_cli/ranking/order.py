"""The order of labels as compiled code: which of two comes first, how many come before one.

One label comes before another if its score is greater; with equal scores, if its tie value is greater; with
equal tie values, if its index is smaller. Rows are read in tiles that stay in the first-level cache; in a
tile every positive is compared with every label by a branch-free loop the compiler vectorises, which beats
any search tree for the few positives an example has.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]  # scores or tie values of one example, (labels,) or a part of them
Indices = NDArray[np.int32]

TILE = 2048  # labels looked at before moving on: 8 kB of scores, 8 kB of tie values


@njit(cache=True, nogil=True, fastmath=False)
def has_nan(part: Floats) -> bool:
    """Whether any number of `part` is not a number."""
    n = np.int32(0)
    for i in range(len(part)):
        n += np.int32(part[i] != part[i])
    return bool(n > 0)


@njit(cache=True, nogil=True, fastmath=False)
def comes_before(row: Floats, tie: Floats | None, a: int, b: int) -> bool:
    """Whether label `a` comes before label `b`."""
    if row[a] != row[b]:
        return row[a] > row[b]
    if tie is not None and tie[a] != tie[b]:
        return tie[a] > tie[b]
    return a < b


@njit(cache=True, nogil=True, fastmath=False)
def count_before(row: Floats, tie: Floats | None, start: int, stop: int, positive: int) -> int:
    """How many of the labels start … stop-1 come before the label `positive`.

    Below its own index an equal label comes first, above it only a better one does: the loop is split there
    and needs no third comparison. Loops run over slices from 0, since an index that might be negative costs
    a wrap-around test and with it the vectorisation (measured: ten times slower).
    """
    split = min(max(positive, start), stop)
    if tie is None:
        return _at_least(row[start:split], row[positive]) + _above(row[split:stop], row[positive])
    s, t = row[positive], tie[positive]
    return _at_least_tied(row[start:split], tie[start:split], s, t) + _above_tied(
        row[split:stop], tie[split:stop], s, t
    )


@njit(cache=True, nogil=True, fastmath=False)
def _at_least(part: Floats, s: float) -> int:
    """How many numbers of `part` are s or more."""
    n = np.int32(0)
    for i in range(len(part)):
        n += np.int32(part[i] >= s)
    return int(n)


@njit(cache=True, nogil=True, fastmath=False)
def _above(part: Floats, s: float) -> int:
    """How many numbers of `part` are more than s."""
    n = np.int32(0)
    for i in range(len(part)):
        n += np.int32(part[i] > s)
    return int(n)


@njit(cache=True, nogil=True, fastmath=False)
def _at_least_tied(part: Floats, ties: Floats, s: float, t: float) -> int:
    """How many pairs (part, ties) are (s, t) or more."""
    n = np.int32(0)
    for i in range(len(part)):
        n += np.int32((part[i] > s) | ((part[i] == s) & (ties[i] >= t)))
    return int(n)


@njit(cache=True, nogil=True, fastmath=False)
def _above_tied(part: Floats, ties: Floats, s: float, t: float) -> int:
    """How many pairs (part, ties) are more than (s, t)."""
    n = np.int32(0)
    for i in range(len(part)):
        n += np.int32((part[i] > s) | ((part[i] == s) & (ties[i] > t)))
    return int(n)


@njit(cache=True, nogil=True, fastmath=False)
def sort_ascending(ranks: Indices, labels: Indices) -> None:
    """Sort ranks, and the labels that have them, in place by insertion: fewer steps than the counting took."""
    for i in range(1, len(ranks)):
        value, label, j = ranks[i], labels[i], i
        while j > 0 and ranks[j - 1] > value:
            ranks[j], labels[j] = ranks[j - 1], labels[j - 1]
            j -= 1
        ranks[j], labels[j] = value, label
