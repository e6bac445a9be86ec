"""K_x of AWE eq. 3: how alike an input and each known example are, on x as given or on Ux.

    gaussian  exp(−λ_x ‖x − x_i‖²)        linear  x·x_i        cosine  x·x_i / (‖x‖ ‖x_i‖)

The weights of a query are divided by the sum of their absolute values, which changes no order and lets a margin mean
the same for any λ. In recommendation an example at distance 0 is the person who asks, or has chosen just the
same, and weighs nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from awe_cli.building.compared import Compared, divided
from awe_cli.data.matrix import Rows

GAUSSIAN, LINEAR, COSINE, EQUALITY = "gaussian", "linear", "cosine", "equality"
RAW, EMBEDDED = "raw", "embedded"
_FAINT = 1e-9  # of the largest weight: below it, a weight is lost in the rounding of the sum


class ExamplesKernel:
    """The known examples (n of them), and how alike any input is to each."""

    def __init__(self, known: Compared, kernel: str) -> None:
        self._known, self._kernel = known, kernel

    def weights(self, x: Rows, lambda_: float | None, skip: NDArray[np.int64]) -> NDArray[np.float32]:
        """(m, n) weights; known example skip[q] (-1: none) weighs nothing."""
        if self._kernel == GAUSSIAN:
            W = self._known.squared(x, skip)
            with np.errstate(invalid="ignore"):  # a query without any example: inf − inf
                W = np.exp(-np.float32(lambda_) * (W - W.min(axis=1, keepdims=True)), dtype=np.float32)
            W[~(W >= _FAINT)] = 0
        else:
            W = self._known.dots(x)
            left_out = np.flatnonzero(skip >= 0)
            W[left_out, skip[left_out]] = 0
            if self._kernel == COSINE:
                W = divided(W, np.sqrt(self._known.squared_lengths))
        return divided(W, np.abs(W).sum(axis=1, keepdims=True))
