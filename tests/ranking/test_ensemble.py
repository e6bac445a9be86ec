"""Standardised scores and their combination, against loops over one example."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pytest

from awe_cli.dataset.examples import Examples
from awe_cli.matrices.matrix import Bags, Lists, n_rows
from awe_cli.ranking.ensemble import SHARES, EnsembleRanker, blend_weights, standardised, with_share
from awe_cli.ranking.ranker import Scores
from awe_cli.ranking.validation import Validator


class Fixed:
    """Gives these scores, whatever the input."""

    def __init__(self, score, tie=None):
        self.score, self.tie = np.array(score, np.float32), tie if tie is None else np.array(tie, np.float32)
        self.n_labels = self.score.shape[1]

    def scores(self, x):
        assert n_rows(x) == len(self.score)
        return Scores(self.score.copy(), None if self.tie is None else self.tie.copy())


NOBODY = Bags(np.array([0, 0]), np.zeros(0, np.int32), np.zeros(0, np.float32))
HAS_0 = Bags(np.array([0, 1]), np.zeros(1, np.int32), np.ones(1, np.float32))


def test_by_hand():
    """1, 3, 5 have mean 3 and deviation √(8/3); 2, 0, 4 have mean 2 and the same."""
    ranker = EnsembleRanker([Fixed([[1, 3, 5]]), Fixed([[20, 0, 40]])], [0.25, 0.75], own=True)
    root = np.sqrt(8 / 3)
    expected = [0.25 * -2 / root + 0, 0.75 * -2 / root, (0.25 * 2 + 0.75 * 2) / root]
    assert ranker.scores(NOBODY).score[0] == pytest.approx(expected, abs=1e-6)


def test_what_is_no_candidate_has_no_part_in_mean_and_deviation():
    ranker = EnsembleRanker([Fixed([[1000, 1, 3]])], [1.0], own=True)
    assert ranker.scores(HAS_0).score[0, 1:] == pytest.approx([-1, 1])
    ranker = EnsembleRanker([Fixed([[1000, 1, 3]])], [1.0], own=False)
    assert ranker.scores(HAS_0).score[0, 0] == pytest.approx(np.sqrt(2), abs=1e-4)


@pytest.mark.parametrize("value", [0.0, 7.0, 1e20, 0.1])
def test_a_model_whose_scores_are_all_one_has_no_say(value):
    assert standardised(np.full((2, 7), value, np.float32), None).tolist() == [[0.0] * 7] * 2


def test_all_labels_seen():
    seen = Bags(np.array([0, 2]), np.array([0, 1], np.int32), np.ones(2, np.float32))
    assert np.isfinite(standardised(np.array([[1, 2]], np.float32), seen)).all()


def test_a_score_that_is_no_number_stays_one():
    """rank_block tells the user whose it is."""
    assert np.isnan(standardised(np.array([[1, np.nan, 2]], np.float32), None)).any()


def test_ties_are_combined_too():
    """All scores are 0: the first model's ties decide, and the second has none but its scores."""
    ranker = EnsembleRanker([Fixed([[0, 0, 0]], [[1, 5, 3]]), Fixed([[2, 2, 2]])], [0.5, 0.5], own=True)
    found = ranker.scores(NOBODY)
    assert not found.score.any()
    assert np.argsort(-found.tie[0]).tolist() == [1, 2, 0]


def test_a_model_without_weight_is_not_asked():
    ranker = EnsembleRanker([None, Fixed([[1, 2]])], [0.0, 2.0], own=True)
    assert ranker.n_labels == 2
    assert ranker.scores(NOBODY).score[0] == pytest.approx([-2, 2])


@pytest.mark.parametrize(
    ("weights", "m", "share", "expected"),
    [
        ([1, 0], 1, 0.25, [0.75, 0.25]),
        ([0.5, 0.3, 0.2], 0, 0.0, [0, 0.6, 0.4]),
        ([0.5, 0.3, 0.2], 0, 1.0, [1, 0, 0]),
        ([0, 1, 0], 1, 0.5, [0.25, 0.5, 0.25]),
    ],
)
def test_shares(weights, m, share, expected):
    assert with_share(weights, m, share) == pytest.approx(expected)


def test_each_model_alone_is_among_the_shares():
    assert (SHARES[0], SHARES[-1]) == (0.0, 1.0)


def test_in_which_order_parts_are_named_does_not_matter():
    rng = np.random.default_rng(0)
    n, labels = 50, 20
    wanted = np.sort(rng.permuted(np.tile(np.arange(labels), (n, 1)), axis=1)[:, :3], axis=1)
    nothing = Bags(np.zeros(n + 1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32))
    positives = Lists(np.arange(n + 1, dtype=np.int64) * 3, wanted.ravel().astype(np.int32))
    validator = Validator(Examples(pa.array(range(n)), nothing, positives, None, False), "ndcg@5", 1)
    scores = [rng.normal(0, 1, (n, labels)).astype(np.float32) for _ in range(3)]
    for part, gain in zip(scores, (0.8, 0.5, 0.2), strict=True):
        np.put_along_axis(part, wanted, gain + np.take_along_axis(part, wanted, 1), 1)

    def found(order):
        parts = [scores[m] for m in order]
        best = blend_weights(lambda start, stop: [(F[start:stop],) * 2 for F in parts], 3, validator, labels)
        return sorted(zip(order, best.weights, strict=True)), best.validation

    first, alone = found((0, 1, 2)), [found((m,) * 3)[1] for m in range(3)]
    assert all(found(order) == first for order in itertools.permutations(range(3)))
    assert first[1] > max(alone)
