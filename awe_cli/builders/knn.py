"""The k-NN affinity as a built G: it is looked up among the training examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from awe_cli.core.epoch import State
from awe_cli.matrices.bags import as_scipy
from awe_cli.matrices.matrix import Bags, Rows, n_rows
from awe_cli.neighbors.choice import mean, product
from awe_cli.neighbors.index import NeighborIndex, weigh
from awe_cli.ranking.embedding import EmbeddingRanker


@dataclass(frozen=True)
class BuiltKnn:
    """G of eq. 9, of one fit: the mean over the neighbour spaces.

    indexes, lambdas  by the name of the space
    """

    indexes: Mapping[str, NeighborIndex]
    k: int
    lambdas: Mapping[str, float]

    def table(self, x: Rows) -> NDArray[np.float32]:
        """G(x, ·) of every row of new input: (m, labels)."""
        return mean([index.table(x, self.k, self.lambdas[name]) for name, index in self.indexes.items()])

    def sparse(self, x: Rows) -> Bags:
        """G(x, ·) of every row of new input as sparse rows: the labels of its neighbours."""
        rows, weights = self.neighbors(x)
        labels = next(iter(self.indexes.values())).labels
        there = rows >= 0
        indptr = np.concatenate([[0], np.cumsum(there.sum(axis=1))])
        near = scipy.sparse.csr_matrix((weights[there], rows[there], indptr), (len(rows), n_rows(labels)))
        n = int(labels.indices.max(initial=-1)) + 1
        G = (near @ as_scipy(labels, n)).tocsr()
        G.sort_indices()
        return Bags(G.indptr.astype(np.int64), G.indices.astype(np.int32), G.data.astype(np.float32))

    def neighbors(self, x: Rows) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Of every row the training examples that are near, -1 where there are fewer, and the weight of each in G."""
        found = [(index.nearest(x, self.k), self.lambdas[name]) for name, index in self.indexes.items()]
        weights = [weigh(near, lambda_) / np.float32(len(found)) for near, lambda_ in found]
        return np.concatenate([near.rows for near, _ in found], axis=1), np.concatenate(weights, axis=1)

    def ranker(self, state: State, power: float, floor: float, y: Rows | None = None) -> EmbeddingRanker:
        """f = (G^power + floor) · max(0, S)."""
        return EmbeddingRanker(
            product(power, floor),
            state.U,
            state.V,
            self.table,
            y=y,
            neighbors=self.neighbors,
            sparse=self.sparse,
        )
