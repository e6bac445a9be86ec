"""(Hierarchical) k-means by faiss: a tree of centres, the same for the same points and seed."""

from __future__ import annotations

import faiss
import numpy as np
from numpy.typing import NDArray

from awe_cli.kernels.tree import Tree, find_leaves

_ROUNDS = 20
_SEED = 1234


def grow_tree(points: NDArray[np.float32], leaves: int, levels: int) -> Tree:
    """A tree with about that many leaves: each node is split by k-means into leaves^(1/levels) children.

    points (n, d). Children that no point is nearest to are left out, so that there may be fewer leaves.
    """
    nodes: list[NDArray[np.float32]] = [np.zeros(points.shape[1], np.float32)]
    first, children = [0], [0]
    pending = [(0, np.arange(len(points)), leaves, levels)]
    while pending:
        node, rows, wanted, deep = pending.pop(0)
        centers = split(points[rows], round(wanted ** (1 / deep))) if deep and wanted > 1 else points[:0]
        if len(centers) < 2:
            continue
        nearest = find_leaves(points[rows], _flat(centers))
        first[node], children[node] = len(nodes), len(centers)
        for number in range(len(centers)):
            mine = rows[nearest == number]
            pending.append((len(nodes), mine, max(1, round(wanted * len(mine) / len(rows))), deep - 1))
            nodes.append(centers[number])
            first.append(0)
            children.append(0)
    is_leaf = np.array(children) == 0
    leaf = np.where(is_leaf, np.cumsum(is_leaf) - 1, -1).astype(np.int32)
    return Tree(np.stack(nodes), np.array(first, np.int32), np.array(children, np.int32), leaf)


def split(points: NDArray[np.float32], n: int) -> NDArray[np.float32]:
    """At most n centres by k-means, each the nearest one of some point."""
    n = min(n, len(points))
    if n < 2:
        return points[:0]
    faiss.omp_set_num_threads(1)
    means = faiss.Kmeans(points.shape[1], n, niter=_ROUNDS, seed=_SEED, min_points_per_centroid=1)
    means.train(np.ascontiguousarray(points))
    centers = np.asarray(means.centroids)
    return centers[np.unique(find_leaves(points, _flat(centers)))]


def _flat(centers: NDArray[np.float32]) -> Tree:
    """The tree of one level."""
    n = len(centers)
    children = np.zeros(n + 1, np.int32)
    children[0] = n
    return Tree(
        np.concatenate([np.zeros_like(centers[:1]), centers]),
        np.ones(n + 1, np.int32), children, np.arange(-1, n, dtype=np.int32),
    )  # fmt: skip
