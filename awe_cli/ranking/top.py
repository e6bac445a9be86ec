"""The best k labels of an example, kept in a heap whose root is the worst of them."""

from __future__ import annotations

from numba import njit

from awe_cli.ranking.order import Floats, Indices, comes_before, count_before

STRIDE = 64  # labels tested at once against the worst label kept


@njit(cache=True, nogil=True, fastmath=False)
def keep_best(
    heap: Indices, size: int, row: Floats, tie: Floats | None, start: int, stop: int, seen: Indices
) -> int:
    """Offer the labels start … stop-1 that are not in `seen` to the heap; the new number of labels kept.

    Labels are offered in ascending order. Once the heap is full, a run of STRIDE labels none of which comes
    before the worst one kept is passed over at the speed of one comparison.
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
    """Turn heap[:size] into the order of the labels, best first."""
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
