"""Scores as probabilities: the maps against other implementations, planted truths, and what has to hold of any map."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from awe_cli.dataset.examples import Examples
from awe_cli.matrices.matrix import Bags, Lists, n_rows
from awe_cli.ranking.calibration import (
    ISOTONIC,
    METHODS,
    PLATT,
    RAW,
    SCALES,
    STANDARD,
    calibrate_scores,
    fit_map,
    gather,
)
from awe_cli.ranking.ranker import Scores


class Told:
    """Scores that are told: row e of S for the example whose bag holds feature e."""

    def __init__(self, S):
        self.S = np.asarray(S, np.float32)
        self.n_labels = self.S.shape[1]

    def scores(self, x):
        assert n_rows(x) == len(x.indices)
        return Scores(self.S[x.indices], None)


def lists_of(truth):
    rows, labels = np.nonzero(truth)
    indptr = np.searchsorted(rows, np.arange(len(truth) + 1)).astype(np.int64)
    return Lists(indptr, labels.astype(np.int32))


def examples_of(truth, seen=None):
    n = len(truth)
    x = Bags(np.arange(n + 1), np.arange(n, dtype=np.int32), np.ones(n, np.float32))
    hidden = None if seen is None else lists_of(seen)
    return Examples(pa.array(np.arange(n)), x, lists_of(truth), hidden, own=False)


def planted(n=3000, labels=40, shift=0.0, seed=0):
    """Scores, and labels that are positives with the probability σ(2s - 3); then each example's scores are shifted."""
    rng = np.random.default_rng(seed)
    S = rng.normal(size=(n, labels))
    truth = rng.random(S.shape) < expit(2 * S - 3)
    return Told(S + shift * rng.normal(size=(n, 1))), S, truth


@pytest.mark.parametrize("method", METHODS)
def test_a_planted_probability_is_found(method):
    ranker, _, truth = planted()
    found = calibrate_scores(ranker, examples_of(truth), [method], [RAW], None)
    s = np.linspace(-2, 2.5, 19)
    assert found.calibration.of(s) == pytest.approx(expit(2 * s - 3), abs=0.05)
    assert found.losses.keys() == {f"{method} of raw scores"}


def test_shifted_scores_are_standardised_and_a_sigmoid_is_known_for_one():
    ranker, _, truth = planted(shift=3.0)
    assert calibrate_scores(ranker, examples_of(truth), METHODS, SCALES, None).calibration.scale == STANDARD
    ranker, _, truth = planted(n=200)
    found = calibrate_scores(ranker, examples_of(truth), METHODS, [RAW], None)
    assert found.method == PLATT  # it is one, and there is little to fit more than two numbers to


def test_what_is_no_sigmoid_takes_steps():
    rng = np.random.default_rng(1)
    S = rng.random((1500, 40))
    truth = rng.random(S.shape) < np.where(S > 0.5, 0.3, 0.1)
    found = calibrate_scores(Told(S), examples_of(truth), METHODS, [RAW], None)
    assert found.method == ISOTONIC
    assert found.calibration.of(np.array([0.25, 0.75])) == pytest.approx([0.1, 0.3], abs=0.03)


def test_isotonic_agrees_with_scikit_learn_where_many_pairs_have_a_score():
    reference = pytest.importorskip("sklearn.isotonic")
    rng = np.random.default_rng(2)
    scores, pairs = np.arange(50.0), rng.integers(2000, 9000, 50).astype(float)
    positives = rng.binomial(pairs.astype(int), np.linspace(0.05, 0.9, 50) + rng.normal(0, 0.05, 50)).astype(
        float
    )
    expected = reference.IsotonicRegression().fit(scores, positives / pairs, pairs).predict(scores)
    # One pair more a step is all that differs.
    assert fit_map(ISOTONIC, RAW, scores, positives, pairs).of(scores) == pytest.approx(expected, abs=1e-3)


