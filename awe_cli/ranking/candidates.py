"""Ranking where each example has candidates of its own, and only these are scored.

Candidates come first, by their score. All other labels follow in the order of their index, which is that of
popularity in training: so that a list of k labels is full wherever there are k labels. They share one score, the
greatest number below both 0 and the example's lowest candidate.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from awe_cli.data.matrix import Lists, Rows
from awe_cli.kernels.candidates import score_candidates
from awe_cli.ranking.block import Ranked, rank_by
from awe_cli.ranking.candidate_order import below_all, rank_candidates
from awe_cli.ranking.embedding import projections
from awe_cli.ranking.order import Floats
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
        order = partial(
            rank_candidates, S, chosen, self._candidates.indptr, self._candidates.indices, self.n_labels
        )
        return rank_by(order, positives, seen, len(S), min(k, self.n_labels), model)

    def _score(self, x: Rows) -> tuple[NDArray[np.int32], Floats]:
        chosen = self._list_of(x)
        S = np.empty((len(chosen), self.n_candidates), np.float32)
        score_candidates(projections(x, self._U), self._V, chosen, self._candidates, S)
        return chosen, S
