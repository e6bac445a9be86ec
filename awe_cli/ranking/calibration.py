r"""Scores as probabilities: a map that never falls, fitted to held-out examples.

Given are pairs of an example and a label, each with the score s that the model gives it and whether the label is a
positive. Two maps are fitted, and the one is taken that foretells better, by log loss, which labels of one half of
the examples are positives when it was fitted on the other half:

    isotonic  p(s) = the steps that never fall and are nearest in squared error (Zadrozny & Elkan 2002), along a line
              from the end of one to the beginning of the next
    Platt     p(s) = 1 / (1 + exp(-(a s + b))) with a ≥ 0 (Platt 1999)

Both are drawn a little towards the share of positives among all pairs: no finite number of pairs makes certain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression, minimize
from scipy.special import expit, xlogy

from awe_cli.dataset.examples import Examples
from awe_cli.engine.local import map_blocks, one_blas_thread
from awe_cli.ranking.ranker import Ranker
from awe_cli.ranking.validation import rank, rows_at_once

ISOTONIC, PLATT = METHODS = ("isotonic", "platt")
_EVEN = 256  # cells of equal width, beside those that begin at the score of a positive
_HALVES = 2

Array = NDArray[np.float64]


class Calibration(NamedTuple):
    """A map from scores to probabilities: a line through knots, flat beyond them, or a sigmoid.

    scores         (knots,) ascending; none for a sigmoid
    probabilities  (knots,) never falling
    slope, offset  of the sigmoid
    """

    scores: Array
    probabilities: Array
    slope: float = 0.0
    offset: float = 0.0

    def __call__(self, scores: NDArray[np.floating]) -> NDArray[np.float32]:
        """The probability of each score, of the same shape; NaN stays NaN. A higher score has no lower one."""
        s = scores.astype(np.float64)
        if not len(self.scores):
            return expit(self.slope * s + self.offset).astype(np.float32)
        after = np.searchsorted(self.scores, s, side="right")
        low, high = (self.probabilities[np.clip(after - step, 0, len(self.scores) - 1)] for step in (1, 0))
        # Rounding must not lead beyond a knot.
        return np.clip(np.interp(s, self.scores, self.probabilities), low, high).astype(np.float32)


class Cells(NamedTuple):
    """Pairs gathered by score: cell c has those from one edge to the next, of each half of the examples.

    scores     (cells,) the mean score of the pairs in a cell, ascending
    positives  (2, cells) how many are positives
    pairs      (2, cells) how many there are
    """

    scores: Array
    positives: Array
    pairs: Array


def gather(ranker: Ranker, examples: Examples, threads: int | None, model: str) -> Cells:
    """The pairs of `examples` and all their candidate labels, by score; even and odd examples are the halves.

    A cell begins at the score of each positive, so that all negatives between two of them are together. So nothing
    is lost to isotonic regression: labels that are no positives and follow each other have one value there.
    """

    def blocks() -> Iterable[tuple[int, Examples]]:
        step = rows_at_once(ranker)
        for start in range(0, len(examples), step):
            yield start, examples.slice(start, min(start + step, len(examples)))

    def scored(block: Examples) -> tuple[Array, NDArray[np.bool_]]:
        """(m, labels) the scores of the candidates, best first and then NaN, and which are positives."""
        found = rank(ranker, block.x, None, block.seen, ranker.n_labels, model)
        m = len(block)
        wanted = np.zeros((m, ranker.n_labels + 1), np.bool_)  # the last column stands for no label
        wanted[np.repeat(np.arange(m), np.diff(block.positives.indptr)), block.positives.indices] = True
        return found.scores.astype(np.float64), np.take_along_axis(wanted, found.labels, axis=1)

    def of_positives(block: tuple[int, Examples]) -> tuple[Array, float, float]:
        scores, hits = scored(block[1])
        return scores[hits], float(np.nanmin(scores)), float(np.nanmax(scores))

    parts = list(map_blocks(of_positives, blocks(), threads))
    even = np.linspace(min(part[1] for part in parts), max(part[2] for part in parts), _EVEN)
    edges = np.unique(np.concatenate([even, *(part[0] for part in parts)]))

    def counted(block: tuple[int, Examples]) -> Array:
        """(3, 2, cells) how many pairs there are, how many are positives, and the sum of the scores."""
        start, inside = block
        scores, hits = scored(inside)
        there = ~np.isnan(scores)
        half = ((start + np.arange(len(scores)))[:, None] % _HALVES * np.ones(scores.shape[1], np.int64))[
            there
        ]
        cells = half * len(edges) + np.searchsorted(edges, scores[there], side="right") - 1
        weights = (np.ones(len(cells)), hits[there], scores[there])
        sums = np.stack([np.bincount(cells, of, _HALVES * len(edges)) for of in weights])
        return sums.reshape(3, _HALVES, len(edges)).astype(np.float64)

    total = np.zeros((3, _HALVES, len(edges)))
    for part in map_blocks(counted, blocks(), threads):
        total += part
    pairs, positives, sums = total[:, :, total[0].sum(axis=0) > 0]
    return Cells(sums.sum(axis=0) / pairs.sum(axis=0), positives, pairs)


def calibrate_scores(cells: Cells, method: str | None) -> tuple[str, Calibration, dict[str, float]]:
    """The map that `method` fits to all pairs, or the better of both; its name, and the log loss of each by halves."""
    with one_blas_thread():
        losses = {name: _loss_by_halves(FITS[name], cells) for name in METHODS}
        chosen = method or min(METHODS, key=lambda name: losses[name])
        return (
            chosen,
            FITS[chosen](cells.scores, cells.positives.sum(axis=0), cells.pairs.sum(axis=0)),
            losses,
        )


def _loss_by_halves(fit: Callable[[Array, Array, Array], Calibration], cells: Cells) -> float:
    """The mean log loss of the pairs of each half under the map of the other, in nats."""
    loss = 0.0
    for half in range(_HALVES):
        used = cells.pairs[half] > 0
        p = fit(cells.scores[used], cells.positives[half][used], cells.pairs[half][used])(cells.scores)
        p = p.astype(np.float64)
        k, n = cells.positives[1 - half], cells.pairs[1 - half]
        loss -= float((xlogy(k, p) + xlogy(n - k, 1 - p)).sum())
    return loss / float(cells.pairs.sum())


def _isotonic(scores: Array, positives: Array, pairs: Array) -> Calibration:
    """Steps of which each counts one pair more, of the share of all pairs that are positives."""
    base = positives.sum() / pairs.sum()
    steps = isotonic_regression(positives / pairs, weights=pairs).blocks
    k, n = np.add.reduceat(positives, steps[:-1]), np.add.reduceat(pairs, steps[:-1])
    drawn = isotonic_regression((k + base) / (n + 1), weights=n).x
    ends = np.stack([scores[steps[:-1]], scores[steps[1:] - 1]], axis=1)
    return Calibration(ends.ravel(), np.repeat(np.clip(drawn, 0.0, 1.0), 2))


def _platt(scores: Array, positives: Array, pairs: Array) -> Calibration:
    """The sigmoid of the greatest likelihood, for Platt's targets (k + 1)/(k + 2) of positives and 1/(n - k + 2)."""
    k, n = positives.sum(), pairs.sum()
    high, low = (k + 1) / (k + 2), 1 / (n - k + 2)
    centre = float(scores @ pairs / n)
    width = float(np.sqrt(np.square(scores - centre) @ pairs / n)) or 1.0
    z, hits, misses = (scores - centre) / width, positives, pairs - positives
    towards = hits * high + misses * low  # of each cell, how many are to be told as positives

    def loss(of: Array) -> tuple[float, Array]:
        at = of[0] * z + of[1]
        rest = pairs * expit(at) - towards
        return float((pairs * np.logaddexp(0, at) - towards * at).sum() / n), np.array(
            [rest @ z, rest.sum()]
        ) / n

    start = np.array([1.0, np.log(k / (n - k)) if 0 < k < n else 0.0])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None), (None, None)])
    slope, offset = found.x
    return Calibration(np.zeros(0), np.zeros(0), float(slope / width), float(offset - slope * centre / width))


FITS: Mapping[str, Callable[[Array, Array, Array], Calibration]] = {ISOTONIC: _isotonic, PLATT: _platt}
