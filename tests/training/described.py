"""Algorithm 1 for labels that features describe: f(x, y) of W_y = Vy, differentiated by V."""

from __future__ import annotations

import numpy as np

from awe_cli.data.matrix import Bags, Dense
from tests.affinity.members import DIM, FEATURES, LABELS
from tests.kernels.naive import Algorithm1

NOISE = 1e-7  # what central differences leave of a gradient that is zero


def dense_labels(n: int = LABELS, features: int = FEATURES) -> Dense:
    """Label features with zeros among them; the last two labels have the same ones."""
    rng = np.random.default_rng(5)
    values = rng.uniform(-0.2, 0.7, (n, features)) * (rng.random((n, features)) < 0.4)
    values[-1] = values[-2]
    return Dense(np.arange(features, dtype=np.int32), values.astype(np.float32))


def sparse(y: Dense) -> Bags:
    """The same as bags."""
    rows, columns = np.nonzero(y.values)
    indptr = np.searchsorted(rows, np.arange(len(y.values) + 1)).astype(np.int64)
    return Bags(indptr, columns.astype(np.int32), y.values[rows, columns])


class Described(Algorithm1):
    """An example's gradients by a row of V make one step."""

    @property
    def n_labels(self):
        return len(self.Y)

    @property
    def Y(self):  # noqa: N802
        """(labels, label features)."""
        y = self.examples.y
        if isinstance(y, Dense):
            return y.values.astype(float)
        out = np.zeros((len(y.indptr) - 1, len(self.V)))
        for label in range(len(out)):
            span = slice(*y.indptr[label : label + 2])
            out[label, y.indices[span]] = y.values[span]
        return out

    def label_rows(self, V):
        return self.Y @ V

    def step_labels(self, found):
        total = sum((by_V for by_V, _ in found), np.zeros((len(self.V), DIM)))
        rows = [j for j, g in enumerate(total) if np.linalg.norm(g) > NOISE]
        self.label_steps += [(self.V, self.v_history, j, total[j]) for j in rows]
