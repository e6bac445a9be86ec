"""The k-NN affinity as a built G: looked up among the neighbours, the training examples as stored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from awe_cli.data.matrix import Rows
from awe_cli.kernels.epoch import State
from awe_cli.neighbors.choice import product
from awe_cli.neighbors.index import NeighborIndex
from awe_cli.ranking.embedding import EmbeddingRanker


@dataclass(frozen=True)
class BuiltKnn:
    """G of eq. 9, of one fit."""

    index: NeighborIndex
    k: int
    lambda_: float

    def table(self, x: Rows) -> NDArray[np.float32]:
        """G(x, ·) of every row of new input: (m, labels)."""
        return self.index.table(x, self.k, self.lambda_)

    def ranker(self, state: State, power: float, floor: float) -> EmbeddingRanker:
        """f = (G^power + floor) · max(0, S)."""
        return EmbeddingRanker(product(power, floor), state.U, state.V, self.table)
