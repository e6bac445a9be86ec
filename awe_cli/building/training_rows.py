"""G of the training examples, block by block: leave-one-out, and no target in its own query.

Each block can be worked out anywhere, by itself (the paper's remark on MapReduce): a row of G depends on its query
and on what G is built from, never on the other rows of its block.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from awe_cli.building.builder import Queries
from awe_cli.data.examples import Examples
from awe_cli.data.matrix import Rows, n_rows, slice_rows
from awe_cli.engine.local import map_blocks
from awe_cli.neighbors.table import parts_of, without_part

# (queries, the training example to leave out of each) → G (m, labels).
LeaveOneOut = Callable[[Rows, NDArray[np.int64]], NDArray[np.float32]]


def in_blocks(
    work: Callable[[Rows, NDArray[np.int64]], tuple[NDArray, ...]],
    examples: Examples,
    threads: int | None,
    block: int,
) -> tuple[NDArray, ...]:
    """work(queries, their examples) for all training queries, in the order example · parts + part."""
    parts = parts_of(examples)

    def one(start: int) -> tuple[NDArray, ...]:
        x = slice_rows(examples.x, start, min(start + block, len(examples)))
        rows = np.arange(start, start + n_rows(x))
        by_part = [work(without_part(x, parts, part), rows) for part in range(parts)]
        stacked = (np.stack(arrays, axis=1) for arrays in zip(*by_part, strict=True))
        return tuple(array.reshape(-1, *array.shape[2:]) for array in stacked)

    found = list(map_blocks(one, range(0, len(examples), block), threads))
    return tuple(np.concatenate(arrays) for arrays in zip(*found, strict=True))


def largest_of(
    G: LeaveOneOut, examples: Examples, n_labels: int, keep: int, threads: int | None, block: int
) -> Queries:
    """The `keep` largest entries of every query's row of G; below them G counts as 0."""

    def work(x: Rows, rows: NDArray[np.int64]) -> tuple[NDArray, ...]:
        return largest_entries(G(x, rows), keep)

    lists, weights = in_blocks(work, examples, threads, block)
    single = np.arange(n_labels + 1, dtype=np.int64)
    return Queries(lists, weights, single, single[:-1].astype(np.int32))


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
