"""The scorer: projections and f(x, y) of a block of examples for every label, by the formulas of training."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe_cli.core.arrays import Floats, dot_row, frozen
from awe_cli.core.dispatch import for_types_of, kernel
from awe_cli.core.interface import AffinityParams, ExampleContext, score_from_dot
from awe_cli.core.labels import OneHot
from awe_cli.core.pairs import NO_CHAINS, Chains, add_shares, weighs_pairs
from awe_cli.core.rows import project, row_of
from awe_cli.matrices.matrix import Lists, Rows, longest_row


def project_rows(rows: Rows, U: Floats, Z: Floats) -> None:
    """Z[e] = Ux of every row; Z (m, d) is overwritten."""
    _project_rows(frozen(rows), frozen(U), Z)


class Embedding(NamedTuple):
    """The learned parameters of a model, as the scorer reads them."""

    U: Floats  # (features, d)
    W: Floats  # (labels, d) the labels' rows: V itself, or YV where features describe labels
    y: Any  # OneHot, or the features of labels (labels, label features)
    V: Floats  # (label features, d); W itself where labels are one-hot
    learned: AffinityParams  # the parameters of the affinity


class ScoreScratch(NamedTuple):
    """Temporary arrays of the scorer, the same for every example."""

    features: Floats  # (longest row,) one number a feature
    by_row: Floats  # (label features,) one number a row of V; (0,) where labels are one-hot
    chains: Chains  # of no size: the scorer reads stored pairs one by one


def rate_block(
    affinity: Any, embedding: Embedding, rows: Rows, Z: Floats, S: Floats, G: Floats, F: Floats
) -> None:
    """F[e, y] = f(x_e, y) of m examples.

    Z (m, d) projections, S (m, labels) = Z Wᵀ, G (m, tables · labels) the tables of the affinity, F (m, labels)
    overwritten; F may be S itself.
    """
    n_rows_of_V = 0 if isinstance(embedding.y, OneHot) else len(embedding.V)
    scratch = ScoreScratch(
        np.empty(longest_row(rows), np.float32), np.empty(n_rows_of_V, np.float32), NO_CHAINS
    )
    for_types_of(_rate_block, affinity)(
        frozen(affinity), frozen(embedding), frozen(rows), frozen(Z), frozen(S), frozen(G), scratch, F
    )


@kernel
def _project_rows(rows, U, Z):
    for e in range(Z.shape[0]):
        indices, values = row_of(rows, e)
        project(indices, values, U, Z[e])


@kernel
def _rate_block(affinity, embedding, rows, Z, S, G, scratch, F):
    U, W, y, V, learned = embedding
    for e in range(F.shape[0]):
        indices, values = row_of(rows, e)
        context = ExampleContext(
            e, indices, values, U, W, y, V, Z[e], G[e], scratch.features, learned, scratch.chains
        )
        for label in range(F.shape[1]):
            F[e, label] = score_from_dot(affinity, S[e, label], context, label)
        if weighs_pairs(affinity):
            add_shares(y, affinity, context, scratch.by_row, F[e])


# Scores of the candidates of each example alone.


def score_candidates(Z: Floats, V: Floats, chosen: NDArray[np.int32], lists: Lists, S: Floats) -> None:
    """S[e, j] = Ux_e·V_y of the j-th label y of the list chosen[e]; the rest of S (m, longest list) stays."""
    _score_candidates(frozen(Z), frozen(V), frozen(chosen), frozen(lists), S)


@kernel
def _score_candidates(Z, V, chosen, lists, S):
    for e in range(Z.shape[0]):
        start = lists.indptr[chosen[e]]
        for j in range(lists.indptr[chosen[e] + 1] - start):
            S[e, j] = dot_row(Z[e], V, lists.indices[start + j])
