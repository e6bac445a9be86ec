"""Ranking the labels of one version of a dataset by a model of another: inputs and scores are mapped by id."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from awe_cli.matrices.matrix import Rows
from awe_cli.ranking.inner_product import InnerProduct, inner_product_of
from awe_cli.ranking.ranker import Ranker, Scores


class EarlierRanker:
    """A ranker of another version of the dataset, as a ranker of this version.

    ranker     of the version that the model was made from
    translate  maps rows of x to those of that version
    place      (labels,) the index of each label in that version, -1 where it has none

    Labels that it does not know share one score, just below its lowest: they come last, in the order of their indices.
    Labels that it knows and this version does not have are left out.
    """

    def __init__(self, ranker: Ranker, translate: Callable[[Rows], Rows], place: NDArray[np.int32]) -> None:
        self.ranker, self.translate, self.place = ranker, translate, place
        self._known = np.flatnonzero(place >= 0)
        self.n_labels = len(place)
        self.unscored = np.flatnonzero(place < 0).astype(np.int32)

    def scores(self, x: Rows) -> Scores:
        """Scores of every label for the rows of `x`."""
        found = self.ranker.scores(self.translate(x))
        return Scores(self._moved(found.score), None if found.tie is None else self._moved(found.tie))

    def inner_product(self) -> InnerProduct | None:
        """That of the earlier ranker, its labels called as in this version."""
        product = inner_product_of(self.ranker)
        if product is None:
            return None
        called = np.full(len(product.rows), -1, np.int32)
        called[self.place[self._known]] = self._known
        return product.after(self.translate).called(called)

    def _moved(self, S: NDArray[np.float32]) -> NDArray[np.float32]:
        moved = np.empty((len(S), self.n_labels), np.float32)
        known = S[:, self.place[self._known]]
        moved[:, self._known] = known
        if len(self.unscored):
            lowest = known.min(axis=1, initial=np.float32(0))
            moved[:, self.unscored] = np.nextafter(lowest, np.float32(-np.inf))[:, None]
        return moved


def unscored_labels(ranker: Ranker) -> NDArray[np.int32]:
    """The labels that a ranker does not know, ascending: those that are newer than its model."""
    return getattr(ranker, "unscored", np.zeros(0, np.int32))
