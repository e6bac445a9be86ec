"""Passive-aggressive updates of one classifier, as compiled code."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray


class Inputs(NamedTuple):
    """X (n, features) in CSR form, as compiled code reads it, with ‖x‖² of every row."""

    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]
    values: NDArray[np.float32]
    squared: NDArray[np.float32]  # (n,)


@njit(cache=True, nogil=True, fastmath=False)
def learn(
    x: Inputs,
    has: NDArray[np.bool_],
    orders: NDArray[np.int64],
    C: float,
    left_out: int,
    w: NDArray[np.float32],
) -> None:
    """Take w (features,) through all passes.

    has       (n,) whether an example has the label
    orders    (passes, n) of the examples
    left_out  the feature that is left out of every x; -1: none
    """
    indptr, indices, values, squared = x
    for epoch in range(orders.shape[0]):
        for e in orders[epoch]:
            score, length = 0.0, squared[e]
            for entry in range(indptr[e], indptr[e + 1]):
                if indices[entry] == left_out:
                    length -= values[entry] * values[entry]
                else:
                    score += w[indices[entry]] * values[entry]
            sign = 1.0 if has[e] else -1.0
            loss = 1.0 - sign * score
            if loss <= 0 or length <= 1e-12:
                continue
            step = np.float32(sign * min(C, loss / length))
            for entry in range(indptr[e], indptr[e + 1]):
                if indices[entry] != left_out:
                    w[indices[entry]] += step * values[entry]
