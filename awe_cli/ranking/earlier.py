"""Ranking the labels of one version of a dataset by a model of another: ids are mapped, input and scores moved."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from awe_cli.matrices.matrix import Rows
from awe_cli.ranking.ranker import Ranker, Scores


class EarlierRanker:
    """A ranker of other labels, seen as one of these.

    ranker     of the version that the model was made from
    translate  turns rows of x into those of that version
    place      (labels,) the number of each label there, -1 where there is none

    Labels that it does not know share one score, just below the lowest that it gives: they come last, in the order
    of their indices. What it knows and is no label here is not scored.
    """

    def __init__(self, ranker: Ranker, translate: Callable[[Rows], Rows], place: NDArray[np.int32]) -> None:
        self._ranker, self._translate = ranker, translate
        self._known = np.flatnonzero(place >= 0)
        self._place = place[self._known]
        self.n_labels = len(place)
        self.unscored = np.flatnonzero(place < 0).astype(np.int32)

    def scores(self, x: Rows) -> Scores:
        """Scores of every label for the rows of `x`."""
        found = self._ranker.scores(self._translate(x))
        return Scores(self._moved(found.score), None if found.tie is None else self._moved(found.tie))

    def _moved(self, S: NDArray[np.float32]) -> NDArray[np.float32]:
        moved = np.empty((len(S), self.n_labels), np.float32)
        moved[:, self._known] = S[:, self._place]
        if len(self.unscored):
            lowest = S[:, self._place].min(axis=1, initial=np.float32(0))
            moved[:, self.unscored] = np.nextafter(lowest, np.float32(-np.inf))[:, None]
        return moved


def unscored_labels(ranker: Ranker) -> NDArray[np.int32]:
    """The labels that a ranker knows nothing of, ascending: those that came after its model was made."""
    return getattr(ranker, "unscored", np.zeros(0, np.int32))
