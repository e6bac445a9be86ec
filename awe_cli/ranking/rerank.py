"""Choosing k labels from a longer list, so that they differ from each other, and few share an attribute.

Maximal marginal relevance (Carbonell & Goldstein 1998) takes, one after the other, the label y that is largest in

    (1 - δ) r(x, y) - δ max over chosen y' of cos(V_y, V_y')

where r is the score of y between the lowest (0) and the highest (1) of the list. Labels of a group that has been chosen
from as often as it may are passed over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from awe_cli.matrices.matrix import Lists
from awe_cli.ranking.block import Ranked
from awe_cli.ranking.order import Floats, Indices


class _TopLists(NamedTuple):
    """The labels of m lists, best first, their scores, and how many each has."""

    labels: Indices  # (m, k)
    scores: Floats  # (m, k)
    sizes: Indices  # (m,)


class _Rules(NamedTuple):
    """What lists are chosen by: rows of labels, their groups, and how many of a group have been chosen so far."""

    V: Floats  # (labels, d)
    indptr: NDArray[np.int64]  # (labels + 1,)
    groups: Indices
    taken: NDArray[np.int64]  # (groups,) zeros between lists
    cap: int
    diversity: np.float32


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
        m, k = len(ranked.labels), min(k, ranked.labels.shape[1])
        chosen = _TopLists(
            np.full((m, k), -1, np.int32), np.full((m, k), np.nan, np.float32), np.zeros(m, np.int32)
        )
        taken = np.zeros(self.n_groups, np.int64)
        rules = _Rules(self.vectors, *self.groups, taken, self.cap, np.float32(self.diversity))
        _rerank(_TopLists(ranked.labels, ranked.scores, ranked.n_top), rules, chosen)
        return ranked._replace(labels=chosen.labels, scores=chosen.scores, n_top=chosen.sizes)


@njit(cache=True, nogil=True, fastmath=False)
def _rerank(pool: _TopLists, rules: _Rules, chosen: _TopLists) -> None:
    """Fill the empty lists `chosen` from the longer ones of `pool`."""
    V, diversity = rules.V, rules.diversity
    nearest = np.empty(pool.labels.shape[1], np.float32)  # the largest cosine to a label that is chosen
    left = np.empty(pool.labels.shape[1], np.bool_)
    for e in range(pool.labels.shape[0]):
        n, listed, score = pool.sizes[e], pool.labels[e], pool.scores[e]
        nearest[:n], left[:n] = -1, True
        lowest = score[n - 1] if n else np.float32(0)
        span = score[0] - lowest if n else np.float32(0)
        for place in range(chosen.labels.shape[1]):
            best, value = -1, np.float32(-np.inf)
            for t in range(n):
                if not left[t] or not _may(listed[t], rules):
                    continue
                relevance = (score[t] - lowest) / span if span > 0 else np.float32(0)
                alike = nearest[t] if place else np.float32(0)
                found = np.float32((1 - diversity) * relevance - diversity * alike)
                if found > value:
                    best, value = t, found
            if best < 0:
                break
            label = listed[best]
            left[best] = False
            chosen.labels[e, place], chosen.scores[e, place] = label, score[best]
            chosen.sizes[e] = place + 1
            for g in range(rules.indptr[label], rules.indptr[label + 1]):
                rules.taken[rules.groups[g]] += 1
            for t in range(n if V.shape[1] else 0):
                cosine = np.float32(0)
                for j in range(V.shape[1]):
                    cosine += V[listed[t], j] * V[label, j]
                nearest[t] = max(nearest[t], cosine)
        for label in chosen.labels[e, : chosen.sizes[e]]:
            for g in range(rules.indptr[label], rules.indptr[label + 1]):
                rules.taken[rules.groups[g]] = 0


@njit(cache=True, nogil=True, fastmath=False)
def _may(label: int, rules: _Rules) -> bool:
    """Whether no group of the label has been chosen from as often as it may."""
    if rules.cap > 0:
        for g in range(rules.indptr[label], rules.indptr[label + 1]):
            if rules.taken[rules.groups[g]] >= rules.cap:
                return False
    return True
