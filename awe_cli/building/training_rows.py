"""G of the training examples, block by block: leave-one-out, and no target in its own query.

A row of G depends on its query and on what G is built from, never on the other rows of its block.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from awe_cli.building.builder import Queries
from awe_cli.data.examples import Examples
from awe_cli.data.matrix import Rows
from awe_cli.engine.engine import Engine
from awe_cli.neighbors.table import in_blocks

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
    """The largest entries of the rows of G, which alone are sent back from where they were worked out."""

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
