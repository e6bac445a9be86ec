r"""Several models as one: a linear combination of their scores (WSABIE §6.3, Table 7).

.. math:: f(x, y) = \sum_m w_m \frac{f_m(x, y) - \mu_m(x)}{\sigma_m(x)}

where μ and σ are the mean and the deviation of f_m(x, ·) over the candidate labels of x: models whose scores have
different scales can then be added. In recommendation the items of x are no candidates. Where all candidates have one
score, the model has no say (σ = 0). Labels of equal f are in the order of the same combination of the models' ties.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from awe_cli.data.matrix import Bags, Rows
from awe_cli.ranking.ranker import Ranker, Scores
from awe_cli.ranking.shares import Parts, combined


class EnsembleRanker:
    """Ranks by the weighted sum of the models' standardised scores.

    own  whether the features of x are labels that are no candidates (recommendation)
    """

    def __init__(self, rankers: Sequence[Ranker], weights: Sequence[float], *, own: bool) -> None:
        used = [(ranker, weight) for ranker, weight in zip(rankers, weights, strict=True) if weight]
        self._rankers = [ranker for ranker, _ in used]
        self._weights, self._own = [weight for _, weight in used], own

    @property
    def n_labels(self) -> int:
        """The number of labels."""
        return self._rankers[0].n_labels

    def scores(self, x: Rows) -> Scores:
        """(m, labels) f, and the combination of ties."""
        return combined(standard_parts(self._rankers, x, own=self._own), self._weights)


def standard_parts(rankers: Sequence[Ranker], x: Rows, *, own: bool) -> Parts:
    """Scores and ties of each model for the rows of `x`, standardised; a model without ties repeats its scores."""
    seen = x if own and isinstance(x, Bags) else None
    parts = []
    for ranker in rankers:
        found = ranker.scores(x)
        score = standardised(found.score, seen)
        parts.append((score, score if found.tie is None else standardised(found.tie, seen)))
    return parts


def standardised(S: NDArray[np.float32], seen: Bags | None) -> NDArray[np.float32]:
    """S (m, labels) with mean 0 and deviation 1 in each row over the labels that are not in `seen`."""
    candidate = np.ones(S.shape, np.bool_)
    if seen is not None:
        candidate[np.repeat(np.arange(len(S)), np.diff(seen.indptr)), seen.indices] = False
    n = np.maximum(candidate.sum(axis=1, keepdims=True), 1)
    centred = S - np.where(candidate, S, 0).sum(axis=1, keepdims=True, dtype=np.float64) / n
    deviation = np.sqrt(np.where(candidate, np.square(centred), 0).sum(axis=1, keepdims=True) / n)
    # Rounding leaves a trace where all scores are one and the same. NaN is not below it, and stays.
    trace = 1e-6 * np.abs(S).max(axis=1, keepdims=True, initial=0)
    return np.divide(centred, deviation, out=np.zeros_like(centred), where=~(deviation <= trace)).astype(
        np.float32
    )
