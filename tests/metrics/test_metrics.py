from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from awe_cli.errors import SettingsError
from awe_cli.metrics.metrics import METRICS, measure, measures
from awe_cli.metrics.ranks import LabelStatistics, Ranks
from tests.metrics.naive import TWINS

BOUNDED = [metric for metric in METRICS if metric.chooses]
OF_RANKS = [metric for metric in METRICS if not metric.looks_at_top]


def ranks_of(*rows):
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    flat = [rank for row in rows for rank in row]
    return Ranks(indptr, np.array(flat, dtype=np.int32))


def log2(x):
    return math.log2(x)


# positives ranked 1, 3 and 12 among 20 labels; what each metric must say, worked out by hand
BY_HAND = {
    "precision@1": 1 / 1,
    "precision@3": 2 / 3,
    "precision@10": 2 / 10,
    "precision@100": 3 / 100,
    "recall@1": 1 / 3,
    "recall@3": 2 / 3,
    "recall@12": 3 / 3,
    "ndcg@1": 1.0,
    "ndcg@2": 1 / (1 + 1 / log2(3)),
    "ndcg@3": (1 + 1 / 2) / (1 + 1 / log2(3) + 1 / 2),
    "ndcg@100": (1 + 1 / 2 + 1 / log2(13)) / (1 + 1 / log2(3) + 1 / 2),
    "map": (1 / 1 + 2 / 3 + 3 / 12) / 3,
    "mrr": 1.0,
    "mean-rank": (1 + 3 + 12) / 3,
}


@pytest.mark.parametrize("name", BY_HAND)
def test_by_hand(name):
    assert measure(name).values(ranks_of([1, 3, 12])) == pytest.approx([BY_HAND[name]], abs=1e-15)


def test_by_hand_over_several_examples():
    ranks = ranks_of([2], [], [1, 4], [])
    assert measure("mrr").values(ranks)[[0, 2]].tolist() == [0.5, 1.0]
    assert measure("mrr").mean(ranks) == 0.75
    assert measure("map").mean(ranks) == (1 / 2 + (1 + 2 / 4) / 2) / 2
    assert measure("precision@2").mean(ranks) == (1 / 2 + 1 / 2) / 2


@pytest.mark.parametrize("metric", OF_RANKS, ids=lambda metric: metric.name)
@given(relevant=st.lists(st.booleans(), min_size=1, max_size=30).filter(any), k=st.integers(1, 40))
def test_agrees_with_its_twin(metric, relevant, k):
    ranks = ranks_of([rank for rank, hit in enumerate(relevant, 1) if hit])
    assert metric.values(ranks, k)[0] == pytest.approx(TWINS[metric.name](relevant, k), abs=1e-12)


@pytest.mark.parametrize("metric", BOUNDED, ids=lambda metric: metric.name)
@given(relevant=st.lists(st.booleans(), min_size=1, max_size=30).filter(any), k=st.integers(1, 40))
def test_lies_between_0_and_1(metric, relevant, k):
    ranks = ranks_of([rank for rank, hit in enumerate(relevant, 1) if hit])
    assert 0 <= metric.values(ranks, k)[0] <= 1


@pytest.mark.parametrize("name", ["precision@1", "recall@7", "ndcg@1", "ndcg@3", "ndcg@50", "map", "mrr"])
def test_a_perfect_order_gives_exactly_1(name):
    positives = 1 if name == "precision@1" else 7
    assert measure(name).values(ranks_of(range(1, positives + 1))).tolist() == [1.0]


@pytest.mark.parametrize("metric", OF_RANKS, ids=lambda metric: metric.name)
def test_an_example_without_positives_is_left_out(metric):
    value = measures([metric.name], [5])[0]
    with_them, without = ranks_of([2, 3], [], [9]), ranks_of([2, 3], [9])
    assert np.isnan(value.values(with_them)).tolist() == [False, True, False]
    assert value.mean(with_them) == value.mean(without)


@pytest.mark.parametrize("metric", OF_RANKS, ids=lambda metric: metric.name)
@pytest.mark.parametrize("ranks", [ranks_of(), ranks_of([], [])])
def test_no_positives_at_all(metric, ranks):
    value = measures([metric.name], [5])[0]
    assert len(value.values(ranks)) == len(ranks.indptr) - 1
    assert math.isnan(value.mean(ranks))


