"""The neighbours of every training example, each found without the example itself (leave-one-out).

In recommendation a target must not help to find its own neighbours: an example's history is queried in
parts, part r without the items at positions r, r + parts, …; those items are the targets that use it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from awe_cli.data.examples import Examples
from awe_cli.data.matrix import Bags, Rows, n_rows, slice_rows
from awe_cli.engine.local import map_blocks
from awe_cli.neighbors.search import BLOCK, EXACT, Nearest
from awe_cli.neighbors.space import Finder, Place

PARTS = 4  # queries an example in recommendation


def parts_of(examples: Examples) -> int:
    """How many queries each example makes: several where its targets are its input features."""
    return PARTS if examples.own else 1


def leave_one_out(
    space: Place, examples: Examples, k: int, *, approximate: str = EXACT, threads: int | None = None
) -> Nearest:
    """The k nearest other examples of every query: row example · parts + part."""
    finder = space.finder(examples.x, approximate=approximate)
    return _search_all(finder, examples, k, own_rows=True, threads=threads)


def among_others(
    space: Place,
    base: Examples,
    base_rows: NDArray[np.int64],
    examples: Examples,
    k: int,
    *,
    approximate: str = EXACT,
    threads: int | None = None,
) -> Nearest:
    """The k nearest examples of `base` for every query, named by `base_rows` (len(base),) (cross-fitting)."""
    finder = space.finder(base.x, approximate=approximate)
    found = _search_all(finder, examples, k, own_rows=False, threads=threads)
    named = np.where(found.rows >= 0, base_rows[np.maximum(found.rows, 0)], -1).astype(np.int32)
    return Nearest(named, found.squared)


def without_part(x: Rows, parts: int, part: int) -> Rows:
    """The bags without the features at positions ≡ part (mod parts); with one part, all of them."""
    if parts == 1 or not isinstance(x, Bags):
        return x
    position = np.arange(len(x.indices)) - np.repeat(x.indptr[:-1], np.diff(x.indptr))
    return x._replace(values=np.where(position % parts == part, np.float32(0), x.values))


def _search_all(
    finder: Finder, examples: Examples, k: int, *, own_rows: bool, threads: int | None
) -> Nearest:
    parts = parts_of(examples)

    def work(start: int) -> Nearest:
        x = slice_rows(examples.x, start, min(start + BLOCK, len(examples)))
        skip = np.arange(start, start + n_rows(x)) if own_rows else None
        by_part = [finder.nearest(without_part(x, parts, part), k, skip) for part in range(parts)]
        rows = np.stack([found.rows for found in by_part], axis=1).reshape(-1, k)
        return Nearest(rows, np.stack([found.squared for found in by_part], axis=1).reshape(-1, k))

    blocks = map_blocks(work, range(0, len(examples), BLOCK), threads)
    rows, squared = zip(*blocks, strict=True)
    return Nearest(np.concatenate(rows), np.concatenate(squared))
