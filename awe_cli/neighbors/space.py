"""The space neighbours are looked for in: the projections Ux, as they are or at length 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from awe_cli.data.matrix import Rows
from awe_cli.ranking.embedding import projections

COSINE, EUCLIDEAN = "cosine", "euclidean"


@dataclass(frozen=True)
class Space:
    """Distances ‖Ux − Ux'‖ of the embedding U (features, d).

    With the cosine measure projections are first brought to length 1, so that ‖·‖² = 2 − 2 cos.
    """

    U: NDArray[np.float32]
    measure: str  # COSINE or EUCLIDEAN

    def points(self, x: Rows) -> NDArray[np.float32]:
        """The place of every row: (m, d)."""
        Z = projections(x, self.U)
        if self.measure == COSINE:
            norms = np.linalg.norm(Z, axis=1, keepdims=True)
            np.divide(Z, norms, out=Z, where=norms > 0)
        return Z
