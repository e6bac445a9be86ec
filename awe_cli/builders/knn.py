"""The k-NN affinity as a built G: it is looked up among the training examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from awe_cli.core.epoch import State
from awe_cli.matrices.matrix import Rows
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

    def neighbors(self, x: Rows) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Of every row the training examples that are near, -1 where there are fewer, and the weight of each in G."""
        found = [(index.nearest(x, self.k), self.lambdas[name]) for name, index in self.indexes.items()]
        weights = [weigh(near, lambda_) / np.float32(len(found)) for near, lambda_ in found]
        return np.concatenate([near.rows for near, _ in found], axis=1), np.concatenate(weights, axis=1)

    def ranker(self, state: State, power: float, floor: float, y: Rows | None = None) -> EmbeddingRanker:
        """f = (G^power + floor) · max(0, S)."""
        affinity = product(power, floor)
        return EmbeddingRanker(affinity, state.U, state.V, self.table, y=y, neighbors=self.neighbors)
