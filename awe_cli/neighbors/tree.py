"""A random-projection tree, which assigns points to leaves (WSABIE §6.3; Dasgupta & Freund 2008).

At each node points are projected on a direction drawn at random (entries normal) and go left or right of the median
of the training points there, so that after p levels a leaf holds n/2^p of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Points = Any  # (n, features): an array or a sparse matrix of rows


class ProjectionTree:
    """The tree over `points` (n, features) with `depth` levels; a node's direction depends on seed and node alone.

    leaves  (2^depth) the rows of `points` in each leaf, ascending
    """

    def __init__(self, points: Points, depth: int, seed: int) -> None:
        self._depth, self._seed = depth, seed
        self._medians = np.zeros(2**depth, np.float64)  # of node 1 (the root), 2, 3, …
        self.leaves = self._descend(points, self._split_at_the_median)

    def find(self, points: Points) -> list[NDArray[np.int64]]:
        """(2^depth) the rows of `points` that fall into each leaf, ascending."""
        return self._descend(points, self._split_as_learned)

    def _descend(
        self, points: Points, goes_right: Callable[[int, NDArray[np.float64]], NDArray[np.bool_]]
    ) -> list[NDArray[np.int64]]:
        level = [np.arange(points.shape[0])]
        for depth in range(self._depth):
            level = list(self._next(points, level, 2**depth, goes_right))
        return level

    def _next(
        self,
        points: Points,
        level: list[NDArray[np.int64]],
        first: int,
        goes_right: Callable[[int, NDArray[np.float64]], NDArray[np.bool_]],
    ) -> Iterator[NDArray[np.int64]]:
        """The rows of the nodes below those of a level, whose first node is `first`."""
        for node, rows in enumerate(level, first):
            direction = np.random.default_rng([self._seed, node]).standard_normal(points.shape[1])
            right = goes_right(node, np.asarray(points[rows] @ direction).ravel())
            yield rows[~right]
            yield rows[right]

    def _split_at_the_median(self, node: int, along: NDArray[np.float64]) -> NDArray[np.bool_]:
        """The upper half, equal ones by row; the threshold lies between the halves."""
        order = np.argsort(along, kind="stable")
        half = len(order) - len(order) // 2
        right = np.zeros(len(order), np.bool_)
        right[order[half:]] = True
        if len(order):
            self._medians[node] = along[order[half - 1 : half + 1]].mean()
        return right

    def _split_as_learned(self, node: int, along: NDArray[np.float64]) -> NDArray[np.bool_]:
        return along > self._medians[node]
