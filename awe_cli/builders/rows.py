"""G of the training examples, block by block: leave-one-out, and without the positives of a query."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from awe_cli.builders.base import Queries, Source
from awe_cli.core.epoch import State
from awe_cli.dataset.examples import Examples
from awe_cli.engine.engine import Engine
from awe_cli.matrices.matrix import Rows, n_rows, slice_rows
from awe_cli.neighbors.choice import product
from awe_cli.neighbors.table import in_blocks
from awe_cli.ranking.embedding import EmbeddingRanker

# A row of G depends on its query and the data that G is built from, never on the other rows of its block.

# (queries, the training example to leave out of each) → G (m, labels).
LeaveOneOut = Callable[[Rows, NDArray[np.int64]], NDArray[np.float32]]


def largest_of(
    G: LeaveOneOut, examples: Examples, n_labels: int, keep: int, engine: Engine, block: int
) -> Queries:
    """The `keep` largest entries of every query's row of G; below them G counts as 0."""
    lists, weights = in_blocks(_Largest(G, keep), examples, engine, block)
    single = np.arange(n_labels + 1, dtype=np.int64)
    return Queries(lists, weights, single, single[:-1].astype(np.int32))


@dataclass(frozen=True)
class _Largest:
    """Computes rows of G and returns their largest entries alone, which a cluster worker sends back."""

    G: LeaveOneOut
    keep: int

    def __call__(self, x: Rows, rows: NDArray[np.int64]) -> tuple[NDArray, ...]:
        return largest_entries(self.G(x, rows), self.keep)


def largest_entries(G: NDArray[np.float32], keep: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """(labels, values) of the `keep` largest positive entries of each row, by label; -1 and 0 beyond them."""
    labels = largest_places(G, keep)
    values = np.take_along_axis(G, labels, axis=1)
    labels[values <= 0] = -1
    values[values <= 0] = 0
    return labels, values


def largest_places(G: NDArray[np.float32], n: int) -> NDArray[np.int32]:
    """The columns of the n largest entries of each row, ascending: (m, n), or all where there are no more."""
    if n < G.shape[1]:
        return np.sort(np.argpartition(-G, n - 1, axis=1)[:, :n], axis=1).astype(np.int32)
    return np.broadcast_to(np.arange(G.shape[1], dtype=np.int32), G.shape).copy()


# G of an affinity that computes whole rows, a few inputs at a time.

AT_ONCE = 256  # queries computed together: a builder may need a number for each of them and each example


class WholeRows(ABC):
    """G of one fit. A training query keeps its `keep` largest entries; rows of new input are complete."""

    def __init__(self, source: Source, keep: int) -> None:
        self._source, self._keep = source, keep

    @abstractmethod
    def weigh(self, x: Rows, skip: NDArray[np.int64]) -> NDArray[np.float32]:
        """G(x, ·) (m, labels) ≥ 0 of at most `AT_ONCE` rows, without training example skip[q] (-1: none)."""

    def table(self, x: Rows) -> NDArray[np.float32]:
        """G(x, ·) of every row of new input: (m, labels that G is wanted for)."""
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
