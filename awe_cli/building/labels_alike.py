"""Which labels count as like each label, and how much: K_y of AWE eq. 3, on rows of V or on what describes labels.

    gaussian  exp(−λ_y ‖y − y_i‖²)        linear  y·y_i        cosine  y·y_i / (‖y‖ ‖y_i‖)

A label is compared with n labels, itself among them; to all others it is not alike. One that was not there when G was
built is compared with n of those that were. Where labels are one-hot nothing is to be compared: `labels_kernel.one_hot`
says what K_y then is.
"""

from __future__ import annotations

import functools
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from awe_cli.building.compared import Compared, divided
from awe_cli.building.examples_kernel import COSINE, GAUSSIAN
from awe_cli.building.training_rows import largest_places
from awe_cli.data.matrix import Rows, n_rows, slice_rows
from awe_cli.neighbors.search import Nearest, Search
from awe_cli.neighbors.weights import typical_squared

_BLOCK = 256  # labels compared with all others at a time


class Placed(NamedTuple):
    """Labels where K_y compares them: y (labels, label features), and their rows of V (labels, d)."""

    y: Rows
    V: NDArray[np.float32]


class Alike(NamedTuple):
    """The known labels that each label is compared with, -1 for none, and K_y of the two: (labels, n)."""

    near: NDArray[np.int32]
    likeness: NDArray[np.float32]


class LabelsAlike(Protocol):
    """Labels that have a place, so that some are more alike than others."""

    def typical(self) -> float:
        """The median squared distance of a label to the first 20 others."""
        ...

    def alike(self, lambda_: float | None, others: Placed | None = None) -> Alike:
        """K_y of each label, or each of others, and the n it is compared with; λ_y is for the gaussian alone."""
        ...


class LabelsOnV:
    """Labels on their rows of V, each compared with the n nearest; for the cosine nearest by direction."""

    def __init__(self, V: NDArray[np.float32], n: int, kernel: str) -> None:
        self._n, self._kernel = min(n, len(V)), kernel
        self._points = self._place(V)

    @functools.cached_property
    def _search(self) -> Search:
        return Search(self._points)

    @functools.cached_property
    def _nearest(self) -> Nearest:
        return self._search.nearest(self._points, self._n)

    def typical(self) -> float:
        """The median squared distance of a label to the first 20 others."""
        return typical_squared(Nearest(self._nearest.rows[:, 1:], self._nearest.squared[:, 1:]))

    def alike(self, lambda_: float | None, others: Placed | None = None) -> Alike:
        """K_y of each label, or each of others, and the n it is compared with; λ_y is for the gaussian alone."""
        points = self._points if others is None else self._place(others.V)
        near, squared = self._nearest if others is None else self._search.nearest(points, self._n)
        if self._kernel == GAUSSIAN:
            with np.errstate(over="ignore"):
                found = np.exp(-np.float32(lambda_) * squared)
        else:
            found = np.einsum("yd,ynd->yn", points, self._points[np.maximum(near, 0)])
        return Alike(near, np.where(near >= 0, found, 0).astype(np.float32))

    def _place(self, V: NDArray[np.float32]) -> NDArray[np.float32]:
        """Rows of V as they are compared: for the cosine at length 1."""
        return divided(V, np.linalg.norm(V, axis=1, keepdims=True)) if self._kernel == COSINE else V


class LabelsByFeatures:
    """Labels on their features y as they are, each compared with the n most alike by K_y."""

    def __init__(self, y: Rows, width: int, n: int, kernel: str) -> None:
        """y: rows over `width` features."""
        self._y, self._width, self._n, self._kernel = y, width, n, kernel
        self._known = Compared(y, width)

    def typical(self) -> float:
        """The median squared distance of a label to the first 20 others."""
        return self._known.typical(self._y, np.arange(n_rows(self._y)))

    def alike(self, lambda_: float | None, others: Placed | None = None) -> Alike:
        """K_y of each label, or each of others, and the n it is compared with; λ_y is for the gaussian alone."""
        y = self._y if others is None else others.y
        own = self._known if others is None else Compared(y, self._width)
        found: list[Alike] = []
        for start in range(0, n_rows(y), _BLOCK):
            stop = start + _BLOCK
            K = self._block(slice_rows(y, start, stop), own.squared_lengths[start:stop], lambda_)
            near = largest_places(K, self._n)
            found.append(Alike(near, np.take_along_axis(K, near, axis=1)))
        return Alike(*(np.concatenate(parts) for parts in zip(*found, strict=True)))

    def _block(
        self, y: Rows, squared_lengths: NDArray[np.float32], lambda_: float | None
    ) -> NDArray[np.float32]:
        """K_y of some labels, of these ‖y‖² (m,), and all that are known (m, labels)."""
        if self._kernel == GAUSSIAN:
            return np.exp(-np.float32(lambda_) * self._known.squared(y))
        K = self._known.dots(y)
        if self._kernel == COSINE:
            K = divided(divided(K, np.sqrt(self._known.squared_lengths)), np.sqrt(squared_lengths)[:, None])
        return K
