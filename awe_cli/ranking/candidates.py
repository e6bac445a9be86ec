"""Ranking where each example has candidates of its own, and only these are scored.

Candidates come first, by their score. All other labels follow in the order of their index, which is that of
popularity in training: so that a list of k labels is full wherever there are k labels. They share one score, the
greatest number below both 0 and the example's lowest candidate.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.typing import NDArray

from awe_cli.data.matrix import Lists, Rows
from awe_cli.errors import DataError
from awe_cli.kernels.candidates import score_candidates
from awe_cli.ranking.block import Ranked, as_lists, rank_row
from awe_cli.ranking.embedding import projections
from awe_cli.ranking.order import Floats, Indices
from awe_cli.ranking.ranker import Scores

Int64s = NDArray[np.int64]


class CandidateRanker:
    """f(x, y) = Ux·V_y for the labels y of the list that x leads to.

    list_of  rows of x → the number of each row's list (m,)
    lists    labels, ascending
    U, V     (features, d) and (labels, d)
    """

    def __init__(
        self, list_of: Callable[[Rows], NDArray[np.int32]], lists: Lists, U: Floats, V: Floats
    ) -> None:
        self._list_of, self._candidates = list_of, lists
        self._U, self._V = U, V
        self.n_candidates = int(np.diff(lists.indptr).max(initial=1))

    @property
    def n_labels(self) -> int:
        """The number of labels."""
        return len(self._V)

    def scores(self, x: Rows) -> Scores:
        """Scores of every label, for those who must see them all."""
        chosen, S = self._score(x)
        F = np.empty((len(S), self.n_labels), np.float32)
        for e, number in enumerate(chosen):
            labels = self._candidates.indices[
                self._candidates.indptr[number] : self._candidates.indptr[number + 1]
            ]
            row = S[e, : len(labels)]
            F[e] = below_all(row)
            F[e, labels] = row
        return Scores(F, None)

    def rank(self, x: Rows, positives: Lists | None, seen: Lists | None, k: int, model: str) -> Ranked:
        """What `rank_block` finds from `scores`, without them. Raises DataError if a score is NaN."""
        chosen, S = self._score(x)
        m, k = len(S), min(k, self.n_labels)
        positives, seen = as_lists(positives, m), as_lists(seen, m)
        ranks, by_rank = np.empty(len(positives.indices), np.int32), positives.indices.copy()
        labels = np.full((m, k), -1, np.int32)
        values = np.full((m, k), np.nan, np.float32)
        n_top = np.zeros(m, np.int32)
        bad = _rank_candidates(
            S, chosen, self._candidates.indptr, self._candidates.indices, positives.indptr, by_rank,
            seen.indptr, seen.indices, self.n_labels, ranks, labels, values, n_top,
        )  # fmt: skip
        if bad >= 0:
            raise DataError(
                f"model {model!r} gives a score that is not a number (NaN), in row {bad} of a block of {m}",
                hint="Train the model again with a lower learning rate, or check the features for huge values.",
            )
        return Ranked(positives.indptr, ranks, by_rank, labels, values, n_top)

    def _score(self, x: Rows) -> tuple[NDArray[np.int32], Floats]:
        chosen = self._list_of(x)
        S = np.empty((len(chosen), self.n_candidates), np.float32)
        score_candidates(projections(x, self._U), self._V, chosen, self._candidates, S)
        return chosen, S


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
def _rank_candidates(
    S: Floats, chosen: Indices, c_indptr: Int64s, c_labels: Indices, p_indptr: Int64s, p_labels: Indices,
    s_indptr: Int64s, s_labels: Indices, n_labels: int, ranks: Indices, labels: Indices, values: Floats,
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
