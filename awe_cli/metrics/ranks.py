"""The input of metrics: the ranks of positives, top lists, and label statistics."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe_cli.matrices.matrix import Bags, Lists

NEVER = np.iinfo(np.int32).max  # the rank of a positive that is not in a top list


class LabelStatistics(NamedTuple):
    """Statistics of the labels, from the dataset.

    counts      (labels,) the number of training examples that have each label
    parents     the parents of each label, numbered from 0; None where not given
    similarity  rows of S without its diagonal, with entries from 0 to 1; None where not given
    """

    counts: NDArray[np.int64]
    parents: Lists | None
    similarity: Bags | None = None


NO_STATISTICS = LabelStatistics(np.zeros(0, np.int64), None)


class Ranks(NamedTuple):
    """The ranks of the positives of n examples.

    indptr     (n + 1,) example e has ranks[indptr[e]:indptr[e+1]], ascending; it may have none
    ranks      (positives,) 1 for the label ranked first
    positives  (positives,) the labels that have these ranks
    top        (n, k) the top lists, best first and filled up with -1
    known      the statistics of the labels
    grades     (positives,) how relevant each is; None where all are 1
    probabilities  (n, k) of the labels in the top lists, where the model is calibrated

    `positives`, `top` and `known` are there for metrics that look at top lists.
    """

    indptr: NDArray[np.int64]
    ranks: NDArray[np.int32]
    positives: NDArray[np.int32] = np.zeros(0, np.int32)
    top: NDArray[np.int32] = np.zeros((0, 0), np.int32)
    known: LabelStatistics = NO_STATISTICS
    grades: NDArray[np.float32] | None = None
    probabilities: NDArray[np.float32] = np.zeros((0, 0), np.float32)

    @property
    def gains(self) -> NDArray[np.float64]:
        """(positives,) the gain 2^g - 1 of each positive; 1 where grades are not given."""
        return (
            np.ones(len(self.ranks)) if self.grades is None else np.exp2(self.grades.astype(np.float64)) - 1
        )

    @property
    def n_positives(self) -> NDArray[np.int64]:
        """(n,) the number of positives of each example."""
        return np.diff(self.indptr)

    def sums(self, terms: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) for each example the sum of its `terms` (positives,), added in order."""
        n = len(self.indptr) - 1
        rows = np.repeat(np.arange(n), self.n_positives)
        return np.bincount(rows, weights=terms, minlength=n).astype(np.float64, copy=False)

    def top_means(self, values: NDArray[np.float64], k: int) -> NDArray[np.float64]:
        """(n,) for each example the mean of `values` (labels,) over its first k labels; 0 where it has none."""
        top = self.top[:, :k]
        shown = top >= 0
        total = np.where(shown, values[top], 0.0).sum(axis=1)
        return total / np.maximum(shown.sum(axis=1), 1)

    def hits(self, k: int) -> NDArray[np.bool_]:
        """(n, k) whether each of the first k labels is a positive of its example."""
        top, n_labels = self.top[:, :k].astype(np.int64), len(self.known.counts)
        rows = np.arange(len(top))
        wanted = np.repeat(rows, self.n_positives) * n_labels + self.positives
        return (top >= 0) & np.isin(rows[:, None] * n_labels + top, wanted)

    def listed(self, k: int) -> NDArray[np.float64]:
        """(labels,) how many examples have each label among their first k."""
        top = self.top[:, :k]
        return np.bincount(top[top >= 0], minlength=len(self.known.counts)).astype(np.float64)


def ranks_in_lists(
    top: NDArray[np.int32], positives: Lists, grades: NDArray[np.float32] | None = None
) -> Ranks:
    """The ranks that the positives of n examples have in top lists (n, k); NEVER for those that are not listed.

    top     best first and filled up with -1
    grades  (positives,) in the order of `positives`; None where all are 1
    """
    owners = np.repeat(np.arange(len(top)), np.diff(positives.indptr))
    listed = top[owners] == positives.indices[:, None]
    ranks = np.where(listed.any(axis=1), listed.argmax(axis=1) + 1, NEVER).astype(np.int32)
    ascending = np.lexsort((ranks, owners))
    return Ranks(
        positives.indptr,
        ranks[ascending],
        positives.indices[ascending],
        top,
        grades=None if grades is None else grades[ascending],
    )