def test_platt_agrees_with_scikit_learn():
    reference = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(3)
    s = rng.normal(5, 3, 20000)
    y = rng.random(20000) < expit(0.8 * s - 6)
    model = reference.LogisticRegression(C=1e9, tol=1e-9).fit(s[:, None], y)
    order = np.argsort(s)
    found = fit_map(PLATT, RAW, s[order], y[order].astype(float), np.ones(len(s)))
    # Platt's targets, which stand a little off 0 and 1, are all that differs.
    assert (found.slope, found.offset) == pytest.approx((model.coef_[0, 0], model.intercept_[0]), rel=2e-2)


def test_nothing_is_lost_by_gathering():
    """The steps are those of all pairs one by one."""
    ranker, S, truth = planted(n=60)
    seen = np.random.default_rng(5).random(S.shape) < 0.1
    truth &= ~seen
    cells = gather(ranker, examples_of(truth, seen), RAW, None)
    s, y = ranker.S[~seen].astype(np.float64), truth[~seen].astype(np.float64)
    order = np.argsort(s)
    alone = fit_map(ISOTONIC, RAW, s[order], y[order], np.ones(len(s)))
    together = fit_map(ISOTONIC, RAW, cells.scores, cells.positives.sum(axis=0), cells.pairs.sum(axis=0))
    assert cells.pairs.sum() == len(s)
    assert cells.positives.sum(axis=1).tolist() == [truth[::2].sum(), truth[1::2].sum()]
    assert np.unique(together.probabilities) == pytest.approx(np.unique(alone.probabilities), abs=1e-12)


@settings(deadline=None)
@given(
    counts=st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 60), st.floats(-1e4, 1e4, width=32)),
        min_size=1, max_size=12, unique_by=lambda entry: entry[2],
    ).filter(lambda entries: any(k for k, _, _ in entries)),
    asked=st.lists(st.floats(-2e4, 2e4, width=32), min_size=2, max_size=40),
    method=st.sampled_from(METHODS),
)  # fmt: skip
def test_probabilities_never_fall_and_nothing_is_certain(counts, asked, method):
    k, n, s = (np.array(part, np.float64) for part in zip(*sorted(counts, key=lambda e: e[2]), strict=True))
    found = fit_map(method, RAW, s, k, k + n + 1)
    p = found.of(np.sort(np.array(asked, np.float64)))
    assert (np.diff(p) >= 0).all()
    assert ((p >= 0) & (p <= 1)).all()
    if method == ISOTONIC:
        assert ((found.probabilities > 0) & (found.probabilities < 1)).all()


@pytest.mark.parametrize("scale", SCALES)
def test_lists_have_the_probabilities_of_their_scores(scale):
    ranker, S, truth = planted(n=300, shift=1.0)
    seen = np.random.default_rng(6).random(S.shape) < 0.2
    examples = examples_of(truth & ~seen, seen)
    found = calibrate_scores(ranker, examples, [PLATT], [scale], None).calibration
    top = -np.sort(-ranker.S, axis=1)[:, :5]
    p = found.of_lists(ranker, examples.x, examples.seen, top)
    at = np.where(seen, np.nan, ranker.S)
    mean, deviation = np.nanmean(at, axis=1, keepdims=True), np.nanstd(at, axis=1, keepdims=True)
    s = top if scale == RAW else (top - mean) / deviation
    assert p == pytest.approx(expit(found.slope * s + found.offset), rel=1e-4)
    assert (np.diff(p, axis=1) <= 0).all()


def test_the_same_bytes_for_any_number_of_threads(monkeypatch):
    monkeypatch.setattr("awe_cli.ranking.calibration.block_rows", lambda n_labels: 37)
    ranker, _, truth = planted(n=400)
    found = [calibrate_scores(ranker, examples_of(truth), METHODS, SCALES, threads) for threads in (1, 3)]
    for first, second in zip(found[0].calibration, found[1].calibration, strict=True):
        np.testing.assert_array_equal(first, second)
    assert found[0].losses == found[1].losses
