"""Algorithm 1 for labels that features describe: f of V_j and y, differentiated by V_j."""

from __future__ import annotations

import numpy as np

from tests.affinities.labels import matrix
from tests.core.naive import Algorithm1

NOISE = 1e-7  # what central differences leave of a gradient that is zero


class Described(Algorithm1):
    """An example's gradients by a row of V, and of V̂, make one step."""

    @property
    def n_labels(self):
        return len(self.Y)

    @property
    def Y(self):  # noqa: N802
        """(labels, label features)."""
        return matrix(self.examples.y, len(self.V))

    def label(self, y):
        return self.Y[y]

    def step_labels(self, matrix, history, found):
        total = sum((by_row for by_row, _ in found), np.zeros(matrix.shape))
        rows = [j for j, g in enumerate(total) if np.linalg.norm(g) > NOISE]
        self.label_steps += [(matrix, history, j, total[j]) for j in rows]