@pytest.mark.parametrize("k", [1, 3, 10, 60])
def test_agrees_with_scikit_learn(k):
    reference = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(1)
    truth = rng.random((20, 50)) < 0.1
    truth[:, 0] = True
    scores = rng.permuted(np.tile(np.arange(50.0), (20, 1)), axis=1)  # no ties, which scikit-learn averages
    order = np.argsort(-scores, axis=1)
    ranks = ranks_of(*[np.flatnonzero(hits) + 1 for hits in np.take_along_axis(truth, order, axis=1)])
    assert measure(f"ndcg@{k}").mean(ranks) == pytest.approx(reference.ndcg_score(truth, scores, k=k))
    expected = [reference.average_precision_score(t, s) for t, s in zip(truth, scores, strict=True)]
    assert measure("map").values(ranks) == pytest.approx(expected)
    top = np.zeros_like(truth)
    np.put_along_axis(top, order[:, :k], True, axis=1)
    found = {name: measure(f"{name}@{k}").values(ranks) for name in ("precision", "recall")}
    share = min(k, 50) / k  # they divide by what is shown, p@k by k
    precisions = [reference.precision_score(t, s) * share for t, s in zip(truth, top, strict=True)]
    assert found["precision"] == pytest.approx(precisions)
    recalls = [reference.recall_score(t, s) for t, s in zip(truth, top, strict=True)]
    assert found["recall"] == pytest.approx(recalls)


def test_ranks_of_single_positives_agree_with_scikit_learn():
    """With one positive an example, its average precision is 1/rank, and its coverage error the rank."""
    reference = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(2)
    scores = rng.permuted(np.tile(np.arange(30.0), (25, 1)), axis=1)
    truth = np.eye(30, dtype=bool)[rng.integers(0, 30, 25)]
    order = np.argsort(-scores, axis=1)
    ranks = ranks_of(*[np.flatnonzero(hits) + 1 for hits in np.take_along_axis(truth, order, axis=1)])
    expected = reference.label_ranking_average_precision_score(truth, scores)
    assert measure("mrr").mean(ranks) == pytest.approx(expected)
    assert measure("mean-rank").mean(ranks) == pytest.approx(reference.coverage_error(truth, scores))


def test_ranks_of_several_positives_agree_with_scikit_learn():
    """Two ways to say it in other words, of N negatives and P positives that all have scores of their own.

    The mean rank is what the positives take from each other, (P + 1) / 2, and the negatives above one on average,
    N times the ranking loss. The reciprocal rank is the average precision were the best positive the only one.
    """
    reference = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(4)
    scores = rng.permuted(np.tile(np.arange(40.0), (30, 1)), axis=1)
    truth = rng.random((30, 40)) < 0.2
    truth[:, 0], truth[:, 1] = True, False
    order = np.argsort(-scores, axis=1)
    ranks = ranks_of(*[np.flatnonzero(hits) + 1 for hits in np.take_along_axis(truth, order, axis=1)])
    assert ranks.n_positives.max() > 5
    loss = np.array([reference.label_ranking_loss([t], [s]) for t, s in zip(truth, scores, strict=True)])
    P = truth.sum(axis=1)
    assert measure("mean-rank").values(ranks) == pytest.approx((P + 1) / 2 + (40 - P) * loss)
    best = np.eye(40, dtype=bool)[np.where(truth, scores, -1).argmax(axis=1)]
    expected = [
        reference.label_ranking_average_precision_score([t], [s]) for t, s in zip(best, scores, strict=True)
    ]
    assert measure("mrr").values(ranks) == pytest.approx(expected)


def test_coverage_by_hand():
    top = np.array([[0, 1], [0, 2], [3, -1]], dtype=np.int32)
    ranks = ranks_of([], [], [])._replace(top=top, known=LabelStatistics(np.ones(5), None))
    assert ranks.listed(2).tolist() == [2, 1, 1, 1, 0]
    assert measure("coverage@1").mean(ranks) == 2 / 5
    assert measure("coverage@2").mean(ranks) == 4 / 5


def test_names():
    found = measures(["NDCG@20", "precision", "map", "ndcg", "map"], [1, 20])
    assert [entry.name for entry in found] == ["ndcg@20", "precision@1", "precision@20", "map", "ndcg@1"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("precison@3", "did you mean 'precision'"),
        ("auc", "expected one of precision, recall"),
        ("map@5", "whole ranking"),
        ("ndcg@0", "at least 1"),
        ("ndcg@", "at least 1"),
        ("ndcg@-2", "at least 1"),
        ("ndcg@ten", "at least 1"),
        ("ndcg", "expected a k"),
    ],
)
def test_a_name_that_cannot_be(name, says):
    with pytest.raises(SettingsError) as caught:
        measure(name)
    assert says in f"{caught.value.message} {caught.value.hint}"
