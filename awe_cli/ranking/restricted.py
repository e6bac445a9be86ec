"""A ranker of some of the labels: labels that must not be recommended are no candidates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from awe_cli.matrices.bags import kept_offsets
from awe_cli.matrices.matrix import Lists, Rows
from awe_cli.ranking.ranker import Ranker, Scores


class LabelSubset:
    """Some of `n` labels, numbered from 0.

    labels  (m,) ascending, so that equal scores keep their order
    """

    def __init__(self, labels: NDArray[np.integer], n: int) -> None:
        self.labels = labels
        self._position = np.full(n, -1, np.int32)
        self._position[labels] = np.arange(len(labels), dtype=np.int32)

    def among(self, lists: Lists) -> Lists:
        """Lists of labels as lists of these; others are left out."""
        found = self._position[lists.indices]
        kept = found >= 0
        return Lists(kept_offsets(lists.indptr, kept), found[kept])

    def original(self, labels: NDArray[np.int32]) -> NDArray[np.int32]:
        """Numbers of these (any shape) as those of all labels; -1 stays."""
        return np.where(labels < 0, -1, self.labels[labels]).astype(np.int32)


class RestrictedRanker:
    """Scores of `ranker` for the labels `allowed` alone (n,), ascending, which are numbered from 0."""

    def __init__(self, ranker: Ranker, allowed: NDArray[np.int64]) -> None:
        self._ranker, self.subset = ranker, LabelSubset(allowed, ranker.n_labels)

    @property
    def n_labels(self) -> int:
        """How many labels are allowed."""
        return len(self.subset.labels)

    def scores(self, x: Rows) -> Scores:
        """(m, allowed) scores and tie values."""
        found, allowed = self._ranker.scores(x), self.subset.labels
        tie = None if found.tie is None else np.ascontiguousarray(found.tie[:, allowed])
        return Scores(np.ascontiguousarray(found.score[:, allowed]), tie)
