"""K_x of AWE eq. 3: how alike an input and each known example are, on x as given or on Ux.

    gaussian  exp(−λ_x ‖x − x_i‖²)        linear  x·x_i        cosine  x·x_i / (‖x‖ ‖x_i‖)

The weights of a query are divided by the sum of their absolute values, which changes no order and lets a margin mean
the same for any λ. In recommendation an example at distance 0 is the person who asks, or has chosen just the
same, and weighs nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe_cli.data.examples import Examples
from awe_cli.data.matrix import Dense, Rows, n_rows, slice_rows
from awe_cli.kernels.pairwise import dot_bags, dot_products, squared_distances
from awe_cli.neighbors.search import Nearest
from awe_cli.neighbors.space import Space
from awe_cli.neighbors.weights import typical_squared

GAUSSIAN, LINEAR, COSINE, EQUALITY = "gaussian", "linear", "cosine", "equality"
RAW, EMBEDDED = "raw", "embedded"
_FAINT = 1e-9  # of the largest weight: below it, a weight is lost in the rounding of the sum
_LOOKED_AT = 1000  # examples that make up the typical distance
_FIRST = 20


class ExamplesKernel:
    """The known examples (n of them), and how alike any input is to each."""

    def __init__(self, examples: Examples, space: Space | None, n_features: int, kernel: str) -> None:
        """space: that of the projections; None compares x as given."""
        self._space, self._n_features, self._kernel = space, n_features, kernel
        self._apart = examples.own
        self._base = self._points(examples.x)
        self._lengths = self._squared_lengths(self._base)

    def weights(self, x: Rows, lambda_: float | None, skip: NDArray[np.int64]) -> NDArray[np.float32]:
        """(m, n) weights; known example skip[q] (-1: none) weighs nothing."""
        W = self._dots(x) if self._kernel != GAUSSIAN else self.squared(x, skip)
        left_out = np.flatnonzero(skip >= 0)
        if self._kernel == GAUSSIAN:
            with np.errstate(invalid="ignore"):  # a query without any example: inf − inf
                W = np.exp(-np.float32(lambda_) * (W - W.min(axis=1, keepdims=True)), dtype=np.float32)
            W[~(W >= _FAINT)] = 0
        else:
            W[left_out, skip[left_out]] = 0
            if self._kernel == COSINE:
                W = _divided(W, np.sqrt(self._lengths))
        return _divided(W, np.abs(W).sum(axis=1, keepdims=True))

    def squared(self, x: Rows, skip: NDArray[np.int64]) -> NDArray[np.float32]:
        """(m, n) ‖x − x_i‖²; infinite for skip[q], and in recommendation where it is 0."""
        points = self._points(x)
        if isinstance(points, np.ndarray):
            D = np.empty((len(points), len(self._lengths)), np.float32)
            squared_distances(points, self._base, D)
        else:
            D = self._dots(x)
            np.multiply(D, -2, out=D)
            D += self._squared_lengths(points)[:, None] + self._lengths
            np.maximum(D, 0, out=D)
        if self._apart:
            D[D == 0] = np.inf
        left_out = np.flatnonzero(skip >= 0)
        D[left_out, skip[left_out]] = np.inf
        return D

    def typical(self, x: Rows, named: NDArray[np.int64]) -> float:
        """The median of ‖x − x_i‖² over the first 20 neighbours of training examples, evenly taken.

        named  (examples,) the number of each training example among the known ones, or -1
        """
        first: list[NDArray[np.float32]] = []
        step = max(1, n_rows(x) // _LOOKED_AT)
        for row in range(0, n_rows(x), step):
            D = self.squared(slice_rows(x, row, row + 1), named[row : row + 1])
            first.append(np.sort(np.partition(D, min(_FIRST, D.shape[1]) - 1)[:, :_FIRST]))
        squared = np.concatenate(first)
        return typical_squared(Nearest(np.zeros(squared.shape, np.int32), squared))

    def _dots(self, x: Rows) -> NDArray[np.float32]:
        points = self._points(x)
        out = np.empty((n_rows(x), len(self._lengths)), np.float32)
        if isinstance(points, np.ndarray):
            dot_products(points, self._base, out)
        else:
            dot_bags(points, self._base, np.zeros(self._n_features, np.float32), out)
        return out

    def _points(self, x: Rows) -> Any:
        """What is compared: projections or dense rows as arrays (m, d), else bags."""
        if self._space is not None:
            return self._space.points(x)
        return x.values if isinstance(x, Dense) else x

    def _squared_lengths(self, rows: Rows | NDArray[np.float32]) -> NDArray[np.float32]:
        """‖x‖² (n,), summed as the dot products are: equal rows have the distance 0."""
        if isinstance(rows, np.ndarray):
            return np.square(rows).sum(axis=1, dtype=np.float32)
        out = np.empty(n_rows(rows), np.float32)
        room = np.zeros(self._n_features, np.float32)
        for row in range(len(out)):
            one = slice_rows(rows, row, row + 1)
            dot_bags(one, one, room, out[row : row + 1, None])
        return out


def _divided(W: NDArray[np.float32], by: NDArray[np.float32]) -> NDArray[np.float32]:
    by = np.broadcast_to(by, W.shape)
    return np.divide(W, by, out=np.zeros_like(W), where=by > 0)
