"""Rows that others are compared with, as given or projected, by products and by squared distances.

Each number is summed in one fixed order from its two rows alone: it does not depend on what else is compared.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe_cli.data.matrix import Dense, Rows, n_rows, slice_rows
from awe_cli.kernels.pairwise import dot_bags, dot_products, squared_distances
from awe_cli.neighbors.search import Nearest
from awe_cli.neighbors.space import Space
from awe_cli.neighbors.weights import typical_squared

_LOOKED_AT = 1000  # rows that make up the typical distance
_FIRST = 20  # neighbours of each of them that do


class Compared:
    """The rows (n of them), and what compares any others with them."""

    def __init__(self, rows: Rows, width: int, space: Space | None = None, *, apart: bool = False) -> None:
        """Rows over `width` features.

        space  that of the projections; None compares rows as given
        apart  a row at distance 0 is infinitely far
        """
        self._width, self._space, self._apart = width, space, apart
        self._base = self._points(rows)
        self.squared_lengths = self._squared_lengths(self._base)

    def dots(self, x: Rows) -> NDArray[np.float32]:
        """(m, n) x·x_i."""
        points = self._points(x)
        out = np.empty((n_rows(x), len(self.squared_lengths)), np.float32)
        if isinstance(points, np.ndarray):
            dot_products(points, self._base, out)
        else:
            dot_bags(points, self._base, np.zeros(self._width, np.float32), out)
        return out

    def squared(self, x: Rows, skip: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """(m, n) ‖x − x_i‖²; infinite for skip[q] (-1: none)."""
        points = self._points(x)
        if isinstance(points, np.ndarray):
            D = np.empty((len(points), len(self.squared_lengths)), np.float32)
            squared_distances(points, self._base, D)
        else:
            D = self.dots(x)
            np.multiply(D, -2, out=D)
            D += self._squared_lengths(points)[:, None] + self.squared_lengths
            np.maximum(D, 0, out=D)
        if self._apart:
            D[D == 0] = np.inf
        if skip is not None:
            left_out = np.flatnonzero(skip >= 0)
            D[left_out, skip[left_out]] = np.inf
        return D

    def typical(self, x: Rows, named: NDArray[np.int64]) -> float:
        """The median of ‖x − x_i‖² over the first 20 neighbours of rows of x, evenly taken.

        named  (m,) which of the rows compared with each row of x is itself, or -1
        """
        first: list[NDArray[np.float32]] = []
        step = max(1, n_rows(x) // _LOOKED_AT)
        for row in range(0, n_rows(x), step):
            D = self.squared(slice_rows(x, row, row + 1), named[row : row + 1])
            first.append(np.sort(np.partition(D, min(_FIRST, D.shape[1]) - 1)[:, :_FIRST]))
        squared = np.concatenate(first)
        return typical_squared(Nearest(np.zeros(squared.shape, np.int32), squared))

    def _points(self, x: Rows) -> Any:
        """What is compared: projections or dense rows as arrays (m, d), else bags."""
        if self._space is not None:
            return self._space.points(x)
        return x.values if isinstance(x, Dense) else x

    def _squared_lengths(self, points: Any) -> NDArray[np.float32]:
        """‖x‖² (m,), summed as the dot products are: equal rows have the distance 0."""
        if isinstance(points, np.ndarray):
            return np.square(points).sum(axis=1, dtype=np.float32)
        out, room = np.empty(n_rows(points), np.float32), np.zeros(self._width, np.float32)
        for row in range(len(out)):
            one = slice_rows(points, row, row + 1)
            dot_bags(one, one, room, out[row : row + 1, None])
        return out


def divided(W: NDArray[np.float32], by: NDArray[np.float32]) -> NDArray[np.float32]:
    """W / by; 0 where `by` is 0."""
    by = np.broadcast_to(by, W.shape)
    return np.divide(W, by, out=np.zeros_like(W), where=by > 0)
