r"""Scores as probabilities: a map that never falls, fitted to held-out examples.

Given are pairs of an example and a label, each with the score s that the model gives it and whether the label is a
positive. A map is of the scores as they are, or standardised over the candidate labels of the example, where models
give some examples high scores throughout; and it is one of two:

    isotonic  p(s) = the steps that never fall and are nearest in squared error (Zadrozny & Elkan 2002), along a line
              from the end of one to the beginning of the next
    Platt     p(s) = 1 / (1 + exp(-(a s + b))) with a ≥ 0 (Platt 1999)

Both are drawn a little towards the share of positives among all pairs: no finite number of pairs makes certain. Of the
four that one is taken which foretells best, by log loss, which labels of one half of the examples are positives when
it was fitted to the other half.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression, minimize
from scipy.special import expit, xlogy

from awe_cli.dataset.examples import Examples
from awe_cli.engine.local import map_blocks, one_blas_thread
from awe_cli.matrices.matrix import Lists, Rows, n_rows, slice_lists, slice_rows
from awe_cli.ranking.earlier import unscored_labels
from awe_cli.ranking.ranker import Ranker, block_rows
from awe_cli.ranking.standing import candidates, standing

ISOTONIC, PLATT = METHODS = ("isotonic", "platt")
RAW, STANDARD = SCALES = ("raw", "standard")
_EVEN = 256  # cells of equal width, beside those that begin at the score of a positive
_HALVES = 2
_LEAST, _MOST = np.finfo(np.float32).tiny, 1 - np.finfo(np.float32).epsneg  # float32 numbers between 0 and 1

Array = NDArray[np.float64]


class Calibration(NamedTuple):
    """A map from scores to probabilities: a line through knots, flat beyond them, or a sigmoid.

    scores         (knots,) ascending; none for a sigmoid
    probabilities  (knots,) never falling
    slope, offset  of the sigmoid
    scale          RAW or STANDARD: what it is a map of
    """

    scores: Array
    probabilities: Array
    slope: float
    offset: float
    scale: str

    def of(self, s: Array) -> NDArray[np.float32]:
        """The probability of each score on this scale, of the same shape; NaN stays NaN."""
        if not len(self.scores):
            return expit(self.slope * s + self.offset).astype(np.float32)
        after = np.searchsorted(self.scores, s, side="right")
        low, high = (self.probabilities[np.clip(after - step, 0, len(self.scores) - 1)] for step in (1, 0))
        # Rounding must not lead beyond a knot.
        return np.clip(np.interp(s, self.scores, self.probabilities), low, high).astype(np.float32)

    def of_lists(
        self, ranker: Ranker, x: Rows, seen: Lists | None, scores: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """The probabilities of labels with these scores (m, k) for the rows of x; a higher score has no lower one.

        seen  labels that were no candidates when the map was fitted: a person's history
        """
        if self.scale == RAW:
            return self.of(scores.astype(np.float64))
        found, step = [np.zeros((0, scores.shape[1]), np.float32)], block_rows(ranker.n_labels)
        for start in range(0, n_rows(x), step):
            stop = min(start + step, n_rows(x))
            S = ranker.scores(slice_rows(x, start, stop)).score
            hidden = None if seen is None else slice_lists(seen, start, stop)
            at = standing(S, candidates(S.shape, hidden, unscored_labels(ranker)))
            found.append(self.of(at.standardised(scores[start:stop])))
        return np.concatenate(found)


class Cells(NamedTuple):
    """Pairs gathered by score: cell c has those from one edge to the next, of each half of the examples.

    scores     (cells,) the mean score of the pairs in a cell, ascending
    positives  (2, cells) how many are positives
    pairs      (2, cells) how many there are
    """

    scores: Array
    positives: Array
    pairs: Array


def gather(ranker: Ranker, examples: Examples, scale: str, threads: int | None) -> Cells:
    """The pairs of `examples` and all their candidate labels, by score; even and odd examples are the halves.

    A cell begins at the score of each positive, so that all negatives between two of them are together. So nothing
    is lost to isotonic regression: labels that are no positives and follow each other have one value there.
    """
    unscored = unscored_labels(ranker)

    def blocks() -> Iterator[tuple[int, int]]:
        step = block_rows(ranker.n_labels)
        return ((start, min(start + step, len(examples))) for start in range(0, len(examples), step))

    def scored(block: tuple[int, int]) -> tuple[Array, NDArray[np.bool_], NDArray[np.bool_]]:
        """(m, labels) scores, which labels are candidates, and which of these are positives."""
        inside = examples.slice(*block)
        S = ranker.scores(inside.x).score
        candidate = candidates(S.shape, inside.seen, unscored)
        positive = np.zeros(S.shape, np.bool_)
        owners = np.repeat(np.arange(len(inside)), np.diff(inside.positives.indptr))
        positive[owners, inside.positives.indices] = True
        s = S.astype(np.float64) if scale == RAW else standing(S, candidate).standardised(S)
        return s, candidate, positive & candidate

    def of_positives(block: tuple[int, int]) -> tuple[Array, float, float]:
        s, candidate, positive = scored(block)
        there = s[candidate]
        return s[positive], float(there.min(initial=np.inf)), float(there.max(initial=-np.inf))

    parts = list(map_blocks(of_positives, blocks(), threads))
    even = np.linspace(min(part[1] for part in parts), max(part[2] for part in parts), _EVEN)
    edges = np.unique(np.concatenate([even, *(part[0] for part in parts)]))

    def counted(block: tuple[int, int]) -> Array:
        """(3, 2, cells) how many pairs there are, how many are positives, and the sum of the scores."""
        s, candidate, positive = scored(block)
        half = np.broadcast_to(np.arange(*block)[:, None] % _HALVES, s.shape)[candidate]
        cells = half * len(edges) + np.searchsorted(edges, s[candidate], side="right") - 1
        weights = (np.ones(len(cells)), positive[candidate], s[candidate])
        sums = np.stack([np.bincount(cells, of, _HALVES * len(edges)) for of in weights])
        return sums.reshape(3, _HALVES, len(edges)).astype(np.float64)

    total = np.zeros((3, _HALVES, len(edges)))
    for part in map_blocks(counted, blocks(), threads):
        total += part
    pairs, positives, sums = total[:, :, total[0].sum(axis=0) > 0]
    return Cells(sums.sum(axis=0) / pairs.sum(axis=0), positives, pairs)


class Calibrated(NamedTuple):
    """The map that was chosen, by which method, and the log loss by halves of each of "method of scale scores"."""

    calibration: Calibration
    method: str
    losses: dict[str, float]
    cells: Cells


def calibrate_scores(
    ranker: Ranker, examples: Examples, methods: Sequence[str], scales: Sequence[str], threads: int | None
) -> Calibrated:
    """The map with the lowest log loss by halves, fitted to all of `examples`, each of which has a positive."""
    gathered = {scale: gather(ranker, examples, scale, threads) for scale in scales}
    with one_blas_thread():
        losses = {
            (method, scale): _loss_by_halves(method, scale, gathered[scale])
            for method, scale in product(methods, scales)
        }
        method, scale = min(losses, key=lambda which: losses[which])
        scores, positives, pairs = gathered[scale]
        calibration = fit_map(method, scale, scores, positives.sum(axis=0), pairs.sum(axis=0))
    named = {f"{one} of {of} scores": loss for (one, of), loss in losses.items()}
    return Calibrated(calibration, method, named, gathered[scale])


def _loss_by_halves(method: str, scale: str, cells: Cells) -> float:
    """The mean log loss of the pairs of each half under the map of the other, in nats."""
    loss = 0.0
    for half in range(_HALVES):
        used = cells.pairs[half] > 0
        found = fit_map(
            method, scale, cells.scores[used], cells.positives[half][used], cells.pairs[half][used]
        )
        # 0 and 1 are roundings: no map is that sure.
        p = np.clip(found.of(cells.scores).astype(np.float64), _LEAST, _MOST)
        k, n = cells.positives[1 - half], cells.pairs[1 - half]
        loss -= float((xlogy(k, p) + xlogy(n - k, 1 - p)).sum())
    return loss / float(cells.pairs.sum())


def fit_map(method: str, scale: str, scores: Array, positives: Array, pairs: Array) -> Calibration:
    """The map of a method, from how many `pairs` have each of the ascending `scores`, and how many are positives."""
    if method == ISOTONIC:
        return Calibration(*_isotonic(scores, positives, pairs), 0.0, 0.0, scale)
    return Calibration(np.zeros(0), np.zeros(0), *_platt(scores, positives, pairs), scale)


def _isotonic(scores: Array, positives: Array, pairs: Array) -> tuple[Array, Array]:
    """Both ends of steps, of which each counts one pair more, of the share of positives among all."""
    base = positives.sum() / pairs.sum()
    steps = isotonic_regression(positives / pairs, weights=pairs).blocks
    k, n = np.add.reduceat(positives, steps[:-1]), np.add.reduceat(pairs, steps[:-1])
    drawn = isotonic_regression((k + base) / (n + 1), weights=n).x
    ends = np.stack([scores[steps[:-1]], scores[steps[1:] - 1]], axis=1)
    return ends.ravel(), np.repeat(np.clip(drawn, 0.0, 1.0), 2)


def _platt(scores: Array, positives: Array, pairs: Array) -> tuple[float, float]:
    """a and b of the greatest likelihood, for Platt's targets (k + 1)/(k + 2) of positives and 1/(n - k + 2)."""
    k, n = positives.sum(), pairs.sum()
    high, low = (k + 1) / (k + 2), 1 / (n - k + 2)
    centre = float(scores @ pairs / n)
    width = float(np.sqrt(np.square(scores - centre) @ pairs / n)) or 1.0
    z = (scores - centre) / width
    wanted = positives * high + (pairs - positives) * low  # what the probabilities of a cell should add up to

    def loss(of: Array) -> tuple[float, Array]:
        at = of[0] * z + of[1]
        beyond = pairs * expit(at) - wanted
        return float((pairs * np.logaddexp(0, at) - wanted * at).sum() / n), np.array(
            [beyond @ z, beyond.sum()]
        ) / n

    start = np.array([1.0, np.log(high * k / (n - high * k))])
    slope, offset = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None), (None, None)]).x
    return float(slope / width), float(offset - slope * centre / width)
