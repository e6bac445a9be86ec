"""Sibling precision at k."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from awe_cli.data.matrix import Bags
from awe_cli.metrics.metric import Metric
from awe_cli.metrics.ranks import Ranks


def sibling_precision(ranks: Ranks, k: int) -> NDArray[np.float64]:
    r"""How similar the first k labels are to the positives: the share that are positives or siblings of one.

    .. math:: psib@k(x) = \frac{1}{k} \sum_{y : rank_x(y) \le k} \max_{y' \in Y_x} S_{yy'}

    where Y_x are the positives of the example x. S is 1 for a label and itself; for others what was given, or,
    where parents were given, 1 for labels that share one, isa(y, p) and isa(y', p), else 0.

    ranks    of n examples with their top lists and positives, and S or the parents of the labels
    k        1 or more
    returns  (n,) float64 in [0, 1], nowhere below precision@k

    Edge rule: as for precision the sum is divided by k, however few candidates there are. A label without
    parents is a sibling of itself only.
    Source: WSABIE, section 4, where an example has one label; for several, the best of them counts.
    """
    if ranks.known.similarity is not None:
        return _by_similarity(ranks, ranks.known.similarity, k)
    top, positives = ranks.top[:, :k], ranks.positives
    parents = ranks.known.parents
    assert parents is not None
    n, n_labels, n_parents = len(top), len(parents.indptr) - 1, int(parents.indices.max(initial=-1)) + 1
    owners = np.repeat(np.arange(n), ranks.n_positives)
    row, column = np.nonzero(top >= 0)
    shown = top[row, column].astype(np.int64)
    credited = np.isin(row * n_labels + shown, owners * n_labels + positives)
    # Pairs (example, parent) of the positives, and (place in the top list, parent) of what is shown.
    of_positive, families = _parents(parents.indptr, parents.indices, positives)
    of_place, families_shown = _parents(parents.indptr, parents.indices, shown)
    shared = np.isin(row[of_place] * n_parents + families_shown, owners[of_positive] * n_parents + families)
    credited[of_place[shared]] = True
    return np.bincount(row, weights=credited, minlength=n) / k


def _by_similarity(ranks: Ranks, S: Bags, k: int) -> NDArray[np.float64]:
    """The same by rows of S, one example after the other: no matrix of examples by labels is laid out."""
    best = np.zeros(len(S.indptr) - 1)  # of the example, max S by label
    total = np.zeros(len(ranks.top))
    for e, top in enumerate(ranks.top[:, :k]):
        positives = ranks.positives[ranks.indptr[e] : ranks.indptr[e + 1]]
        for y in positives:
            row = slice(S.indptr[y], S.indptr[y + 1])
            best[S.indices[row]] = np.maximum(best[S.indices[row]], S.values[row])
        best[positives] = 1
        total[e] = best[top[top >= 0]].sum()
        for y in positives:
            best[S.indices[S.indptr[y] : S.indptr[y + 1]]] = 0
        best[positives] = 0
    return total / k


def _parents(
    indptr: NDArray[np.int64], indices: NDArray[np.int32], labels: NDArray[np.integer]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each parent of each of `labels`: the position of the label in that array, and the parent."""
    sizes = indptr[labels + 1] - indptr[labels]
    position = np.repeat(np.arange(len(labels)), sizes)
    within = np.arange(len(position)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return position, indices[indptr[labels][position] + within].astype(np.int64)


PSIB = Metric("psib", sibling_precision, cut=True, looks_at_top=True, needs_kinship=True, divides_by_k=True)
