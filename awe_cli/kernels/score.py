"""The scorer: projections and f(x, y) for a block of examples and every label, by the same point formulas."""

from __future__ import annotations

from awe_cli.kernels.dispatch import kernel
from awe_cli.kernels.interface import Case, rate
from awe_cli.kernels.rows import project, row_of


@kernel
def project_rows(rows, U, Z):
    """Z[e] = Ux of every row; Z (m, d) is overwritten."""
    for e in range(Z.shape[0]):
        indices, values = row_of(rows, e)
        project(indices, values, U, Z[e])


@kernel
def rate_block(affinity, rows, U, V, Z, S, G, room, F):
    """F[e, y] = f(x_e, y).

    Z (m, d) projections, S (m, labels) = Z Vᵀ, G (m, labels) or (m, 0) what the affinity lays out, room
    (longest row,) to compute with, F (m, labels) overwritten; F may be S itself.
    """
    for e in range(F.shape[0]):
        indices, values = row_of(rows, e)
        case = Case(e, indices, values, U, V, Z[e], G[e], room)
        for label in range(F.shape[1]):
            F[e, label] = rate(affinity, S[e, label], case, label)
