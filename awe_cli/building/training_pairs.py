"""The training pairs (x_i, y_i) that a sum over pairs is made of: which they are, and the examples that have one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from awe_cli.data.examples import Examples
from awe_cli.data.matrix import Lists, take_rows


@dataclass(frozen=True)
class Known:
    """The examples that are compared with, and `named` (examples,): the number of each training example, or -1."""

    examples: Examples
    named: NDArray[np.int64]


def drawn_pairs(positives: Lists, m: int, seed: int) -> NDArray[np.int64]:
    """Which of the pairs (x_i, y_i), as places in positives.indices, ascending: all, or m drawn by `seed`."""
    pairs = np.arange(len(positives.indices), dtype=np.int64)
    if m < len(pairs):
        pairs = np.sort(np.random.Generator(np.random.Philox(seed)).permutation(pairs)[:m])
    return pairs


def known_examples(examples: Examples, pairs: NDArray[np.int64]) -> Known:
    """The examples that have a pair, with the labels of their pairs."""
    owner = np.searchsorted(examples.positives.indptr, pairs, side="right") - 1
    rows, sizes = np.unique(owner, return_counts=True)
    indptr = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    labels = Lists(indptr, examples.positives.indices[pairs])
    named = np.full(len(examples), -1, np.int64)
    named[rows] = np.arange(len(rows))
    return Known(
        replace(examples, ids=examples.ids.take(rows), x=take_rows(examples.x, rows), positives=labels), named
    )
