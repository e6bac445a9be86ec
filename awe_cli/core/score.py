"""The scorer: projections and f(x, y) for a block of examples and every label, by the same point formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe_cli.core.arrays import dot_row, frozen
from awe_cli.core.dispatch import for_types_of, kernel
from awe_cli.core.interface import AffinityParams, ExampleContext, score_from_dot
from awe_cli.core.labels import OneHot
from awe_cli.core.pairs import NO_CHAINS, add_shares, weighs_pairs
from awe_cli.core.rows import project, row_of
from awe_cli.matrices.matrix import Lists, Rows

Floats = NDArray[np.float32]


def project_rows(rows: Rows, U: Floats, Z: Floats) -> None:
    """Z[e] = Ux of every row; Z (m, d) is overwritten."""
    _project_rows(frozen(rows), frozen(U), Z)


def rate_block(
    affinity: Any, rows: Rows, U: Floats, V: Floats, y: Rows | None, Vj: Floats, learned: AffinityParams, Z: Floats,
    S: Floats, G: Floats, scratch: Floats, F: Floats,
) -> None:  # fmt: skip
    """F[e, y] = f(x_e, y).

    V (labels, d), y (labels, label features) with the rows Vj, or None and V for one-hot labels,
    Z (m, d) projections, S (m, labels) = Z Vᵀ, G (m, tables · labels) what the affinity lays out, room
    (longest row,) to compute with, F (m, labels) overwritten; F may be S itself.
    """
    for_types_of(_rate_block, affinity)(
        frozen(affinity), frozen(rows), frozen(U), frozen(V), OneHot(len(V)) if y is None else frozen(y),
        frozen(Vj), frozen(learned), NO_CHAINS, frozen(Z), frozen(S), frozen(G), scratch,
        np.empty(0 if y is None else len(Vj), np.float32), F,
    )  # fmt: skip


@kernel
def _project_rows(rows, U, Z):
    for e in range(Z.shape[0]):
        indices, values = row_of(rows, e)
        project(indices, values, U, Z[e])


@kernel
def _rate_block(affinity, rows, U, V, y, Vj, learned, chains, Z, S, G, scratch, by_row, F):
    for e in range(F.shape[0]):
        indices, values = row_of(rows, e)
        context = ExampleContext(e, indices, values, U, V, y, Vj, Z[e], G[e], scratch, learned, chains)
        for label in range(F.shape[1]):
            F[e, label] = score_from_dot(affinity, S[e, label], context, label)
        if weighs_pairs(affinity):
            add_shares(y, affinity, context, by_row, F[e])


# Scores of a few labels of each example, where the others need none.


def score_candidates(Z: Floats, V: Floats, chosen: NDArray[np.int32], lists: Lists, S: Floats) -> None:
    """S[e, j] = Ux_e·V_y of the j-th label y of the list chosen[e]; S (m, longest list) is kept beyond its end."""
    _score_candidates(frozen(Z), frozen(V), frozen(chosen), frozen(lists), S)


@kernel
def _score_candidates(Z, V, chosen, lists, S):
    for e in range(Z.shape[0]):
        start = lists.indptr[chosen[e]]
        for j in range(lists.indptr[chosen[e] + 1] - start):
            S[e, j] = dot_row(Z[e], V, lists.indices[start + j])
