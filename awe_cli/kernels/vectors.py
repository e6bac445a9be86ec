"""The few vector operations everything else is written in. float32 throughout."""

from __future__ import annotations

import numpy as np

from awe_cli.kernels.dispatch import inlined


@inlined
def dot(a, b):
    """Σ_j a_j b_j of two vectors (d,)."""
    total = np.float32(0)
    for j in range(a.shape[0]):
        total += a[j] * b[j]
    return total


@inlined
def dot_row(a, matrix, row):
    """Σ_j a_j M[row, j]; the row is named, not sliced, so that no reference is counted in a hot loop."""
    total = np.float32(0)
    for j in range(a.shape[0]):
        total += a[j] * matrix[row, j]
    return total


@inlined
def add(target, scale, a):
    """target += scale · a."""
    for j in range(target.shape[0]):
        target[j] += scale * a[j]


@inlined
def add_row(target, scale, matrix, row):
    """target += scale · M[row]."""
    for j in range(target.shape[0]):
        target[j] += scale * matrix[row, j]
