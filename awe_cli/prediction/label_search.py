"""The best labels of each example by an index of labels: candidates from there, their scores exact."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe_cli.core.score import score_candidates
from awe_cli.matrices.matrix import Bags, Lists, Rows, n_rows, take_bags, take_lists, take_rows
from awe_cli.neighbors.label_index import LabelIndex
from awe_cli.ranking.block import Ranked, as_lists, rank_block
from awe_cli.ranking.inner_product import InnerProduct, Points
from awe_cli.ranking.ranker import Scores, block_rows
from awe_cli.ranking.restricted import LabelSubset

BLOCK = 1024  # examples at a time; fixed, so that results do not depend on the number of threads
_FEW = 1 / 16  # share of the labels below which those that are allowed are scored one and all
_MOST_WANTED = 4096  # labels asked of the index; who needs more, for a long history, is ranked exactly
_MEASURED = 256  # the first examples, whose exact lists are found as well
_EVERY = 1024  # and every so many after them


class Found(NamedTuple):
    """The best labels of m examples.

    ranked  as of `rank_block`, without ranks of positives
    short   (m,) whose candidates ran out, or of whom nothing is known: these have to be ranked exactly
    """

    ranked: Ranked
    short: NDArray[np.bool_]


@dataclass(frozen=True)
class LabelSearch:
    """How the best labels are found.

    product   what orders the labels
    index     of its rows
    effort    how widely the index is searched
    n_labels  of the ranker
    allowed   (n,) the only labels that are candidates, ascending; None for all
    """

    product: InnerProduct
    index: LabelIndex
    effort: int
    n_labels: int
    allowed: NDArray[np.int64] | None = None

    def best(self, x: Rows, seen: Lists | None, k: int, model: str) -> Found:
        """The best k labels of each row of x that are allowed and not seen. Raises DataError if a score is NaN."""
        points, hidden = self.product.points(x), as_lists(seen, n_rows(x))
        G = None if self.product.table is None else self.product.table(x)
        k = min(k, self.n_labels if self.allowed is None else len(self.allowed))
        found = Found(_nothing(len(points), k), np.zeros(len(points), bool))
        if len(self._candidates.labels) <= _FEW * len(self.product.rows):
            n_parts = 1 + len(points) // block_rows(len(self._candidates.labels))
            for rows in np.array_split(np.arange(len(points)), n_parts):
                put(found.ranked, rows, self._among_few(_Block(x, points, G, hidden).take(rows), k, model))
            return found
        wanted = self._wanted(hidden, k)
        found.short[:] = (wanted > _MOST_WANTED) | ~points.any(axis=1)
        for size in np.unique(wanted[~found.short]):
            rows = np.flatnonzero((wanted == size) & ~found.short)
            part = self._among_found(_Block(x, points, G, hidden).take(rows), int(size), k, model)
            put(found.ranked, rows, part.ranked)
            found.short[rows] = part.short
        return found

    @cached_property
    def _numbers(self) -> NDArray[np.int32]:
        """What each row of the index is called (n,); -1 where it is no candidate."""
        n = len(self.product.rows)
        called = np.arange(n, dtype=np.int32) if self.product.labels is None else self.product.labels
        if self.allowed is None:
            return called
        is_allowed = np.zeros(self.n_labels + 1, bool)  # the last, which -1 finds, is not
        is_allowed[self.allowed] = True
        return np.where(is_allowed[called], called, -1).astype(np.int32)

    @cached_property
    def _candidates(self) -> LabelSubset:
        """The labels that may be recommended."""
        return LabelSubset(np.sort(self._numbers[self._numbers >= 0]), self.n_labels)

    def _wanted(self, hidden: Lists, k: int) -> NDArray[np.int64]:
        """How many labels each example asks of the index, so that k candidates are among them (m,): a power of two."""
        share = len(self._candidates.labels) / len(self.product.rows)
        wanted = np.ceil((k + np.diff(hidden.indptr)) / share)
        return np.minimum(2 ** np.ceil(np.log2(wanted)), len(self.product.rows)).astype(np.int64)

    def _among_few(self, block: _Block, k: int, model: str) -> Ranked:
        """The best of all candidates."""
        rows = np.flatnonzero(self._numbers >= 0)
        rows = rows[np.argsort(self._numbers[rows])]
        products = np.ascontiguousarray(block.points @ self.product.rows[rows].T)
        scores = self._rate(block, np.broadcast_to(rows, products.shape), products)
        ranked = rank_block(scores, None, self._candidates.among(block.hidden), k, model)
        return ranked._replace(labels=self._candidates.original(ranked.labels))

    def _among_found(self, block: _Block, size: int, k: int, model: str) -> Found:
        """The best of those that the index finds, `size` for each example, and of those that have a G."""
        found = self.index.find(block.points, size, self.effort)
        if block.G is not None:
            found = np.concatenate([found, _padded(block.G)], axis=1)
        numbers = np.where(found < 0, -1, self._numbers[found])
        numbers = np.where(
            (numbers < 0) | _holds(block.hidden, numbers, self.n_labels), self.n_labels, numbers
        )
        numbers, found = _ascending(numbers, found)  # equal scores are in the order of labels
        numbers[:, 1:][numbers[:, 1:] == numbers[:, :-1]] = self.n_labels  # found twice
        numbers, found = _ascending(numbers, found)
        kept = numbers < self.n_labels
        n_kept = kept.sum(axis=1)
        lists = Lists(np.concatenate([[0], np.cumsum(n_kept)]).astype(np.int64), found[kept].astype(np.int32))
        products = np.zeros(found.shape, np.float32)
        score_candidates(
            block.points, self.product.rows, np.arange(len(found), dtype=np.int32), lists, products
        )
        scores = self._rate(block, found, products)
        for values in scores:
            if values is not None:
                values[~kept] = -np.inf
        ranked = rank_block(scores, None, None, k, model)
        n_top = np.minimum(ranked.n_top, n_kept).astype(np.int32)
        there = np.arange(ranked.labels.shape[1]) < n_top[:, None]
        labels = np.where(there, np.take_along_axis(numbers, ranked.labels.astype(np.int64), axis=1), -1)
        ranked = ranked._replace(
            labels=labels.astype(np.int32), scores=np.where(there, ranked.scores, np.nan), n_top=n_top
        )
        left = len(self._candidates.labels) - np.diff(self._candidates.among(block.hidden).indptr)
        return Found(ranked, n_kept < np.minimum(k, left))

    def _rate(self, block: _Block, rows: NDArray[np.integer], products: NDArray[np.float32]) -> Scores:
        """The scores of these rows of the index (m, c)."""
        if block.G is None:
            return self.product.rate(
                block.x, block.points, products, np.zeros((len(products), 0), np.float32)
            )
        G = _looked_up(block.G, rows, len(self.product.rows))
        return self.product.rate(block.x, block.points, products, G)


class _Block(NamedTuple):
    """Examples: x, their points, G as sparse rows or None, and the labels that are hidden from them."""

    x: Rows
    points: Points
    G: Bags | None
    hidden: Lists

    def take(self, rows: NDArray[np.integer]) -> _Block:
        """The examples at these rows."""
        G = None if self.G is None else take_bags(self.G, rows)
        return _Block(take_rows(self.x, rows), self.points[rows], G, take_lists(self.hidden, rows))


def _padded(bags: Bags) -> NDArray[np.int64]:
    """The indices of each row (m, longest row), filled up with -1."""
    sizes = np.diff(bags.indptr)
    padded = np.full((len(sizes), sizes.max(initial=0)), -1, np.int64)
    padded[np.arange(padded.shape[1]) < sizes[:, None]] = bags.indices
    return padded


def _looked_up(bags: Bags, columns: NDArray[np.integer], n: int) -> NDArray[np.float32]:
    """The values of `n` columns at these columns (m, c) of each row; 0 where it has none."""
    place, there = _places(Lists(bags.indptr, bags.indices), columns, n)
    if not len(bags.values):
        return np.zeros(columns.shape, np.float32)
    return np.where(there, bags.values[place], np.float32(0))


def _ascending(
    numbers: NDArray[np.int32], others: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Rows (m, c) of numbers in ascending order, and others in the same."""
    order = np.argsort(numbers, axis=1, kind="stable")
    return np.take_along_axis(numbers, order, axis=1), np.take_along_axis(others, order, axis=1)


