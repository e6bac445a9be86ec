"""WARP: the weighted approximate-rank pairwise loss (WSABIE §3, Algorithm 1; AWE §3.2, Algorithm 1).

    L(rank_y(x)) · max(0, γ + f(x, ȳ) − f(x, y)),    rank_y(x) ≈ ⌊|Y∖Y_x| / N⌋

N counts draws from Y∖Y_x up to the first violator ȳ; no violator within the trials allowed, no update.
L(k) = Σ_{i≤k} 1/i weighs the top of the list (Usunier et al. 2009).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Warp(NamedTuple):
    """The loss's settings, as the kernels read them."""

    margin: float  # γ, in units of f
    max_trials: int  # draws before a positive counts as well ranked
    weights: NDArray[np.float32]  # (labels + 1,) L(0) … L(labels)


def harmonic(n_labels: int) -> NDArray[np.float32]:
    """L(k) for k = 0 … n_labels: the harmonic numbers, L(0) = 0."""
    sums = np.cumsum(1.0 / np.arange(1, n_labels + 1))
    return np.concatenate([[0.0], sums]).astype(np.float32)
