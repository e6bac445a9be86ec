"""Labels that features describe, as many as there are labels: as dense rows and as bags."""

from __future__ import annotations

from typing import Any

import numpy as np

from awe_cli.core.labels import OneHot
from awe_cli.matrices.matrix import Bags, Dense
from tests.affinities.members import FEATURES, LABELS


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


def matrix(y: Any, n_label_features: int = LABELS) -> np.ndarray:
    """Y (labels, label features) in float64, of labels of any kind."""
    if isinstance(y, OneHot):
        return np.eye(y.n)
    if isinstance(y, Dense):
        return y.values.astype(float)
    out = np.zeros((len(y.indptr) - 1, n_label_features))
    for label in range(len(out)):
        span = slice(*y.indptr[label : label + 2])
        out[label, y.indices[span]] = y.values[span]
    return out
