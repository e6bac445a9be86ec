"""G of an affinity that weighs all labels of an input at once, a few inputs at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from awe_cli.building.builder import Queries, Source
from awe_cli.building.training_rows import largest_of
from awe_cli.data.matrix import Rows, n_rows, slice_rows
from awe_cli.engine.engine import Engine
from awe_cli.kernels.epoch import State
from awe_cli.neighbors.choice import product
from awe_cli.ranking.embedding import EmbeddingRanker

AT_ONCE = 256  # queries that are weighed together: there may be a number for each of them and each example


class WholeRows(ABC):
    """G of one fit, of which a training query keeps the `keep` largest entries; that of new input is complete."""

    def __init__(self, source: Source, keep: int) -> None:
        self._source, self._keep = source, keep

    @abstractmethod
    def weigh(self, x: Rows, skip: NDArray[np.int64]) -> NDArray[np.float32]:
        """G(x, ·) (m, labels) ≥ 0 of at most `AT_ONCE` rows, without training example skip[q] (-1: none)."""

    def table(self, x: Rows) -> NDArray[np.float32]:
        """G(x, ·) of every row of new input: (m, labels that are asked for)."""
        return self._rows(x, np.full(n_rows(x), -1))

    def training(self, engine: Engine, block: int) -> Queries:
        """G of the training examples: the largest entries of each row."""
        return largest_of(self._rows, self._source.examples, self._source.n_labels, self._keep, engine, block)

    def ranker(self, state: State, power: float, floor: float, y: Rows | None = None) -> EmbeddingRanker:
        """f = (G^power + floor) · max(0, S)."""
        return EmbeddingRanker(product(power, floor), state.U, state.V, self.table, y=y)

    def _rows(self, x: Rows, skip: NDArray[np.int64]) -> NDArray[np.float32]:
        G = np.empty((n_rows(x), self._source.n_asked), np.float32)
        for start in range(0, len(G), AT_ONCE):
            stop = min(start + AT_ONCE, len(G))
            G[start:stop] = self.weigh(slice_rows(x, start, stop), skip[start:stop])
        return G
