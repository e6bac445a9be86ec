"""Every query against every known example: distances and dot products, each summed in one fixed order.

A number depends on its two rows alone, so that a block of queries gives the same bytes wherever it is cut. A
matrix product would not promise that.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from awe_cli.data.matrix import Rows
from awe_cli.kernels.dispatch import kernel
from awe_cli.kernels.frozen import frozen
from awe_cli.kernels.rows import row_of

Floats = NDArray[np.float32]


def squared_distances(queries: Floats, base: Floats, out: Floats) -> None:
    """out[q, b] = ‖queries[q] − base[b]‖²; (m, d), (n, d) → (m, n)."""
    _squared_distances(frozen(queries), frozen(base), out)


def dot_products(queries: Floats, base: Floats, out: Floats) -> None:
    """out[q, b] = queries[q]·base[b]; (m, d), (n, d) → (m, n)."""
    _dot_products(frozen(queries), frozen(base), out)


def dot_bags(queries: Rows, base: Rows, room: Floats, out: Floats) -> None:
    """out[q, b] = x_q·x_b of rows over features; room (features,) holds zeros, and does so afterwards."""
    _dot_bags(frozen(queries), frozen(base), room, out)


@kernel
def _squared_distances(queries, base, out):
    for q in range(out.shape[0]):
        for b in range(out.shape[1]):
            total = np.float32(0)
            for j in range(queries.shape[1]):
                gap = queries[q, j] - base[b, j]
                total += gap * gap
            out[q, b] = total


@kernel
def _dot_products(queries, base, out):
    for q in range(out.shape[0]):
        for b in range(out.shape[1]):
            total = np.float32(0)
            for j in range(queries.shape[1]):
                total += queries[q, j] * base[b, j]
            out[q, b] = total


@kernel
def _dot_bags(queries, base, room, out):
    for q in range(out.shape[0]):
        indices, values = row_of(queries, q)
        for t in range(indices.shape[0]):
            room[indices[t]] = values[t]
        for b in range(out.shape[1]):
            known, weights = row_of(base, b)
            total = np.float32(0)
            for t in range(known.shape[0]):
                total += weights[t] * room[known[t]]
            out[q, b] = total
        for t in range(indices.shape[0]):
            room[indices[t]] = 0
