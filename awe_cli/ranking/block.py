"""Ranks of the positives and the best k labels for a block of examples, in one pass over the scores."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from awe_cli.errors import DataError
from awe_cli.matrices.matrix import Lists
from awe_cli.ranking.order import (
    TILE,
    Floats,
    Indices,
    comes_before,
    count_before,
    has_nan,
    keep_best,
    sort_ascending,
    sort_heap,
)
from awe_cli.ranking.ranker import Scores


class Ranked(NamedTuple):
    """The ranking of a block of m examples; e is the row of an example.

    ranks[indptr[e]:indptr[e+1]] are the 1-based ranks of its positives among its candidates, ascending, and
    positives[indptr[e]:indptr[e+1]] the labels that have them.
    labels[e, :n_top[e]] are its best candidates, best first; the rest of the row is -1, with NaN as scores.
    """

    indptr: NDArray[np.int64]  # (m + 1,)
    ranks: NDArray[np.int32]  # (positives,)
    positives: NDArray[np.int32]  # (positives,)
    labels: NDArray[np.int32]  # (m, k)
    scores: NDArray[np.float32]  # (m, k)
    n_top: NDArray[np.int32]  # (m,) = min(k, candidates)


def rank_block(scores: Scores, positives: Lists | None, seen: Lists | None, k: int, model: str) -> Ranked:
    """Rank every positive exactly, and find the best k labels, of each example of a block.

    scores     of m examples over all labels
    positives  distinct labels to rank, none of them seen; None: no ranks are wanted
    seen       labels that are no candidates; None: all labels are candidates
    k          length of the top lists, 0 or more
    model      the name of the model, for the error

    Raises DataError if a score is NaN.
    """
    m, n_labels = scores.score.shape
    score, tie = _plain(scores.score), None if scores.tie is None else _plain(scores.tie)
    return rank_by(partial(_rank_rows, score, tie), positives, seen, m, min(k, n_labels), model)


def rank_by(
    order: Callable[[Lists, Ranked], int],
    positives: Lists | None,
    seen: Lists | None,
    m: int,
    k: int,
    model: str,
) -> Ranked:
    """The ranks of the positives and the best k labels of m examples, as `order` computes them.

    order  is given the seen labels and the empty result; fills its ranks, labels, scores and n_top, sorts its
           positives by rank, and returns the first row that holds a NaN, or -1

    Raises DataError if a score is NaN.
    """
    positives = as_lists(positives, m)
    ranked = Ranked(
        indptr=positives.indptr,
        ranks=np.empty(len(positives.indices), dtype=np.int32),
        positives=positives.indices.copy(),
        labels=np.full((m, k), -1, dtype=np.int32),
        scores=np.full((m, k), np.nan, dtype=np.float32),
        n_top=np.zeros(m, dtype=np.int32),
    )
    bad = order(as_lists(seen, m), ranked)
    if bad >= 0:
        raise DataError(
            f"model {model!r} gives a score that is not a number (NaN), in row {bad} of a block of {m}",
            hint="Train the model again with a lower learning rate, or check the features for huge values.",
        )
    return ranked


def _plain(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """A contiguous, writable array: numba would compile the kernel anew for another kind."""
    return np.require(values, np.float32, ["C", "W"])


def as_lists(lists: Lists | None, m: int) -> Lists:
    """Lists with arrays of the kind the kernel is compiled for; m empty lists for None."""
    if lists is None:
        return Lists(np.zeros(m + 1, dtype=np.int64), np.zeros(0, dtype=np.int32))
    return Lists(
        np.require(lists.indptr, np.int64, ["C", "W"]), np.require(lists.indices, np.int32, ["C", "W"])
    )


@njit(cache=True, nogil=True, fastmath=False)
def _rank_rows(
    score: NDArray[np.float32],
    tie: NDArray[np.float32] | None,
    seen: Lists,
    ranked: Ranked,
) -> int:
    """Fill `ranked` and sort its positives by rank; the first row that holds a NaN, or -1."""
    indptr, ranks, positives, labels, scores, n_top = ranked
    s_indptr, s_labels = seen
    for e in range(score.shape[0]):
        row = score[e]
        row_tie = None if tie is None else tie[e]
        hidden = s_labels[s_indptr[e] : s_indptr[e + 1]]
        wanted = positives[indptr[e] : indptr[e + 1]]
        found = ranks[indptr[e] : indptr[e + 1]]
        size = rank_row(row, row_tie, wanted, hidden, found, labels[e])
        if size < 0:
            return e
        n_top[e] = size
        for position in range(size):
            scores[e, position] = row[labels[e, position]]
    return -1


@njit(cache=True, nogil=True, fastmath=False)
def rank_row(
    row: Floats, tie: Floats | None, wanted: Indices, seen: Indices, found: Indices, heap: Indices
) -> int:
    """Write the ascending ranks of the labels `wanted` to `found`, sort `wanted` by rank, and write the best labels
    to `heap`, best first.

    Returns the number of labels in `heap`, or -1 if a score or tie value is NaN.
    """
    found[:] = 1
    size = int(np.int64(0))  # no literal: for 0 numba would compile `keep_best` and all it calls once more
    for start in range(0, len(row), TILE):
        stop = min(start + TILE, len(row))
        if has_nan(row[start:stop]):
            return -1
        if tie is not None and has_nan(tie[start:stop]):
            return -1
        for p in range(len(wanted)):
            found[p] += count_before(row, tie, start, stop, wanted[p])
        size = keep_best(heap, size, row, tie, start, stop, seen)
    for p in range(len(wanted)):  # seen labels were counted as if they were candidates
        for s in range(len(seen)):
            found[p] -= np.int32(comes_before(row, tie, seen[s], wanted[p]))
    sort_ascending(found, wanted)
    sort_heap(heap, size, row, tie)
    return size


# The order of all labels where only some are candidates: these by score, then the others by index.


@njit(cache=True, nogil=True, fastmath=False)
def below_all(row: Floats) -> np.float32:
    """The greatest number below 0 and below all of `row`."""
    lowest = np.float32(0)
    for score in row:
        lowest = min(lowest, score)
    return np.nextafter(lowest, np.float32(-np.inf))


@njit(cache=True, nogil=True, fastmath=False)
def candidate_positions(labels: Indices, candidates: Indices, inside: Indices) -> int:
    """Write the positions among the candidates of the labels that are candidates to `inside`; return their number."""
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
    """Write the ranks of the labels that are no candidates to `found`; `before` labels precede them all."""
    n, c, s, taken = 0, 0, 0, 0  # taken: the number of lower labels that are candidates or seen
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
def append_others(heap: Indices, size: int, candidates: Indices, seen: Indices, n_labels: int) -> int:
    """Fill heap[size:] with the first labels that are neither candidates nor seen; return the new size."""
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
def sort_by_rank(labels: Indices, candidates: Indices, inside: Indices) -> None:
    """Sort ascending `labels` by rank: first the candidates at `inside`, by rank, then those that are no candidates."""
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
    S: Floats, chosen: Indices, lists: Lists, n_labels: int, seen: Lists, ranked: Ranked
) -> int:
    """Fill `ranked` and sort its positives by rank; the first row that holds a NaN, or -1.

    S (m, longest list) has the scores of the labels of the list chosen[e], as `score_candidates` gives them.
    """
    indptr, ranks, all_positives, labels, values, n_top = ranked
    c_indptr, c_labels = lists
    s_indptr, s_labels = seen
    wanted, passed = np.empty(S.shape[1], np.int32), np.empty(S.shape[1], np.int32)
    for e in range(S.shape[0]):
        candidates = c_labels[c_indptr[chosen[e]] : c_indptr[chosen[e] + 1]]
        row = S[e, : len(candidates)]
        positives = all_positives[indptr[e] : indptr[e + 1]]
        hidden = s_labels[s_indptr[e] : s_indptr[e + 1]]
        found, heap = ranks[indptr[e] : indptr[e + 1]], labels[e]
        n_wanted, n_passed = (
            candidate_positions(positives, candidates, wanted),
            candidate_positions(hidden, candidates, passed),
        )
        size = rank_row(row, None, wanted[:n_wanted], passed[:n_passed], found[:n_wanted], heap)
        if size < 0:
            return e
        rank_others(positives, candidates, hidden, len(candidates) - n_passed, found[n_wanted:])
        sort_by_rank(positives, candidates, wanted[:n_wanted])
        for position in range(size):
            values[e, position] = row[heap[position]]
            heap[position] = candidates[heap[position]]
        n_top[e] = append_others(heap, size, candidates, hidden, n_labels)
        values[e, size : n_top[e]] = below_all(row)
    return -1
