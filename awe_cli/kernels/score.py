"""The scorer: projections and f(x, y) for a block of examples and every label, by the same point formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe_cli.data.matrix import Rows
from awe_cli.kernels.dispatch import for_types_of, kernel
from awe_cli.kernels.frozen import frozen
from awe_cli.kernels.interface import Case, rate
from awe_cli.kernels.labels import OneHot
from awe_cli.kernels.learned import Learned
from awe_cli.kernels.pairs import NO_CHAINS, add_shares, weighs_pairs
from awe_cli.kernels.rows import project, row_of

Floats = NDArray[np.float32]


def project_rows(rows: Rows, U: Floats, Z: Floats) -> None:
    """Z[e] = Ux of every row; Z (m, d) is overwritten."""
    _project_rows(frozen(rows), frozen(U), Z)


def rate_block(
    affinity: Any, rows: Rows, U: Floats, V: Floats, y: Rows | None, Vj: Floats, learned: Learned, Z: Floats,
    S: Floats, G: Floats, room: Floats, F: Floats,
) -> None:  # fmt: skip
    """F[e, y] = f(x_e, y).

    V (labels, d), y (labels, label features) with the rows Vj, or None and V for one-hot labels,
    Z (m, d) projections, S (m, labels) = Z Vᵀ, G (m, tables · labels) what the affinity lays out, room
    (longest row,) to compute with, F (m, labels) overwritten; F may be S itself.
    """
    for_types_of(_rate_block, affinity)(
        frozen(affinity), frozen(rows), frozen(U), frozen(V), OneHot(len(V)) if y is None else frozen(y),
        frozen(Vj), frozen(learned), NO_CHAINS, frozen(Z), frozen(S), frozen(G), room,
        np.empty(0 if y is None else len(Vj), np.float32), F,
    )  # fmt: skip


@kernel
def _project_rows(rows, U, Z):
    for e in range(Z.shape[0]):
        indices, values = row_of(rows, e)
        project(indices, values, U, Z[e])


@kernel
def _rate_block(affinity, rows, U, V, y, Vj, learned, chains, Z, S, G, room, by_row, F):
    for e in range(F.shape[0]):
        indices, values = row_of(rows, e)
        case = Case(e, indices, values, U, V, y, Vj, Z[e], G[e], room, learned, chains)
        for label in range(F.shape[1]):
            F[e, label] = rate(affinity, S[e, label], case, label)
        if weighs_pairs(affinity):
            add_shares(y, affinity, case, by_row, F[e])
