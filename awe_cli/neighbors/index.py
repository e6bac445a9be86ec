"""Looking up G(x, ·) of eq. 9 for any input: the weighted labels of its nearest training examples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from awe_cli.affinities.table import load_block
from awe_cli.dataset.examples import Examples
from awe_cli.engine.engine import Engine
from awe_cli.matrices.matrix import Lists, Rows, n_rows, slice_rows
from awe_cli.neighbors.search import BLOCK, EXACT, Nearest
from awe_cli.neighbors.space import Finder, NeighborSpace

# From distances to weights: w_j = e^(-λ d_j²) / Σ e^(-λ d²), λ in units of a typical squared distance.

_FIRST = 20  # neighbours used for the typical distance


def typical_squared(nearest: Nearest) -> float:
    """The median squared distance to the first 20 neighbours; 1 where all of them coincide."""
    first = nearest.squared[:, :_FIRST]
    known = first[np.isfinite(first)]
    median = float(np.median(known)) if len(known) else 1.0
    return median if median > 0 else 1.0


def weigh(nearest: Nearest, lambda_: float) -> NDArray[np.float32]:
    """w (m, k) of eq. 9, normalised to sum to 1 for each query with neighbours; 0 where there are fewer than k."""
    squared = nearest.squared
    if squared.shape[1] == 0:
        return np.zeros_like(squared)
    closest = squared[:, :1]
    with np.errstate(invalid="ignore"):
        weights = np.where(np.isfinite(squared), np.exp(-lambda_ * (squared - closest)), 0).astype(np.float32)
    total = weights.sum(axis=1, keepdims=True)
    return np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)


class NeighborIndex:
    """The training examples as points of a space, and their labels.

    space     of the input, or of the U that G was built from, whatever U and V a model was retrained to afterwards
    examples  the training examples; where they are histories, one at distance 0 is the same person, or one with the
              same history, and is left out
    """

    def __init__(
        self, space: NeighborSpace, examples: Examples, n_labels: int, *, approximate: str = EXACT
    ) -> None:
        self.labels, self._n_labels = examples.positives, n_labels
        self._finder = space.finder(examples.x, approximate=approximate, apart=examples.own)

    def nearest(self, x: Rows, k: int, skip: NDArray[np.int64] | None = None) -> Nearest:
        """The k nearest training examples of every row, without skip[q] where that is given and not -1."""
        return self._finder.nearest(x, k, skip)

    def table(self, x: Rows, k: int, lambda_: float) -> NDArray[np.float32]:
        """G(x, ·) of every row: (m, labels)."""
        return self.tabulate(self.nearest(x, k), lambda_)

    def tabulate(self, nearest: Nearest, lambda_: float) -> NDArray[np.float32]:
        """G of queries whose neighbours have been found: (m, labels)."""
        return affinities(nearest.rows, weigh(nearest, lambda_), self.labels, self._n_labels)


def find_all(finder: Finder, x: Rows, k: int, engine: Engine) -> Nearest:
    """The k nearest training examples of every row, block by block."""
    starts = range(0, n_rows(x), BLOCK)
    rows, squared = zip(*engine.map(_Block(finder, x, k), starts), strict=True)
    return Nearest(np.concatenate(rows), np.concatenate(squared))


@dataclass(frozen=True)
class _Block:
    """The search for a block of rows, with all its data, so that it can be sent to a worker."""

    finder: Finder
    x: Rows
    k: int

    def __call__(self, start: int) -> Nearest:
        return self.finder.nearest(slice_rows(self.x, start, start + BLOCK), self.k)


def affinities(
    rows: NDArray[np.int32], weights: NDArray[np.float32], labels: Lists, n_labels: int
) -> NDArray[np.float32]:
    """G (m, labels) from neighbours (m, k) and their weights (m, k)."""
    G = np.zeros((len(rows), n_labels), np.float32)
    load_block(rows, weights, labels, G)
    return G
