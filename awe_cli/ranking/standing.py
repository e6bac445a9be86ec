"""How the scores of an example's candidate labels lie: their mean and deviation, by which they become comparable."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe_cli.matrices.matrix import Bags, Lists

ALL_SCORED = np.zeros(0, np.int32)


class Standing(NamedTuple):
    """Mean and deviation of each row of scores over its candidates (m, 1); a deviation of 0: all have one score."""

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]

    def standardised(self, S: NDArray[np.float32]) -> NDArray[np.float64]:
        """(S - mean) / deviation, of rows (m, k) of scores; 0 where the deviation is. NaN stays."""
        centred = S - self.mean
        return np.divide(centred, self.deviation, out=np.zeros_like(centred), where=self.deviation != 0)


def candidates(
    shape: tuple[int, int], seen: Bags | Lists | None, unscored: NDArray[np.int32] = ALL_SCORED
) -> NDArray[np.bool_]:
    """(m, labels) which labels are neither in `seen` nor unscored; entries of `seen` beyond the labels are none."""
    candidate = np.ones(shape, np.bool_)
    candidate[:, unscored] = False
    if seen is not None:
        items = seen.indices < shape[1]  # features of the person come after the items
        rows = np.repeat(np.arange(shape[0]), np.diff(seen.indptr))
        candidate[rows[items], seen.indices[items]] = False
    return candidate


def standing(S: NDArray[np.float32], candidate: NDArray[np.bool_]) -> Standing:
    """Mean and deviation of the rows of S (m, labels) over the candidates."""
    n = np.maximum(candidate.sum(axis=1, keepdims=True), 1)
    mean = np.where(candidate, S, 0).sum(axis=1, keepdims=True, dtype=np.float64) / n
    deviation = np.sqrt(np.where(candidate, np.square(S - mean), 0).sum(axis=1, keepdims=True) / n)
    # A deviation that is only rounding error counts as 0. NaN compares false, and stays.
    trace = 1e-6 * np.abs(S).max(axis=1, keepdims=True, initial=0)
    return Standing(mean, np.where(deviation <= trace, 0.0, deviation))
