"""From distances to weights: w_j = e^(-λ d_j²) / Σ e^(-λ d²), λ in units of a typical squared distance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from awe_cli.neighbors.search import Nearest

_FIRST = 20  # neighbours that make up the typical distance


def typical_squared(nearest: Nearest) -> float:
    """The median squared distance to the first 20 neighbours; 1 where all of them coincide."""
    first = nearest.squared[:, :_FIRST]
    known = first[np.isfinite(first)]
    median = float(np.median(known)) if len(known) else 1.0
    return median if median > 0 else 1.0


def weigh(nearest: Nearest, lambda_: float) -> NDArray[np.float32]:
    """w (m, k) of eq. 9, made to add up to 1 for each query that has neighbours; 0 beyond them."""
    squared = nearest.squared
    if squared.shape[1] == 0:
        return np.zeros_like(squared)
    closest = squared[:, :1]
    with np.errstate(invalid="ignore"):
        weights = np.where(np.isfinite(squared), np.exp(-lambda_ * (squared - closest)), 0).astype(np.float32)
    total = weights.sum(axis=1, keepdims=True)
    return np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
