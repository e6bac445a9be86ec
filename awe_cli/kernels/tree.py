"""Walking down a tree of cluster centres: at each node to the child whose centre is nearest."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe_cli.kernels.dispatch import kernel
from awe_cli.kernels.frozen import frozen


class Tree(NamedTuple):
    """Node 0 is the root; a node's children stand side by side, and a node without children is a leaf."""

    centers: NDArray[np.float32]  # (nodes, d)
    first: NDArray[np.int32]  # (nodes,) the first child
    children: NDArray[np.int32]  # (nodes,) how many
    leaf: NDArray[np.int32]  # (nodes,) the number of a leaf, -1 for others


def find_leaves(points: NDArray[np.float32], tree: Tree) -> NDArray[np.int32]:
    """The leaf of every point: (m,). Of centres equally near, the first."""
    out = np.empty(len(points), np.int32)
    _find_leaves(frozen(points), frozen(tree), out)
    return out


@kernel
def _find_leaves(points, tree, out):
    for q in range(points.shape[0]):
        node = 0
        while tree.children[node] > 0:
            best, nearest = np.float32(np.inf), tree.first[node]
            for child in range(tree.first[node], tree.first[node] + tree.children[node]):
                distance = np.float32(0)
                for j in range(points.shape[1]):
                    gap = points[q, j] - tree.centers[child, j]
                    distance += gap * gap
                if distance < best:
                    best, nearest = distance, child
            node = nearest
        out[q] = tree.leaf[node]
