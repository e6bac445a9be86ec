"""Ranking by the labels of neighbours alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from awe_cli.data.matrix import Rows
from awe_cli.ranking.embedding import Table
from awe_cli.ranking.ranker import Scores


class KnnRanker:
    r"""Scores a label by its weight among the neighbours, ties by popularity.

    .. math:: f(x, y) = \sum_{j \le k} w_j [y \in Y_{t_j}]

    table   rows of x → G (m, labels)
    counts  (labels,) training examples that have each label
    """

    def __init__(self, table: Table, counts: NDArray[np.int64]) -> None:
        self._table, self._counts = table, counts.astype(np.float32)

    @property
    def n_labels(self) -> int:
        """The number of labels."""
        return len(self._counts)

    def scores(self, x: Rows) -> Scores:
        """(m, labels) G, and the counts to break its ties."""
        G = self._table(x)
        return Scores(G, np.tile(self._counts, (len(G), 1)))
