"""Rows of one length, so that distances order them as inner products do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def to_one_length(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows v (n, d) with one number more, √(M² − ‖v‖²), so that all have the length M of the longest: (n, d + 1).

    With a 0 added to q, q·v is unchanged, and ‖q − v‖² = ‖q‖² + M² − 2 q·v (Bachrach et al. 2014, "Speeding up the
    Xbox recommender system using a Euclidean transformation for inner-product spaces").
    """
    squared = np.square(rows, dtype=np.float64).sum(axis=1)
    more = np.sqrt(squared.max(initial=0.0) - squared)
    return np.concatenate([rows, more[:, None].astype(np.float32)], axis=1)


def with_zeros(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows (n, d) with a 0 more each: (n, d + 1)."""
    return np.concatenate([rows, np.zeros((len(rows), 1), np.float32)], axis=1)
