"""k-NN in the embedding space: the affinity alone, without the embedding's own score (AWE §5.1)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from awe_cli.baselines.baseline import Arrays, Baseline, Choice, Facts
from awe_cli.data.matrix import Rows
from awe_cli.ranking.embedding import Table
from awe_cli.ranking.ranker import Ranker, Scores


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


class EmbeddingKnn(Baseline):
    """k-NN by the neighbour table of a model."""

    name = "knn"

    def fit(self, facts: Facts, choice: Choice) -> Arrays:
        """`counts` (labels,); the neighbours are those of the table."""
        return {"counts": facts.counts}

    def ranker(self, facts: Facts, choice: Choice, arrays: Arrays) -> Ranker:
        """By the table."""
        assert facts.table is not None
        return KnnRanker(facts.table, arrays["counts"])
