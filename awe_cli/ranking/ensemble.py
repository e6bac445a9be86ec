r"""Several models as one: a linear combination of their scores (WSABIE §6.3, Table 7).

.. math:: f(x, y) = \sum_m w_m \frac{f_m(x, y) - \mu_m(x)}{\sigma_m(x)}

where μ and σ are the mean and the standard deviation of f_m(x, ·) over the candidate labels of x, so that models with
scores of different scales can be added. In recommendation the items of x are no candidates. A model that gives all
candidates one score (σ = 0) has no influence. Ties of f are broken by the same combination of the models' ties.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from awe_cli.engine.checkpoints import NO_CHECKPOINTS, Checkpoints, remember
from awe_cli.matrices.matrix import Bags, Rows
from awe_cli.ranking.earlier import unscored_labels
from awe_cli.ranking.ranker import Ranker, Scores
from awe_cli.ranking.standing import ALL_SCORED, candidates, standing
from awe_cli.ranking.validation import Validator

# Weights of a sum of scores, chosen on validation by coordinate search over shares of the whole.

SHARES = tuple(share / 20 for share in range(21))  # of one model in the sum
_ROUNDS = 3

Parts = list[tuple[NDArray[np.float32], NDArray[np.float32]]]  # scores and ties of each term of the sum
# (start, stop) → the parts of these validation examples.
PartsOf = Callable[[int, int], Parts]
OnSearch = Callable[[int, int], None]


@dataclass(frozen=True)
class BlendedWeights:
    """Weights that sum to 1, and their validation metric; None without validation."""

    weights: list[float]
    validation: float | None


def blend_weights(
    parts: PartsOf,
    n: int,
    validator: Validator,
    n_labels: int,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
    on_search: OnSearch = lambda done, most: None,
) -> BlendedWeights:
    """Weights of n parts by coordinate search: each part in turn gets the share that ranks validation best.

    It begins with the best of each part alone and of equal weights, goes from the part that is best alone to the
    worst, and ends when a round over all parts gains nothing. So no part alone is better on validation than the
    result, and the order of the parts does not matter unless two are exactly as good. `on_search` hears after each pass
    over validation how many have been made, and how many there will be at most.
    """
    searches = itertools.count()

    def best_among(tried: list[list[float]]) -> tuple[BlendedWeights, list[float]]:
        number = next(searches)
        key = f"search-{number}"
        values = remember(checkpoints, key, lambda: _validation(parts, validator, n_labels, tried))
        on_search(number + 1, 1 + _ROUNDS * n)
        top = max(range(len(tried)), key=lambda place: values[place])
        return BlendedWeights(tried[top], values[top]), values

    best, values = best_among([*np.eye(n).tolist(), [1 / n] * n])
    order = sorted(range(n), key=lambda m: -values[m])
    for _ in range(_ROUNDS):
        before = best
        for m in order:
            shares = (with_share(best.weights, m, share) for share in SHARES)
            best, _ = best_among([best.weights, *shares])
        if best.weights == before.weights:
            break
    return best


def _validation(parts: PartsOf, validator: Validator, n_labels: int, tried: list[list[float]]) -> list[float]:
    """The validation metric of each of the weights `tried`."""

    def scores(start: int, stop: int) -> Iterator[Scores]:
        found = parts(start, stop)
        return (combined(found, weights) for weights in tried)

    return validator.validate_all(scores, n_labels)


def with_share(weights: list[float], m: int, share: float) -> list[float]:
    """Weights in which part m has this share, and the others keep their proportions."""
    rest = sum(weight for place, weight in enumerate(weights) if place != m)
    if not rest:  # part m had all: the others share equally
        rest, weights = len(weights) - 1, [1.0] * len(weights)
    return [share if place == m else (1 - share) * weight / rest for place, weight in enumerate(weights)]


def combined(parts: Parts, weights: Sequence[float]) -> Scores:
    """The weighted sums of scores and of ties."""
    F, ties = np.zeros_like(parts[0][0]), np.zeros_like(parts[0][0])
    for (score, tie), weight in zip(parts, weights, strict=True):
        F += np.float32(weight) * score
        ties += np.float32(weight) * tie
    return Scores(F, ties)


class EnsembleRanker:
    """Ranks by the weighted sum of the models' standardised scores; models of weight 0 are left out.

    own  whether the features of x are labels, which are then no candidates (recommendation)
    """

    def __init__(self, rankers: Sequence[Ranker], weights: Sequence[float], *, own: bool) -> None:
        used = [(ranker, weight) for ranker, weight in zip(rankers, weights, strict=True) if weight]
        self.rankers = [ranker for ranker, _ in used]
        self.weights, self.own = [weight for _, weight in used], own
        unknown = [unscored_labels(ranker) for ranker in self.rankers]
        self.unscored = functools.reduce(np.intersect1d, unknown)

    @property
    def n_labels(self) -> int:
        """The number of labels."""
        return self.rankers[0].n_labels

    def scores(self, x: Rows) -> Scores:
        """(m, labels) f, and the combination of ties."""
        return combined(standard_parts(self.rankers, x, own=self.own), self.weights)


def standard_parts(rankers: Sequence[Ranker], x: Rows, *, own: bool) -> Parts:
    """Scores and ties of each model for the rows of `x`, standardised; a model without ties repeats its scores."""
    seen = x if own and isinstance(x, Bags) else None
    parts = []
    for ranker in rankers:
        found = ranker.scores(x)
        unscored = unscored_labels(ranker)
        score = standardised(found.score, seen, unscored)
        parts.append((score, score if found.tie is None else standardised(found.tie, seen, unscored)))
    return parts


def standardised(
    S: NDArray[np.float32], seen: Bags | None, unscored: NDArray[np.int32] = ALL_SCORED
) -> NDArray[np.float32]:
    """S (m, labels) with mean 0 and deviation 1 in each row over the labels that are neither in `seen` nor unscored.

    Unscored labels get 0.
    """
    result = standing(S, candidates(S.shape, seen, unscored)).standardised(S)
    result[:, unscored] = 0
    return result.astype(np.float32)
