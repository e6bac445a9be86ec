"""Cluster affinity (AWE eq. 10): G(x, y) = 1 if Ux and y are in the same cluster, else 0.

The projected training examples Ux_i are clustered by (hierarchical) k-means. Each leaf keeps the N labels that are most
frequent among its examples, ties by popularity. x belongs to the leaf with the nearest centres. Only the labels of that
leaf are scored: S is not cut off at 0 there, and all other labels come after them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe_cli.builders.base import LISTED, Arrays, Choice, KnownOnly, Queries, Resolved, Source
from awe_cli.core.epoch import State
from awe_cli.core.search import Tree, find_leaves
from awe_cli.engine.engine import Engine
from awe_cli.matrices.matrix import Lists, Rows
from awe_cli.neighbors.search import faiss_on_one_thread
from awe_cli.neighbors.table import in_blocks, parts_of
from awe_cli.ranking.embedding import CandidateRanker, label_rows

# (Hierarchical) k-means by faiss: a tree of centres, deterministic for given points and seed.

_ROUNDS = 20
_SEED = 1234


def grow_tree(points: NDArray[np.float32], leaves: int, levels: int) -> Tree:
    """A tree with about `leaves` leaves: each node is split by k-means into leaves^(1/levels) children.

    points (n, d). Children without points are left out, so that there may be fewer leaves.
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
    """At most n centres by k-means, without empty clusters."""
    n = min(n, len(points))
    if n < 2:
        return points[:0]
    means = faiss_on_one_thread().Kmeans(
        points.shape[1], n, niter=_ROUNDS, seed=_SEED, min_points_per_centroid=1
    )
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
        np.ones(n + 1, np.int32),
        children,
        np.arange(-1, n, dtype=np.int32),
    )


_EXAMPLES_A_LEAF = (100, 400)
_TOPS = (100, 200, 500, 1000)