def _nothing(m: int, k: int) -> Ranked:
    """Empty lists of m examples."""
    return rank_block(Scores(np.zeros((m, 0), np.float32), None), None, None, 0, "")._replace(
        labels=np.full((m, k), -1, np.int32), scores=np.full((m, k), np.nan, np.float32)
    )


def put(ranked: Ranked, rows: NDArray[np.integer], part: Ranked) -> None:
    """Put the lists of `part`, not longer than those of `ranked`, in these rows."""
    width = part.labels.shape[1]
    ranked.labels[rows], ranked.scores[rows] = -1, np.nan
    ranked.labels[rows, :width], ranked.scores[rows, :width] = part.labels, part.scores
    ranked.n_top[rows] = part.n_top


def _holds(lists: Lists, labels: NDArray[np.integer], n: int) -> NDArray[np.bool_]:
    """Which labels (m, c), of `n`, the list of their row has."""
    return _places(lists, labels, n)[1]


def _places(lists: Lists, labels: NDArray[np.integer], n: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Where each label (m, c), of `n`, stands among the entries of the lists, and whether its row has it."""
    keys = np.repeat(np.arange(len(labels)), np.diff(lists.indptr)) * n + lists.indices
    if not len(keys):
        return np.zeros(labels.shape, np.int64), np.zeros(labels.shape, bool)
    asked = np.where(labels < 0, -1, np.arange(len(labels))[:, None] * n + labels)
    place = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
    return place, keys[place] == asked


# How good it is: the share of the exact lists that are found, of some of the examples.


def measured(first: int, n: int) -> NDArray[np.int64]:
    """Which of the examples first … first + n - 1 of all are ranked exactly as well, counted from `first`."""
    position = first + np.arange(n)
    return np.flatnonzero((position < _MEASURED) | (position % _EVERY == 0))


def recalls(found: NDArray[np.int32], exact: Ranked, k: int) -> NDArray[np.float64]:
    """The share of the first k labels of each exact list that are among the first k found (m, …); nan for none."""
    sizes = np.minimum(exact.n_top, k)
    both = [
        len(np.intersect1d(a[:n], b[:n])) / n if n else np.nan
        for a, b, n in zip(found, exact.labels, sizes, strict=True)
    ]
    return np.array(both, np.float64)
