"""The order of labels, in compiled code: comparison, counts of labels before one, and the best k in a heap."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

# The order of labels: comparison of two, and the number of labels before one.
#
# One label comes before another if its score is greater; with equal scores, if its tie value is greater; with
# equal tie values, if its index is smaller. Rows are read in tiles that stay in the first-level cache; in a
# tile every positive is compared with every label by a branch-free loop the compiler vectorises, which beats
# any search tree for the few positives an example has.

Floats = NDArray[np.float32]  # scores or tie values of one example, (labels,) or a part of them
Indices = NDArray[np.int32]

TILE = 2048  # labels processed at a time: 8 kB of scores, 8 kB of tie values


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
    """The number of labels in start … stop-1 that come before the label `positive`.

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
    """The number of entries of `part` that are ≥ s."""
    n = np.int32(0)
    for i in range(len(part)):
        n += np.int32(part[i] >= s)
    return int(n)


@njit(cache=True, nogil=True, fastmath=False)
def _above(part: Floats, s: float) -> int:
    """The number of entries of `part` that are > s."""
    n = np.int32(0)
    for i in range(len(part)):
        n += np.int32(part[i] > s)
    return int(n)


@njit(cache=True, nogil=True, fastmath=False)
def _at_least_tied(part: Floats, ties: Floats, s: float, t: float) -> int:
    """The number of pairs (part, ties) that are ≥ (s, t)."""
    n = np.int32(0)
    for i in range(len(part)):
        n += np.int32((part[i] > s) | ((part[i] == s) & (ties[i] >= t)))
    return int(n)


@njit(cache=True, nogil=True, fastmath=False)
def _above_tied(part: Floats, ties: Floats, s: float, t: float) -> int:
    """The number of pairs (part, ties) that are > (s, t)."""
    n = np.int32(0)
    for i in range(len(part)):
        n += np.int32((part[i] > s) | ((part[i] == s) & (ties[i] > t)))
    return int(n)


@njit(cache=True, nogil=True, fastmath=False)
def sort_ascending(ranks: Indices, labels: Indices) -> None:
    """Sort ranks, and their labels, in place by insertion, which takes fewer steps than the counting did."""
    for i in range(1, len(ranks)):
        value, label, j = ranks[i], labels[i], i
        while j > 0 and ranks[j - 1] > value:
            ranks[j], labels[j] = ranks[j - 1], labels[j - 1]
            j -= 1
        ranks[j], labels[j] = value, label


# The best k labels of an example, kept in a heap whose root is the worst of them.

STRIDE = 64  # labels tested at once against the worst label in the heap


@njit(cache=True, nogil=True, fastmath=False)
def keep_best(
    heap: Indices, size: int, row: Floats, tie: Floats | None, start: int, stop: int, seen: Indices
) -> int:
    """Add the labels start … stop-1 that are not in `seen` to the heap of the best; return its new size.

    Labels are added in ascending order. Once the heap is full, STRIDE labels none of which comes before its worst
    are skipped with one test.
    """
    k = len(heap)
    if k == 0:
        return 0
    for run in range(start, stop, STRIDE):
        end = min(run + STRIDE, stop)
        if size == k and not any_before(row, tie, run, end, heap[0]):
            continue
        for label in range(run, end):
            if size == k and not comes_before(row, tie, label, heap[0]):
                continue
            if contains(seen, label):
                continue
            if size < k:
                heap[size] = label
                rise(heap, size, row, tie)
                size += 1
            else:
                heap[0] = label
                sink(heap, size, row, tie)
    return size


@njit(cache=True, nogil=True, fastmath=False)
def any_before(row: Floats, tie: Floats | None, start: int, stop: int, worst: int) -> bool:
    """Whether one of the labels start … stop-1, all above `worst` in index, comes before it."""
    return count_before(row, tie, start, stop, worst) > 0


@njit(cache=True, nogil=True, fastmath=False)
def contains(ascending: Indices, value: int) -> bool:
    """Whether an ascending array holds a value."""
    low, high = 0, len(ascending)
    while low < high:
        middle = (low + high) // 2
        if ascending[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low < len(ascending) and ascending[low] == value


@njit(cache=True, nogil=True, fastmath=False)
def sort_heap(heap: Indices, size: int, row: Floats, tie: Floats | None) -> None:
    """Sort heap[:size], best label first."""
    for last in range(size - 1, 0, -1):
        heap[0], heap[last] = heap[last], heap[0]
        sink(heap, last, row, tie)


@njit(cache=True, nogil=True, fastmath=False)
def sink(heap: Indices, size: int, row: Floats, tie: Floats | None) -> None:
    """Let the label at the root of heap[:size] sink until no child comes after it: the root is the worst."""
    node = 0
    while True:
        worst, left = node, 2 * node + 1
        if left < size and comes_before(row, tie, heap[worst], heap[left]):
            worst = left
        if left + 1 < size and comes_before(row, tie, heap[worst], heap[left + 1]):
            worst = left + 1
        if worst == node:
            return
        heap[node], heap[worst] = heap[worst], heap[node]
        node = worst


@njit(cache=True, nogil=True, fastmath=False)
def rise(heap: Indices, node: int, row: Floats, tie: Floats | None) -> None:
    """Let the label at `node` rise while it comes after its parent."""
    while node > 0:
        parent = (node - 1) // 2
        if not comes_before(row, tie, heap[parent], heap[node]):
            return
        heap[node], heap[parent] = heap[parent], heap[node]
        node = parent