class Cluster:
    """The builder of the cluster affinity."""

    def idle(self, resolved: Resolved, described: bool) -> dict[str, str]:
        """None: every parameter is used."""
        return {}

    def choices(self, resolved: Resolved, source: Source) -> list[Choice]:
        """Numbers of leaves and of labels kept in each, where they are not given."""
        n, labels = len(source.examples), source.n_labels
        leaves = (
            [resolved["leaves"]] if resolved["leaves"] else [max(1, n // size) for size in _EXAMPLES_A_LEAF]
        )
        tops = (
            [resolved["top"]] if resolved["top"] else [top for top in _TOPS if 2 * top <= labels] or [labels]
        )
        return [{"leaves": a, "top": b} for a in dict.fromkeys(leaves) for b in reversed(tops)]

    def known_only(self, resolved: Resolved, choice: Choice) -> KnownOnly:
        """A leaf lists only labels of its examples."""
        return LISTED

    def fit(self, resolved: Resolved, source: Source, choice: Choice) -> Arrays:
        """The tree: `centers` (nodes, d), `first`, `children`, `leaf` (nodes,); `leaves`, `top` (1,)."""
        leaves = min(choice["leaves"], len(source.examples))
        tree = grow_tree(source.space.points(source.examples.x), leaves, resolved["levels"])
        return {**tree._asdict(), "top": np.array([choice["top"]])}

    def open(self, resolved: Resolved, source: Source, arrays: Arrays) -> BuiltCluster:
        """G of one fit."""
        tree = Tree(*(arrays[name] for name in Tree._fields))
        return BuiltCluster(source, tree, int(arrays["top"][0]))

    def describe(self, arrays: Arrays) -> dict[str, Any]:
        """The numbers of leaves, and of labels kept in each."""
        return {"leaves": int(arrays["leaf"].max()) + 1, "top": int(arrays["top"][0])}


@dataclass(frozen=True)
class Counted:
    """Labels of each leaf by descending count, then by label."""

    indptr: NDArray[np.int64]  # (leaves + 1,)
    labels: NDArray[np.int32]
    counts: NDArray[np.int64]

    def top(self, n: int) -> Lists:
        """The first n labels of each leaf, ascending."""
        place = np.arange(len(self.labels)) - np.repeat(self.indptr[:-1], np.diff(self.indptr))
        leaf = np.repeat(np.arange(len(self.indptr) - 1), np.diff(self.indptr))
        kept = place < n
        order = np.lexsort((self.labels[kept], leaf[kept]))
        sizes = np.minimum(np.diff(self.indptr), n)
        return Lists(np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64), self.labels[kept][order])

    def top_without(self, leaf: int, own: NDArray[np.int32], n: int) -> NDArray[np.int32]:
        """The first n labels of one leaf, without the counts of the example with the labels `own`."""
        start = self.indptr[leaf]
        stop = min(self.indptr[leaf + 1], start + n + len(own))
        labels, counts = (
            self.labels[start:stop],
            self.counts[start:stop] - np.isin(self.labels[start:stop], own),
        )
        order = np.lexsort((labels, -counts))
        return np.sort(labels[order[counts[order] > 0][:n]])


class BuiltCluster:
    """The clusters of one fit and their labels."""

    def __init__(self, source: Source, tree: Tree, top: int) -> None:
        self._source, self._tree, self._top = source, tree, top
        self._home = find_leaves(source.space.points(source.examples.x), tree)
        self._counted = count_labels(self._home, source.examples.positives, int(tree.leaf.max()) + 1)
        self._lists = self._counted.top(top)

    def leaves(self, x: Rows) -> NDArray[np.int32]:
        """The leaf of every row."""
        return find_leaves(self._source.space.points(x), self._tree)

    def table(self, x: Rows) -> NDArray[np.float32]:
        """G(x, ·) of every row of new input: (m, labels)."""
        leaves = self.leaves(x)
        G = np.zeros((len(leaves), self._source.n_labels), np.float32)
        for row, leaf in enumerate(leaves):
            G[row, self._lists.indices[self._lists.indptr[leaf] : self._lists.indptr[leaf + 1]]] = 1
        return G

    def training(self, engine: Engine, block: int) -> Queries:
        """G of the training examples: the list of the leaf, without the counts of the example itself."""
        examples, parts = self._source.examples, parts_of(self._source.examples)
        (found,) = in_blocks(self._leaves_of, examples, engine, block)
        lists = found.astype(np.int32)
        added: list[NDArray[np.int32]] = []
        base = len(self._lists.indptr) - 1
        for query in np.flatnonzero(lists == np.repeat(self._home, parts)):
            example, leaf = query // parts, lists[query]
            own = examples.positives.indices[slice(*examples.positives.indptr[example : example + 2])]
            without = self._counted.top_without(leaf, own, self._top)
            plain = self._lists.indices[self._lists.indptr[leaf] : self._lists.indptr[leaf + 1]]
            if not np.array_equal(without, plain):
                lists[query] = base + len(added)
                added.append(without)
        indptr = np.concatenate([self._lists.indptr[-1:], [len(labels) for labels in added]]).cumsum()[1:]
        return Queries(
            lists[:, None],
            np.ones((len(lists), 1), np.float32),
            np.concatenate([self._lists.indptr, indptr]).astype(np.int64),
            np.concatenate([self._lists.indices, *added]),
        )

    def _leaves_of(self, x: Rows, rows: NDArray[np.int64]) -> tuple[NDArray, ...]:
        return (self.leaves(x),)

    def ranker(self, state: State, power: float, floor: float, y: Rows | None = None) -> CandidateRanker:
        """S of the labels of the leaf; `power` and `floor` have no effect on G = 1."""
        return CandidateRanker(self.leaves, self._lists, state.U, label_rows(y, state.V))


def count_labels(home: NDArray[np.int32], positives: Lists, n_leaves: int) -> Counted:
    """The counts of labels in each leaf; home (examples,) is the leaf of each example."""
    leaf = np.repeat(home, np.diff(positives.indptr))
    pairs, counts = np.unique(leaf.astype(np.int64) << 32 | positives.indices, return_counts=True)
    leaf, labels = (pairs >> 32).astype(np.int32), (pairs & 0xFFFFFFFF).astype(np.int32)
    order = np.lexsort((labels, -counts, leaf))
    indptr = np.searchsorted(leaf, np.arange(n_leaves + 1)).astype(np.int64)
    return Counted(indptr, labels[order], counts[order])
