"""A ranker of some of the labels: labels that must not be recommended are no candidates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from awe_cli.matrices.bags import kept_offsets
from awe_cli.matrices.matrix import Lists, Rows
from awe_cli.ranking.ranker import Ranker, Scores


class RestrictedRanker:
    """Scores of `ranker` for the labels `allowed` alone, which are numbered from 0.

    allowed  (n,) labels, ascending, so that equal scores keep their order
    """

    def __init__(self, ranker: Ranker, allowed: NDArray[np.int64]) -> None:
        self._ranker, self.allowed = ranker, allowed
        self._position = np.full(ranker.n_labels, -1, np.int32)
        self._position[allowed] = np.arange(len(allowed), dtype=np.int32)

    @property
    def n_labels(self) -> int:
        """How many labels are allowed."""
        return len(self.allowed)

    def scores(self, x: Rows) -> Scores:
        """(m, allowed) scores and tie values."""
        found = self._ranker.scores(x)
        tie = None if found.tie is None else np.ascontiguousarray(found.tie[:, self.allowed])
        return Scores(np.ascontiguousarray(found.score[:, self.allowed]), tie)

    def among_allowed(self, lists: Lists) -> Lists:
        """Lists of labels as lists of the allowed ones; others are left out."""
        found = self._position[lists.indices]
        kept = found >= 0
        return Lists(kept_offsets(lists.indptr, kept), found[kept])

    def original(self, labels: NDArray[np.int32]) -> NDArray[np.int32]:
        """Numbers of allowed labels (any shape) as those of all labels; -1 stays."""
        return np.where(labels < 0, -1, self.allowed[labels]).astype(np.int32)
