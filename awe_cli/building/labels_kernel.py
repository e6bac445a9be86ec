"""K_y of AWE eq. 3: how alike two labels are, on their one-hot vectors or on their rows of V.

    equality  [y = y_i]        gaussian  exp(−λ_y ‖y − y_i‖²)        linear  y·y_i        cosine  y·y_i / (‖y‖ ‖y_i‖)

Of one-hot labels linear and cosine are equality, and two different ones are √2 apart, so that the gaussian is

    e^(−2λ_y) + (1 − e^(−2λ_y)) [y = y_i],    in the limit λ_y → ∞ equality.

On V, a label is compared with the labels nearest to it only, itself among them; to all others it is not alike.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from awe_cli.building.examples_kernel import COSINE, EQUALITY, GAUSSIAN, LINEAR
from awe_cli.data.matrix import Lists
from awe_cli.kernels.spread import add_labels, spread_labels
from awe_cli.neighbors.search import Nearest, Search
from awe_cli.neighbors.weights import typical_squared

ONE_HOT_SQUARED = 2.0  # ‖y − y'‖² of two different one-hot labels


class EqualLabels:
    """[y = y_i], and its blend with 1 that the gaussian of one-hot labels is."""

    def __init__(self, share: float = 0.0) -> None:
        """share: e^(−2λ_y), how alike two different labels are."""
        self._share = np.float32(share)

    def sum(self, weights: NDArray[np.float32], labels: Lists, n_labels: int) -> NDArray[np.float32]:
        """Σ_i weights[q, i] Σ_{y_i ∈ Y_i} K_y(y, y_i): (m, labels)."""
        G = np.zeros((len(weights), n_labels), np.float32)
        add_labels(weights, labels, G)
        if self._share:
            pairs = np.diff(labels.indptr).astype(np.float32)
            G *= 1 - self._share
            G += self._share * (weights * pairs).sum(axis=1, keepdims=True)
        return G


class LikeLabels:
    """Labels compared by their rows of V."""

    def __init__(self, near: NDArray[np.int32], likeness: NDArray[np.float32]) -> None:
        """near, likeness (labels, n): the labels each label is compared with, -1 for none, and K_y of the two."""
        self._near, self._likeness = near, likeness

    def sum(self, weights: NDArray[np.float32], labels: Lists, n_labels: int) -> NDArray[np.float32]:
        """Σ_i weights[q, i] Σ_{y_i ∈ Y_i} K_y(y, y_i): (m, labels)."""
        G, out = np.zeros((2, len(weights), n_labels), np.float32)
        add_labels(weights, labels, G)
        spread_labels(G, self._near, self._likeness, out)
        return out


def nearest_labels(V: NDArray[np.float32], n: int, kernel: str) -> Nearest:
    """The n labels nearest to each label, itself among them; for the cosine by direction."""
    points = V
    if kernel == COSINE:
        lengths = np.linalg.norm(V, axis=1, keepdims=True)
        points = np.divide(V, lengths, out=np.zeros_like(V), where=lengths > 0)
    return Search(points).nearest(points, min(n, len(V)))


def typical_label_distance(near: Nearest) -> float:
    """The median of ‖V_y − V_y'‖² over the first 20 other labels."""
    return typical_squared(Nearest(near.rows[:, 1:], near.squared[:, 1:]))


def likeness(
    kernel: str, lambda_: float | None, V: NDArray[np.float32], near: Nearest
) -> NDArray[np.float32]:
    """K_y of each label and the labels near it (labels, n); 0 where there is none."""
    if kernel == GAUSSIAN:
        with np.errstate(over="ignore"):
            found = np.exp(-np.float32(lambda_) * near.squared)
    elif kernel == COSINE:
        found = 1 - near.squared / 2  # of rows at length 1
    else:
        assert kernel == LINEAR
        found = np.einsum("yd,ynd->yn", V, V[np.maximum(near.rows, 0)])
    return np.where(near.rows >= 0, found, 0).astype(np.float32)


def one_hot(kernel: str, lambda_: float | None) -> EqualLabels:
    """K_y of one-hot labels; λ_y of None is the limit λ_y → ∞."""
    if kernel in (EQUALITY, LINEAR, COSINE) or lambda_ is None:
        return EqualLabels()
    return EqualLabels(float(np.exp(-ONE_HOT_SQUARED * lambda_)))
