"""Ranking by an embedding model: f(x, y) of any affinity, ties broken by the plain embedding score."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from awe_cli.affinities.overlap import Overlap
from awe_cli.affinities.pointwise import Constant
from awe_cli.core.interface import NO_PARAMS, AffinityParams, is_monotone, n_tables
from awe_cli.core.labels import OneHot
from awe_cli.core.score import Embedding, project_rows, rate_block, score_candidates
from awe_cli.matrices.matrix import Bags, Lists, Rows, n_rows
from awe_cli.ranking.block import Ranked, below_all, rank_by, rank_candidates
from awe_cli.ranking.inner_product import InnerProduct
from awe_cli.ranking.order import Floats
from awe_cli.ranking.ranker import Scores

# Rows of x → G(x, ·): (m, labels) float32, or several tables side by side: (m, tables · labels).
Table = Callable[[Rows], NDArray[np.float32]]
# Rows of x → the training examples that are near (m, k), -1 where there are fewer, and their weights (m, k).
WeightedNeighbors = Callable[[Rows], tuple[NDArray[np.int32], NDArray[np.float32]]]


def projections(x: Rows, U: NDArray[np.float32]) -> NDArray[np.float32]:
    """Ux of every row: (m, d)."""
    Z = np.empty((n_rows(x), U.shape[1]), np.float32)
    project_rows(x, U, Z)
    return Z


def label_rows(y: Rows | None, V: NDArray[np.float32]) -> NDArray[np.float32]:
    """W = YV (labels, d), the rows of labels with features y (labels, label features); V for one-hot labels."""
    return V if y is None else projections(y, V)


def keeps_order(affinity: Any) -> bool:
    """Whether f is a function of Ux·V_y alone that never falls, so that labels are in the order of Ux·V_y."""
    return bool(is_monotone(affinity)) and n_tables(affinity) == 0


class EmbeddingRanker:
    """f(x, y) = Σ_i G_i(x, y) x_i U_i·V_y over all labels.

    affinity   the parameters of G
    U, V       (features, d) and (labels, d), or (label features, d) with y
    y          (labels, label features) the features of labels; None where V has a row for each label
    table      computes G(x, ·) where the affinity needs it
    learned    the parameters of the affinity
    neighbors  finds the training examples whose weights G is the sum of, where it is that of k-NN
    embedding  U, V and `learned`, as the scorer reads them
    sparse     computes G(x, ·) as sparse rows, where it is 0 for most labels and f = (G^p + floor) · max(0, Ux·V_y)
    """

    def __init__(
        self,
        affinity: Any,
        U: NDArray[np.float32],
        V: NDArray[np.float32],
        table: Table | None = None,
        learned: AffinityParams = NO_PARAMS,
        y: Rows | None = None,
        *,
        neighbors: WeightedNeighbors | None = None,
        sparse: Callable[[Rows], Bags] | None = None,
    ) -> None:
        self._sparse = sparse
        W = label_rows(y, V)
        self.affinity, self.neighbors = affinity, neighbors
        self.embedding = Embedding(U, W, OneHot(len(W)) if y is None else y, V, learned)
        self._table = (
            overlap_table(affinity.shared, self.n_labels) if isinstance(affinity, Overlap) else table
        )

    @property
    def n_labels(self) -> int:
        """The number of labels."""
        return len(self.embedding.W)

    def with_affinity(self, affinity: Any, learned: AffinityParams) -> EmbeddingRanker:
        """The same U, V and tables of G with another affinity, which reads the same tables."""
        other = copy.copy(self)
        other.affinity, other.embedding = affinity, self.embedding._replace(learned=learned)
        return other

    def scores(self, x: Rows) -> Scores:
        """(m, labels) f, and Ux·V_y to break its ties; for a constant affinity Ux·V_y alone."""
        return self.rate(x, np.zeros((n_rows(x), 0), np.float32) if self._table is None else self._table(x))

    def rate(self, x: Rows, G: NDArray[np.float32]) -> Scores:
        """`scores` with G given: (m, tables · labels), or (m, 0) where the affinity needs none.

        Raises ValueError for G of another width.
        """
        needed = n_tables(self.affinity) * self.n_labels
        if needed and G.shape[1] != needed:
            raise ValueError(
                f"{type(self.affinity).__name__} needs G of {needed} columns, found {G.shape[1]}"
            )
        Z = projections(x, self.embedding.U)
        return self._rate(x, Z, Z @ self.embedding.W.T, G)

    def inner_product(self) -> InnerProduct | None:
        """Ux and V_y; None where the affinity ranks in another order than Ux·V_y, beyond a few labels."""
        if self._sparse is None and not keeps_order(self.affinity):
            return None
        return InnerProduct(
            points=lambda x: projections(x, self.embedding.U),
            rows=self.embedding.W,
            rate=self._rate,
            table=self._sparse,
        )

    def _rate(self, x: Rows, Z: Floats, S: Floats, G: Floats) -> Scores:
        """f, and the S = Ux·V_y that it is of. Where there is an `inner_product`, S and G may be of any labels."""
        if isinstance(self.affinity, Constant):
            return Scores(S, None)
        F = np.empty_like(S)
        rate_block(self.affinity, self.embedding, x, Z, S, G, F)
        return Scores(F, S)


def overlap_table(shared: Bags, n_labels: int) -> Table:
    """The function from rows of x to x·Py of every label; shared: P_i y_i by feature and label."""
    P = scipy.sparse.csr_matrix(
        (shared.values, shared.indices, shared.indptr), (len(shared.indptr) - 1, n_labels)
    )

    def table(x: Rows) -> NDArray[np.float32]:
        assert isinstance(x, Bags)
        X = scipy.sparse.csr_matrix((x.values, x.indices, x.indptr), (n_rows(x), P.shape[0]))
        return np.ascontiguousarray((X @ P).toarray(), np.float32)

    return table


# Ranking where each example has its own candidates, and only these are scored.
#
# Candidates come first, by score. All other labels follow by index, which is the order of popularity in training, so
# that a list of k labels is full wherever there are k labels. They share one score, the greatest number below 0 and
# below the example's lowest candidate.

Int64s = NDArray[np.int64]


class CandidateRanker:
    """f(x, y) = Ux·V_y for the labels y of the list of x.

    list_of  rows of x → the number of each row's list (m,)
    lists    labels, ascending
    U, V     (features, d) and (labels, d)
    """

    def __init__(
        self, list_of: Callable[[Rows], NDArray[np.int32]], lists: Lists, U: Floats, V: Floats
    ) -> None:
        self._list_of, self._candidates = list_of, lists
        self.U, self.V = U, V
        self.n_candidates = int(np.diff(lists.indptr).max(initial=1))

    @property
    def n_labels(self) -> int:
        """The number of labels."""
        return len(self.V)

    def candidates_of(self, x: Rows) -> NDArray[np.int32]:
        """The labels of the list of one row."""
        chosen = int(self._list_of(x)[0])
        found = self._candidates.indices[slice(*self._candidates.indptr[chosen : chosen + 2])]
        return np.asarray(found, np.int32)

    def scores(self, x: Rows) -> Scores:
        """Scores of every label."""
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
        """The result of `rank_block`, without scores of all labels. Raises DataError if a score is NaN."""
        chosen, S = self._score(x)
        order = partial(rank_candidates, S, chosen, self._candidates, self.n_labels)
        return rank_by(order, positives, seen, len(S), min(k, self.n_labels), model)

    def _score(self, x: Rows) -> tuple[NDArray[np.int32], Floats]:
        chosen = self._list_of(x)
        S = np.empty((len(chosen), self.n_candidates), np.float32)
        score_candidates(projections(x, self.U), self.V, chosen, self._candidates, S)
        return chosen, S
