"""The popularity baseline: the same order of labels for every input."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from awe_cli.baselines.base import Arrays, Baseline, Choice, Facts
from awe_cli.matrices.matrix import Rows, n_rows
from awe_cli.ranking.ranker import Ranker, Scores


class PopularityRanker:
    r"""Scores a label by the number of training examples that have it, for any input.

    .. math:: f(x, y) = |\{x' : y \in Y_{x'}\}|

    counts  (labels,) int64
    """

    def __init__(self, counts: NDArray[np.int64]) -> None:
        self._counts = counts.astype(np.float32)

    @property
    def n_labels(self) -> int:
        """The number of labels."""
        return len(self._counts)

    def scores(self, x: Rows) -> Scores:
        """(m, labels): the counts, once for each row of `x`."""
        return Scores(np.tile(self._counts, (n_rows(x), 1)), None)


class Popularity(Baseline):
    """Labels by their number of training examples."""

    name = "popularity"

    def fit(self, facts: Facts, choice: Choice) -> Arrays:
        """`counts` (labels,)."""
        return {"counts": facts.counts}

    def ranker(self, facts: Facts, choice: Choice, arrays: Arrays) -> Ranker:
        """By count."""
        return PopularityRanker(arrays["counts"])
