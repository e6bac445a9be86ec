"""Exact distances, dot products and sums over known examples and cluster centres, each in one fixed order."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe_cli.core.arrays import Floats, frozen
from awe_cli.core.dispatch import kernel
from awe_cli.core.rows import row_of
from awe_cli.matrices.matrix import Lists, Rows

# Exact distances of candidate neighbours, sorted by distance, then by row: the same for any thread.


@kernel
def measure(queries, base, found, skip, apart, rows, squared):
    """Write the k nearest of the candidates `found` (m, candidates) to rows and squared (m, k), by (distance², row).

    Candidates that are -1 or skip[q] are left out; with `apart` also those at distance 0. A query of zeros gets none.
    """
    for q in range(queries.shape[0]):
        empty = True
        for j in range(queries.shape[1]):
            if queries[q, j] != 0:
                empty = False
                break
        if empty:
            continue
        n = 0
        for c in range(found.shape[1]):
            row = found[q, c]
            if row < 0 or row == skip[q]:
                continue
            distance = np.float32(0)
            for j in range(queries.shape[1]):
                gap = queries[q, j] - base[row, j]
                distance += gap * gap
            if apart and distance == 0:
                continue
            if n == rows.shape[1] and not _before(distance, row, squared[q, n - 1], rows[q, n - 1]):
                continue
            place = min(n, rows.shape[1] - 1)
            while place > 0 and _before(distance, row, squared[q, place - 1], rows[q, place - 1]):
                squared[q, place] = squared[q, place - 1]
                rows[q, place] = rows[q, place - 1]
                place -= 1
            squared[q, place] = distance
            rows[q, place] = row
            n = min(n + 1, rows.shape[1])


@kernel
def _before(distance, row, other_distance, other_row):
    return distance < other_distance or (distance == other_distance and row < other_row)


# Every query against every known example: distances and dot products, each summed in one fixed order.
#
# A number depends on its two rows alone, so that any partition into blocks gives the same bytes. A matrix product
# would not guarantee that.


def squared_distances(queries: Floats, base: Floats, out: Floats) -> None:
    """out[q, b] = ‖queries[q] − base[b]‖²; (m, d), (n, d) → (m, n)."""
    _squared_distances(frozen(queries), frozen(base), out)


def dot_products(queries: Floats, base: Floats, out: Floats) -> None:
    """out[q, b] = queries[q]·base[b]; (m, d), (n, d) → (m, n)."""
    _dot_products(frozen(queries), frozen(base), out)


def dot_bags(queries: Rows, base: Rows, scratch: Floats, out: Floats) -> None:
    """out[q, b] = x_q·x_b of sparse rows; scratch (features,) is all zeros before and after."""
    _dot_bags(frozen(queries), frozen(base), scratch, out)


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
def _dot_bags(queries, base, scratch, out):
    for q in range(out.shape[0]):
        indices, values = row_of(queries, q)
        for t in range(indices.shape[0]):
            scratch[indices[t]] = values[t]
        for b in range(out.shape[1]):
            known, weights = row_of(base, b)
            total = np.float32(0)
            for t in range(known.shape[0]):
                total += weights[t] * scratch[known[t]]
            out[q, b] = total
        for t in range(indices.shape[0]):
            scratch[indices[t]] = 0


# Descending a tree of cluster centres: at each node to the child with the nearest centre.


class Tree(NamedTuple):
    """A tree of cluster centres: node 0 is the root, children are adjacent, nodes without children are leaves."""

    centers: NDArray[np.float32]  # (nodes, d)
    first: NDArray[np.int32]  # (nodes,) the first child
    children: NDArray[np.int32]  # (nodes,) how many
    leaf: NDArray[np.int32]  # (nodes,) the number of a leaf, -1 for others


def find_leaves(points: NDArray[np.float32], tree: Tree) -> NDArray[np.int32]:
    """The leaf of every point (m,). Ties between centres go to the first."""
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


# From weights of examples to weights of labels, and from labels to similar labels (AWE eq. 3).


def add_labels(weights: Floats, labels: Lists, G: Floats) -> None:
    """G[q, y] += Σ_i weights[q, i] [y ∈ Y_i]; weights (m, n), n lists, G (m, labels)."""
    _add_labels(frozen(weights), frozen(labels), G)


def propagate_labels(G: Floats, near: NDArray[np.int32], likeness: Floats, out: Floats) -> None:
    """out[q, y] = Σ_j likeness[y, j] · G[q, near[y, j]]; -1 in near (labels of out, n) is no label."""
    _propagate_labels(frozen(G), frozen(near), frozen(likeness), out)


@kernel
def _add_labels(weights, labels, G):
    for q in range(weights.shape[0]):
        for i in range(weights.shape[1]):
            w = weights[q, i]
            if w != 0:
                for p in range(labels.indptr[i], labels.indptr[i + 1]):
                    G[q, labels.indices[p]] += w


@kernel
def _propagate_labels(G, near, likeness, out):
    for q in range(G.shape[0]):
        for y in range(near.shape[0]):
            total = np.float32(0)
            for j in range(near.shape[1]):
                if near[y, j] >= 0:
                    total += likeness[y, j] * G[q, near[y, j]]
            out[q, y] = total
