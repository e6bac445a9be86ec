"""Choosing k and λ on validation, by how well the product G · S ranks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from awe_cli.affinity.knn import Knn
from awe_cli.data.matrix import slice_rows
from awe_cli.kernels.epoch import State
from awe_cli.neighbors.index import NeighborIndex, find_all
from awe_cli.neighbors.search import Nearest
from awe_cli.neighbors.weights import typical_squared
from awe_cli.ranking.embedding import EmbeddingRanker, label_rows
from awe_cli.ranking.ranker import Scores
from awe_cli.ranking.validation import Judge

MULTIPLES = (1.0, 3.0, 6.0, 10.0)  # of 1 / the typical squared distance


@dataclass(frozen=True)
class Choice:
    """A k and a λ, the latter as a multiple of 1 / the typical squared distance, and what validation said."""

    k: int
    multiple: float
    validation: float


def product(power: float, floor: float = 0.0) -> Knn:
    """The affinity of G · S for ranking, where G is laid out beforehand: its table stays empty."""
    none = np.zeros((0, 0), np.int32)
    return Knn(none, none.astype(np.float32), np.zeros(1, np.int64), np.zeros(0, np.int32), 1, power, floor)


class HeldOut:
    """The neighbours of a judge's examples, found once; G of any of them for any k and λ."""

    def __init__(self, index: NeighborIndex, judge: Judge, k: int, threads: int | None) -> None:
        self._index, self._judge = index, judge
        self._nearest = find_all(index, judge.examples.x, k, threads)
        self.typical = typical_squared(self._nearest)

    def judge(self, affinity: Knn, state: State, k: int, lambda_: float) -> float:
        """How well G · S ranks, with U and V of `state` in S."""
        ranker = EmbeddingRanker(affinity, state.U, label_rows(self._judge.examples.y, state.V))
        rows, squared = self._nearest.rows[:, :k], self._nearest.squared[:, :k]

        def scores(start: int, stop: int) -> Scores:
            G = self._index.tabulate(Nearest(rows[start:stop], squared[start:stop]), lambda_)
            return ranker.rate(slice_rows(self._judge.examples.x, start, stop), G)

        return self._judge.judge_rows(scores, ranker.n_labels)


def try_all(held_out: HeldOut, state: State, ks: Sequence[int], multiples: Sequence[float]) -> list[Choice]:
    """Every k with every λ."""
    return [
        Choice(k, multiple, held_out.judge(product(1.0), state, k, multiple / held_out.typical))
        for k in ks
        for multiple in multiples
    ]
