"""Ranking by an embedding model: f(x, y) of any affinity, ties broken by the plain embedding score."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from awe_cli.affinity.constant import Constant
from awe_cli.affinity.overlap import Overlap
from awe_cli.data.matrix import Bags, Dense, Rows, n_rows
from awe_cli.kernels.interface import lays_out
from awe_cli.kernels.learned import NOTHING, Learned
from awe_cli.kernels.score import project_rows, rate_block
from awe_cli.ranking.ranker import Scores

# G(x, ·) of a block of examples: (m, labels) float32, or one such table after the other: (m, tables · labels).
Table = Callable[[Rows], NDArray[np.float32]]


def projections(x: Rows, U: NDArray[np.float32]) -> NDArray[np.float32]:
    """Ux of every row: (m, d)."""
    Z = np.empty((n_rows(x), U.shape[1]), np.float32)
    project_rows(x, U, Z)
    return Z


def label_rows(y: Rows | None, V: NDArray[np.float32]) -> NDArray[np.float32]:
    """W = YV (labels, d), the rows of labels with features y (labels, label features); V for one-hot labels."""
    return V if y is None else projections(y, V)


class EmbeddingRanker:
    """f(x, y) = Σ_i G_i(x, y) x_i U_i·V_y over all labels.

    affinity  the parameters of G
    U, V      (features, d) and (labels, d), or (label features, d) with y
    y         (labels, label features) what describes labels; None where they are one-hot, or V has their `label_rows`
    table     what lays out G(x, ·) where the affinity needs that
    learned   what the affinity has of its own
    """

    def __init__(
        self, affinity: Any, U: NDArray[np.float32], V: NDArray[np.float32], table: Table | None = None,
        learned: Learned = NOTHING, y: Rows | None = None,
    ) -> None:  # fmt: skip
        self._affinity, self._learned = affinity, learned
        self._U, self._V, self._Vj, self._y = U, label_rows(y, V), V, y
        self._table = (
            overlap_table(affinity.shared, self.n_labels) if isinstance(affinity, Overlap) else table
        )

    @property
    def n_labels(self) -> int:
        """The number of labels."""
        return len(self._V)

    def scores(self, x: Rows) -> Scores:
        """(m, labels) f, and Ux·V_y to break its ties; for a constant affinity Ux·V_y alone."""
        return self.rate(x, np.zeros((n_rows(x), 0), np.float32) if self._table is None else self._table(x))

    def rate(self, x: Rows, G: NDArray[np.float32]) -> Scores:
        """The same, where G (m, tables · labels) has been laid out already, or (m, 0) where none is needed.

        Raises ValueError where it is needed and not there.
        """
        needed = lays_out(self._affinity) * self.n_labels
        if needed and G.shape[1] != needed:
            raise ValueError(
                f"{type(self._affinity).__name__} needs G of {needed} columns, found {G.shape[1]}"
            )
        Z = projections(x, self._U)
        S = Z @ self._V.T
        if isinstance(self._affinity, Constant):
            return Scores(S, None)
        F = np.empty_like(S)
        room = np.empty(longest_row(x), np.float32)
        rate_block(self._affinity, x, self._U, self._V, self._y, self._Vj, self._learned, Z, S, G, room, F)
        return Scores(F, S)


def overlap_table(shared: Bags, n_labels: int) -> Table:
    """Rows of x → x·Py of every label, from what each feature adds to the labels that have it."""
    P = scipy.sparse.csr_matrix(
        (shared.values, shared.indices, shared.indptr), (len(shared.indptr) - 1, n_labels)
    )

    def table(x: Rows) -> NDArray[np.float32]:
        assert isinstance(x, Bags)
        X = scipy.sparse.csr_matrix((x.values, x.indices, x.indptr), (n_rows(x), P.shape[0]))
        return np.ascontiguousarray((X @ P).toarray(), np.float32)

    return table


def longest_row(x: Rows) -> int:
    """The most features that any row names."""
    return len(x.columns) if isinstance(x, Dense) else int(np.diff(x.indptr).max(initial=0))
