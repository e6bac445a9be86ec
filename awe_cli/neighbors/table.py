"""The neighbours of every training example, each found without the example itself (leave-one-out).

In recommendation a positive must not help to find its own neighbours. So an example has several queries, its parts:
part r is its history without the items at positions r, r + parts, …; these items are the positives that use it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from awe_cli.dataset.examples import Examples
from awe_cli.engine.engine import Engine
from awe_cli.engine.local import ALL_THREADS
from awe_cli.matrices.matrix import Bags, Rows, n_rows, slice_rows
from awe_cli.neighbors.search import BLOCK, EXACT, Nearest
from awe_cli.neighbors.space import Finder, NeighborSpace

PARTS = 4  # queries of an example in recommendation

# (queries, their examples) → arrays with a row for each of them.
Work = Callable[[Rows, NDArray[np.int64]], tuple[NDArray, ...]]


def parts_of(examples: Examples) -> int:
    """The number of queries of each example: several where its positives are its input features."""
    return PARTS if examples.own else 1


def leave_one_out(
    space: NeighborSpace,
    examples: Examples,
    k: int,
    *,
    approximate: str = EXACT,
    engine: Engine = ALL_THREADS,
) -> Nearest:
    """The k nearest other examples of every query: row example · parts + part."""
    finder = space.finder(examples.x, approximate=approximate)
    return Nearest(*in_blocks(_Search(finder, k, own_rows=True), examples, engine, BLOCK))


def among_others(
    space: NeighborSpace,
    base: Examples,
    base_rows: NDArray[np.int64],
    examples: Examples,
    k: int,
    *,
    approximate: str = EXACT,
    engine: Engine = ALL_THREADS,
) -> Nearest:
    """The k nearest examples of `base` for every query, named by `base_rows` (len(base),) (cross-fitting)."""
    finder = space.finder(base.x, approximate=approximate)
    found = Nearest(*in_blocks(_Search(finder, k, own_rows=False), examples, engine, BLOCK))
    named = np.where(found.rows >= 0, base_rows[np.maximum(found.rows, 0)], -1).astype(np.int32)
    return Nearest(named, found.squared)


def without_part(x: Rows, parts: int, part: int, n_items: NDArray[np.int64]) -> Rows:
    """The bags without the items at positions ≡ part (mod parts); with one part, all of them.

    n_items  (n,) how many items each row begins with; what comes after them are features of the person
    """
    if parts == 1 or not isinstance(x, Bags):
        return x
    sizes = np.diff(x.indptr)
    position = np.arange(len(x.indices)) - np.repeat(x.indptr[:-1], sizes)
    left_out = (position % parts == part) & (position < np.repeat(n_items, sizes))
    return x._replace(values=np.where(left_out, np.float32(0), x.values))


def in_blocks(work: Work, examples: Examples, engine: Engine, block: int) -> tuple[NDArray, ...]:
    """work(queries, their examples) for all training queries, in the order example · parts + part.

    Blocks of examples are independent, and can be computed anywhere (the paper's remark on MapReduce).
    """
    n_items = np.diff(examples.positives.indptr)
    one = _InBlocks(work, examples.x, n_items, parts_of(examples), block)
    found = list(engine.map(one, range(0, len(examples), block)))
    return tuple(np.concatenate(arrays) for arrays in zip(*found, strict=True))


@dataclass(frozen=True)
class _InBlocks:
    """The work on `block` examples from a given one on, with all its data, so that it can be sent to a worker."""

    work: Work
    x: Rows
    n_items: NDArray[np.int64]
    parts: int
    block: int

    def __call__(self, start: int) -> tuple[NDArray, ...]:
        x = slice_rows(self.x, start, min(start + self.block, n_rows(self.x)))
        rows = np.arange(start, start + n_rows(x))
        n_items = self.n_items[rows]
        by_part = [self.work(without_part(x, self.parts, part, n_items), rows) for part in range(self.parts)]
        stacked = (np.stack(arrays, axis=1) for arrays in zip(*by_part, strict=True))
        return tuple(array.reshape(-1, *array.shape[2:]) for array in stacked)


@dataclass(frozen=True)
class _Search:
    """The k nearest of each query; own_rows: without its own example."""

    finder: Finder
    k: int
    own_rows: bool

    def __call__(self, x: Rows, rows: NDArray[np.int64]) -> Nearest:
        return self.finder.nearest(x, self.k, rows if self.own_rows else None)
