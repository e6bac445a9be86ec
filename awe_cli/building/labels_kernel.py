"""Σ_i K_x Σ_{y_i ∈ Y_i} K_y(y, y_i) over labels (AWE eq. 3), for labels that are equal or not, and for labels alike.

Of one-hot labels linear and cosine are equality, and two different ones are √2 apart, so that the gaussian is

    e^(−2λ_y) + (1 − e^(−2λ_y)) [y = y_i],    in the limit λ_y → ∞ equality.

On V, or where features describe labels, K_y is that of `labels_alike`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from awe_cli.building.examples_kernel import GAUSSIAN
from awe_cli.data.matrix import Lists
from awe_cli.kernels.spread import add_labels, spread_labels

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
    """Labels compared by where they lie."""

    def __init__(self, near: NDArray[np.int32], likeness: NDArray[np.float32]) -> None:
        """near, likeness (labels asked for, n): the labels each is compared with, -1 for none, and K_y of the two."""
        self._near, self._likeness = near, likeness

    def sum(self, weights: NDArray[np.float32], labels: Lists, n_labels: int) -> NDArray[np.float32]:
        """Σ_i weights[q, i] Σ_{y_i ∈ Y_i} K_y(y, y_i): (m, labels asked for)."""
        G = np.zeros((len(weights), n_labels), np.float32)
        out = np.empty((len(weights), len(self._near)), np.float32)
        add_labels(weights, labels, G)
        spread_labels(G, self._near, self._likeness, out)
        return out


def one_hot(kernel: str, lambda_: float | None) -> EqualLabels:
    """K_y of one-hot labels; λ_y of None is the limit λ_y → ∞."""
    if kernel != GAUSSIAN or lambda_ is None:
        return EqualLabels()
    return EqualLabels(float(np.exp(-ONE_HOT_SQUARED * lambda_)))
