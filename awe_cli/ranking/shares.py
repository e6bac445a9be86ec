"""Weights of a sum of scores, chosen on validation by coordinate search over shares of the whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from awe_cli.ranking.ranker import Scores
from awe_cli.ranking.validation import Judge

SHARES = tuple(share / 20 for share in range(21))  # of one part in the whole
_ROUNDS = 3

Parts = list[tuple[NDArray[np.float32], NDArray[np.float32]]]  # of each part of the sum: its scores and ties
# (start, stop) → the parts of these validation examples.
PartsOf = Callable[[int, int], Parts]


@dataclass(frozen=True)
class Found:
    """Weights that add up to 1, and how well they rank validation; None where it was not asked."""

    weights: list[float]
    validation: float | None


def search(parts: PartsOf, n: int, judge: Judge, n_labels: int) -> Found:
    """Weights of n parts by coordinate search: one after the other gets the share that ranks validation best.

    It begins with the best among each part alone and all alike, goes from the part that is best alone to the worst,
    and ends when a round over all brings nothing. So no part is better on validation than the result, and in which
    order they are named does not matter, but where two are exactly as good.
    """
    begin = [*np.eye(n).tolist(), [1 / n] * n]
    best, values = _best(parts, judge, n_labels, begin)
    order = sorted(range(n), key=lambda m: -values[m])
    for _ in range(_ROUNDS):
        before = best
        for m in order:
            shares = (with_share(best.weights, m, share) for share in SHARES)
            best, _ = _best(parts, judge, n_labels, [best.weights, *shares])
        if best.weights == before.weights:
            break
    return best


def _best(parts: PartsOf, judge: Judge, n_labels: int, tried: list[list[float]]) -> tuple[Found, list[float]]:
    """The best of these weights, the first of equals, and how well each ranks."""

    def scores(start: int, stop: int) -> Iterator[Scores]:
        found = parts(start, stop)
        return (combined(found, weights) for weights in tried)

    values = judge.judge_all(scores, n_labels)
    top = max(range(len(tried)), key=lambda place: values[place])
    return Found(tried[top], values[top]), values


def with_share(weights: list[float], m: int, share: float) -> list[float]:
    """Weights in which part m has this share, and the others share the rest as before."""
    rest = sum(weight for place, weight in enumerate(weights) if place != m)
    if not rest:  # m was alone: the others share alike
        rest, weights = len(weights) - 1, [1.0] * len(weights)
    return [share if place == m else (1 - share) * weight / rest for place, weight in enumerate(weights)]


def combined(parts: Parts, weights: Sequence[float]) -> Scores:
    """The weighted sums of scores and of ties."""
    F, ties = np.zeros_like(parts[0][0]), np.zeros_like(parts[0][0])
    for (score, tie), weight in zip(parts, weights, strict=True):
        F += np.float32(weight) * score
        ties += np.float32(weight) * tie
    return Scores(F, ties)
