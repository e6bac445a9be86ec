"""Choosing k labels from a longer list, so that they differ from each other, and few share an attribute.

Maximal marginal relevance (Carbonell & Goldstein 1998) takes, one after the other, the label y that is largest in

    (1 - δ) r(x, y) - δ max over chosen y' of cos(V_y, V_y')

where r is the score of y between the lowest (0) and the highest (1) of the list. Labels of a group that has been chosen
from as often as it may are passed over.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from awe_cli.matrices.matrix import Lists
from awe_cli.ranking.block import Ranked
from awe_cli.ranking.order import Floats, Indices


@dataclass(frozen=True)
class Reranking:
    """How lists are chosen.

    pool       labels of the longer list
    diversity  δ, from 0 to below 1
    vectors    (labels, d) rows of length 1, or (labels, 0) where δ is 0
    groups     of each label; cap: how many labels of one group a list may have, 0 for no limit
    n_groups   how many groups there are
    """

    pool: int
    diversity: float
    vectors: NDArray[np.float32]
    groups: Lists
    cap: int
    n_groups: int

    def apply(self, ranked: Ranked, k: int) -> Ranked:
        """The best k labels of each list, their scores as they were; fewer where caps leave fewer."""
        m = len(ranked.labels)
        k = min(k, ranked.labels.shape[1])
        labels, scores = np.full((m, k), -1, np.int32), np.full((m, k), np.nan, np.float32)
        n_top = np.zeros(m, np.int32)
        _rerank(
            ranked.labels, ranked.scores, ranked.n_top, self.vectors, self.groups.indptr, self.groups.indices,
            self.cap, np.zeros(self.n_groups, np.int64), np.float32(self.diversity), labels, scores, n_top,
        )  # fmt: skip
        return ranked._replace(labels=labels, scores=scores, n_top=n_top)


@njit(cache=True, nogil=True, fastmath=False)
def _rerank(
    listed: Indices, score: Floats, sizes: Indices, V: Floats, indptr: NDArray[np.int64], groups: Indices, cap: int,
    taken: NDArray[np.int64], diversity: np.float32, labels: Indices, scores: Floats, n_top: Indices,
) -> None:  # fmt: skip
    """Fill labels, scores (m, k) and n_top (m,) from the lists (m, pool); taken (groups,) is all zeros."""
    alike = np.empty(listed.shape[1], np.float32)
    left = np.empty(listed.shape[1], np.bool_)
    for e in range(listed.shape[0]):
        n = sizes[e]
        alike[:n], left[:n] = -1, True
        lowest = score[e, n - 1] if n else np.float32(0)
        span = score[e, 0] - lowest if n else np.float32(0)
        for place in range(labels.shape[1]):
            best, value = -1, np.float32(-np.inf)
            for t in range(n):
                if not left[t] or not _may(listed[e, t], indptr, groups, cap, taken):
                    continue
                relevance = (score[e, t] - lowest) / span if span > 0 else np.float32(0)
                nearest = alike[t] if place else np.float32(0)
                found = np.float32((1 - diversity) * relevance - diversity * nearest)
                if found > value:
                    best, value = t, found
            if best < 0:
                break
            label = listed[e, best]
            left[best] = False
            labels[e, place], scores[e, place] = label, score[e, best]
            n_top[e] = place + 1
            for g in range(indptr[label], indptr[label + 1]):
                taken[groups[g]] += 1
            for t in range(n if V.shape[1] else 0):
                cosine = np.float32(0)
                for j in range(V.shape[1]):
                    cosine += V[listed[e, t], j] * V[label, j]
                alike[t] = max(alike[t], cosine)
        for place in range(n_top[e]):
            for g in range(indptr[labels[e, place]], indptr[labels[e, place] + 1]):
                taken[groups[g]] = 0


@njit(cache=True, nogil=True, fastmath=False)
def _may(label: int, indptr: NDArray[np.int64], groups: Indices, cap: int, taken: NDArray[np.int64]) -> bool:
    """Whether no group of the label has been chosen from as often as it may."""
    if cap > 0:
        for g in range(indptr[label], indptr[label + 1]):
            if taken[groups[g]] >= cap:
                return False
    return True
