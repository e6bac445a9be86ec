"""Labels that are near each other in the embedding space (WSABIE, Table 3)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def nearest_labels(
    V: NDArray[np.float32], known: NDArray[np.bool_], label: int, k: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The k labels y' of greatest cos(V_y, V_y'), greatest first, equal ones by index; with these cosines.

    V      (labels, d)
    known  (labels,) which of them may be named; `label` itself never is

    A row of zeros has cosine 0 with all. Fewer than k are returned where there are no more.
    """
    rows = V.astype(np.float64)
    norms = np.linalg.norm(rows, axis=1)
    lengths = norms * norms[label]
    cosines = np.divide(rows @ rows[label], lengths, out=np.zeros(len(rows)), where=lengths > 0)
    others = np.flatnonzero(known & (np.arange(len(rows)) != label))
    best = others[np.argsort(-cosines[others], kind="stable")[:k]]
    return best, cosines[best]
