"""Judging G · S on validation again and again with other U and V: G stays, and is laid out once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from awe_cli.affinity.constant import Constant
from awe_cli.data.matrix import Rows, slice_rows
from awe_cli.kernels.epoch import State
from awe_cli.ranking.candidates import CandidateRanker
from awe_cli.ranking.embedding import EmbeddingRanker
from awe_cli.ranking.ranker import Scores
from awe_cli.ranking.shares import Found, Parts, search
from awe_cli.ranking.validation import Judge

_MOST_BYTES = 512 * 2**20  # of G that is kept; the rest is laid out each time


class Looked(Protocol):
    """A built G that new input can be looked up in."""

    def table(self, x: Rows) -> NDArray[np.float32]:
        """G(x, ·) of every row: (m, labels)."""
        ...

    def ranker(
        self, state: State, power: float, floor: float, y: Rows | None = None
    ) -> EmbeddingRanker | CandidateRanker:
        """f = (G^power + floor) · max(0, S); y: what describes labels, None where V has a row a label."""
        ...


class HeldOut:
    """The examples of a judge and their G."""

    def __init__(self, built: Looked, judge: Judge) -> None:
        self._built, self._judge = built, judge
        self._kept: dict[int, NDArray[np.float32]] = {}

    def judge(self, state: State, power: float, floor: float) -> float:
        """How well f ranks with U and V of `state` in S."""
        ranker = self._built.ranker(state, power, floor, self._judge.examples.y)
        if isinstance(ranker, CandidateRanker):
            return self._judge(ranker)
        return self._judge.judge_rows(lambda start, stop: self._rated(ranker, start, stop), ranker.n_labels)

    def judge_alone(self, state: State) -> float:
        """How well S ranks without any G."""
        return self._judge(EmbeddingRanker(Constant(1.0), state.U, state.V, y=self._judge.examples.y))

    def choose_weights(self, states: Sequence[State], power: float, floor: float) -> Found:
        """Weights of a sum of scores, each that of one of `states`, that rank best; they add up to 1."""
        y = self._judge.examples.y
        rankers = [self._built.ranker(state, power, floor, y) for state in states]

        def parts(start: int, stop: int) -> Parts:
            found = [self._rated(ranker, start, stop) for ranker in rankers]
            return [(scores.score, scores.score if scores.tie is None else scores.tie) for scores in found]

        return search(parts, len(rankers), self._judge, rankers[0].n_labels)

    def _rated(self, ranker: EmbeddingRanker | CandidateRanker, start: int, stop: int) -> Scores:
        assert isinstance(ranker, EmbeddingRanker)
        return ranker.rate(slice_rows(self._judge.examples.x, start, stop), self._table(start, stop))

    def _table(self, start: int, stop: int) -> NDArray[np.float32]:
        if start in self._kept:
            return self._kept[start]
        G = self._built.table(slice_rows(self._judge.examples.x, start, stop))
        if sum(kept.nbytes for kept in list(self._kept.values())) < _MOST_BYTES:
            self._kept[start] = G
        return G
