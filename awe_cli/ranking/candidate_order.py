"""The order of all labels where only some are candidates: these by their scores, then the others as they come."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from awe_cli.ranking.block import rank_row
from awe_cli.ranking.order import Floats, Indices

Int64s = NDArray[np.int64]


@njit(cache=True, nogil=True, fastmath=False)
def below_all(row: Floats) -> np.float32:
    """The greatest number below 0 and all of `row`."""
    lowest = np.float32(0)
    for score in row:
        lowest = min(lowest, score)
    return np.nextafter(lowest, np.float32(-np.inf))


@njit(cache=True, nogil=True, fastmath=False)
def places(labels: Indices, candidates: Indices, inside: Indices) -> int:
    """Put the place among the candidates of each of `labels` that is one into `inside`; how many are."""
    n, c = 0, 0
    for label in labels:
        while c < len(candidates) and candidates[c] < label:
            c += 1
        if c < len(candidates) and candidates[c] == label:
            inside[n] = c
            n += 1
    return n


@njit(cache=True, nogil=True, fastmath=False)
def rank_others(labels: Indices, candidates: Indices, seen: Indices, before: int, found: Indices) -> None:
    """Put the ranks of those of `labels` that are no candidates into `found`; `before` others precede them all."""
    n, c, s, taken = 0, 0, 0, 0  # taken: labels below this one that are candidates or seen
    for label in labels:
        while c < len(candidates) and candidates[c] < label:
            c += 1
            taken += 1
        while s < len(seen) and seen[s] < label:
            taken += not _holds(candidates, seen[s])
            s += 1
        if c == len(candidates) or candidates[c] != label:
            found[n] = before + label - taken + 1
            n += 1


@njit(cache=True, nogil=True, fastmath=False)
def fill_up(heap: Indices, size: int, candidates: Indices, seen: Indices, n_labels: int) -> int:
    """Fill heap[size:] with the first labels that are neither candidates nor seen; the new size."""
    c, s = 0, 0
    for label in range(n_labels):
        if size == len(heap):
            break
        while c < len(candidates) and candidates[c] < label:
            c += 1
        while s < len(seen) and seen[s] < label:
            s += 1
        if (c == len(candidates) or candidates[c] != label) and (s == len(seen) or seen[s] != label):
            heap[size] = label
            size += 1
    return size


@njit(cache=True, nogil=True, fastmath=False)
def put_in_order(labels: Indices, candidates: Indices, inside: Indices) -> None:
    """Sort ascending `labels` by rank: those `inside`, as they are ranked, then those that are no candidates."""
    last = len(labels)
    for n in range(len(labels) - 1, -1, -1):
        if not _holds(candidates, labels[n]):
            last -= 1
            labels[last] = labels[n]
    for n in range(len(inside)):
        labels[n] = candidates[inside[n]]


@njit(cache=True, nogil=True, fastmath=False)
def _holds(ascending: Indices, label: int) -> bool:
    place = np.searchsorted(ascending, label)
    return bool(place < len(ascending) and ascending[place] == label)


@njit(cache=True, nogil=True, fastmath=False)
def rank_candidates(
    S: Floats, chosen: Indices, c_indptr: Int64s, c_labels: Indices, n_labels: int, p_indptr: Int64s,
    p_labels: Indices, s_indptr: Int64s, s_labels: Indices, ranks: Indices, labels: Indices, values: Floats,
    n_top: Indices,
) -> int:  # fmt: skip
    """Fill ranks, labels, values and n_top, and sort p_labels by rank; the first row that holds a NaN, or -1."""
    wanted, passed = np.empty(S.shape[1], np.int32), np.empty(S.shape[1], np.int32)
    for e in range(S.shape[0]):
        candidates = c_labels[c_indptr[chosen[e]] : c_indptr[chosen[e] + 1]]
        row = S[e, : len(candidates)]
        positives = p_labels[p_indptr[e] : p_indptr[e + 1]]
        seen = s_labels[s_indptr[e] : s_indptr[e + 1]]
        found, heap = ranks[p_indptr[e] : p_indptr[e + 1]], labels[e]
        n_wanted, n_passed = places(positives, candidates, wanted), places(seen, candidates, passed)
        size = rank_row(row, None, wanted[:n_wanted], passed[:n_passed], found[:n_wanted], heap)
        if size < 0:
            return e
        rank_others(positives, candidates, seen, len(candidates) - n_passed, found[n_wanted:])
        put_in_order(positives, candidates, wanted[:n_wanted])
        for position in range(size):
            values[e, position] = row[heap[position]]
            heap[position] = candidates[heap[position]]
        n_top[e] = fill_up(heap, size, candidates, seen, n_labels)
        values[e, size : n_top[e]] = below_all(row)
    return -1
