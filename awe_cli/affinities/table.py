"""k-NN affinity (AWE eq. 9): G(x, y) = Σ_{j≤k} w_j [y ∈ Y_{t_j}], w_j = e^(-λ ‖Ux − Ux_{t_j}‖²).

t_1 … t_k are the training examples nearest to x in the embedding space of the U that built the table. The w_j of an
example are normalised to sum to 1, which keeps margins comparable. With several labels the paper's [y = y_i] reads
[y ∈ Y_i]. G may be raised to a power and given a floor. The score it multiplies is cut off
at 0, so that there is no product of two negatives.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe_cli.core.arrays import frozen
from awe_cli.core.dispatch import implements, inlined, kernel
from awe_cli.core.families import of_whole_score
from awe_cli.core.interface import clear, load, n_tables, queries_per_example, slope, value
from awe_cli.matrices.matrix import Lists

_STREAM = 16  # adjacent labels that are cleared in the time of one random access


class Knn(NamedTuple):
    """f = (G^power + floor) · max(0, Ux·V_y). Row `example · parts + part` of the table belongs to a query."""

    neighbors: NDArray[np.int32]  # (queries, k) training examples, -1 where there are fewer
    weights: NDArray[np.float32]  # (queries, k) w_j, 0 where there are fewer
    indptr: NDArray[np.int64]  # labels of the training examples
    labels: NDArray[np.int32]
    queries_per_example: int  # the positives of a part are not in its query
    power: float
    floor: float
    start: int = 0  # position in g where its table begins


of_whole_score(Knn, rising=True)


@inlined
def load_queries(neighbors, weights, query, indptr, labels, g):
    """g[y] += w_j for every label y of every neighbour of one query."""
    for j in range(neighbors.shape[1]):
        neighbor = neighbors[query, j]
        if neighbor >= 0:
            w = weights[query, j]
            for p in range(indptr[neighbor], indptr[neighbor + 1]):
                g[labels[p]] += w


def load_block(
    neighbors: NDArray[np.int32], weights: NDArray[np.float32], positives: Lists, G: NDArray[np.float32]
) -> None:
    """G[q, y] += w_j for every query of a block; G (m, labels)."""
    _load_block(frozen(neighbors), frozen(weights), frozen(positives), G)


@kernel
def _load_block(neighbors, weights, positives, G):
    for query in range(G.shape[0]):
        load_queries(neighbors, weights, query, positives.indptr, positives.indices, G[query])


@implements(n_tables, Knn)
def _n_tables(affinity):
    return 1


@implements(queries_per_example, Knn)
def _queries_per_example(affinity):
    return affinity.queries_per_example


@implements(load, Knn)
def _load(affinity, example, part, g):
    query = example * affinity.queries_per_example + part
    load_queries(affinity.neighbors, affinity.weights, query, affinity.indptr, affinity.labels, g)


@implements(clear, Knn)
def _clear(affinity, example, part, g):
    query, laid_out = example * affinity.queries_per_example + part, np.int64(0)
    for j in range(affinity.neighbors.shape[1]):
        neighbor = affinity.neighbors[query, j]
        if neighbor >= 0:
            laid_out += affinity.indptr[neighbor + 1] - affinity.indptr[neighbor]
    if laid_out * _STREAM > g.shape[0]:
        g[:] = 0
        return
    for j in range(affinity.neighbors.shape[1]):
        neighbor = affinity.neighbors[query, j]
        if neighbor >= 0:
            for p in range(affinity.indptr[neighbor], affinity.indptr[neighbor + 1]):
                g[affinity.labels[p]] = 0


@inlined
def _weight(affinity, g):
    return (g if affinity.power == 1.0 else g**affinity.power) + affinity.floor


@implements(value, Knn)
def _value(affinity, s, context, label):
    return _weight(affinity, context.g[affinity.start + label]) * max(s, np.float32(0))


@implements(slope, Knn)
def _slope(affinity, s, context, label):
    return _weight(affinity, context.g[affinity.start + label]) if s > 0 else np.float32(0)
