"""L(k) = Σ_{j≤k} α_j: what a rank of k costs (WSABIE eq. 5; Usunier et al. 2009)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

HARMONIC, MEAN, TOP = "harmonic", "mean", "top"
NEGATIVES = "negatives"  # or "labels": what a rank is estimated from: |Y∖Y_x|, or |Y| − 1


def rank_weights(name: str, n_labels: int) -> NDArray[np.float32]:
    """L(0) … L(n_labels), with L(0) = 0.

    harmonic  α_j = 1/j: the top of the list counts most (precision at k, average precision)
    mean      α_j = 1/(labels − 1): the mean rank
    top       α_1 = 1, the others 0: whether the first label is right
    """
    j = np.arange(1, n_labels + 1)
    alpha = {HARMONIC: 1 / j, MEAN: np.full(n_labels, 1 / max(n_labels - 1, 1)), TOP: (j == 1) * 1.0}[name]
    return np.concatenate([[0.0], np.cumsum(alpha)]).astype(np.float32)
