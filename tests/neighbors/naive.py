"""Neighbours by looking at everybody, and eq. 9 as printed (with weights that add up to 1)."""

from __future__ import annotations

import numpy as np


def nearest(base, query, k, skip):
    """[(squared distance, row)] of the k nearest rows, equal distances by row; none for a query of zeros."""
    if not query.any():
        return []
    distances = np.sum((base.astype(float) - query.astype(float)) ** 2, axis=1)
    ordered = sorted((distance, row) for row, distance in enumerate(distances) if row != skip)
    return ordered[:k]


def table(base, labels_of, query, k, lambda_, n_labels):
    """G(x, y) = Σ_{j≤k} exp(-λ ‖Ux − Ux_{t_j}‖²) [y ∈ Y_{t_j}], over the sum of all k terms."""
    found = nearest(base, query, k, skip=None)
    weights = [np.exp(-lambda_ * distance) for distance, _ in found]
    return [
        sum(w for w, (_, row) in zip(weights, found, strict=True) if y in labels_of[row])
        / (sum(weights) or 1)
        for y in range(n_labels)
    ]
