"""Metrics that look at what is shown: popularity, novelty, sibling precision."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from awe_cli.errors import SettingsError
from awe_cli.matrices.matrix import Bags, Lists
from awe_cli.metrics.metrics import BINS, METRICS, criterion, measure
from awe_cli.metrics.ranks import LabelStatistics, Ranks
from tests.metrics import naive

# Labels 0 and 1 are kinds of p, 1 and 2 of q, 3 and 4 of nothing.
PARENTS = [[0], [0, 1], [1], [], []]


def lists_of(rows):
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    return Lists(indptr, np.array([entry for row in rows for entry in row], dtype=np.int32))


def shown(top, positives, counts=(6, 3, 1, 0, 0), parents=PARENTS):
    lists = lists_of(positives)
    ranks = np.ones(len(lists.indices), np.int32)
    known = LabelStatistics(np.array(counts), lists_of(parents))
    return Ranks(lists.indptr, ranks, lists.indices, np.array(top, np.int32), known)


def values(name, top, positives, **known):
    return measure(name).values(shown(top, positives, **known)).tolist()


def test_popularity_by_hand():
    assert values("popularity@1", [[0, 1]], [[0]]) == [6.0]
    assert values("popularity@2", [[0, 1], [3, 2]], [[0], [1]]) == [4.5, 0.5]


def test_popularity_of_fewer_candidates_than_k_is_the_mean_of_those_shown():
    assert values("popularity@3", [[0, 2, -1], [-1, -1, -1]], [[0], [1]]) == [3.5, 0.0]
    assert values("popularity@10", [[0, 1]], [[0]]) == [4.5]


def test_novelty_by_hand():
    """Counts plus one are 7, 4, 2, 1, 1, of 15."""
    bits = [-math.log2(c / 15) for c in (7, 4, 2, 1, 1)]
    assert values("novelty@2", [[0, 3]], [[0]]) == pytest.approx([(bits[0] + bits[3]) / 2])
    assert values("novelty@3", [[1, -1, -1]], [[0]]) == pytest.approx([bits[1]])


def test_sibling_precision_by_hand():
    # 0 is wanted: itself, its sibling 1; not 2, which is a sibling of 1 only; not 3.
    assert values("psib@1", [[0, 1, 2, 3]], [[0]]) == [1.0]
    assert values("psib@4", [[0, 1, 2, 3]], [[0]]) == [2 / 4]
    assert values("psib@2", [[2, 1, 0, 3]], [[0]]) == [1 / 2]
    # 1 is wanted: both 0 and 2 share a parent with it, and each counts once.
    assert values("psib@3", [[0, 2, 1]], [[1]]) == [1.0]
    # Without a parent a label is a sibling of itself only.
    assert values("psib@2", [[4, 3]], [[3]]) == [1 / 2]


def test_sibling_precision_of_several_labels_takes_the_best():
    assert values("psib@4", [[0, 1, 2, 4]], [[0, 3]]) == [2 / 4]
    assert values("psib@4", [[0, 1, 2, 4]], [[0, 2]]) == [3 / 4]


def test_sibling_precision_of_fewer_candidates_is_still_divided_by_k():
    assert values("psib@4", [[0, 1, -1, -1]], [[0]]) == [2 / 4]
    assert values("psib@10", [[0, 1]], [[0]]) == [2 / 10]


def test_examples_do_not_mix():
    assert values("psib@1", [[0], [0], [3]], [[1], [3], [0]]) == [1.0, 0.0, 0.0]


@pytest.mark.parametrize("name", ["psib@2", "popularity@2", "novelty@2"])
def test_an_example_without_positives_is_left_out(name):
    found = measure(name).values(shown([[0, 1], [2, 3]], [[0], []]))
    assert np.isnan(found).tolist() == [False, True]


@pytest.mark.parametrize("name", ["psib@2", "popularity@2", "novelty@2"])
def test_no_examples(name):
    assert math.isnan(measure(name).mean(shown(np.zeros((0, 2)), [])))


@given(
    rows=st.lists(st.lists(st.integers(0, 8), unique=True, max_size=6), min_size=1, max_size=6),
    counts=st.lists(st.integers(0, 1000), min_size=9, max_size=9),
    k=st.integers(1, 7),
)
def test_what_is_shown_agrees_with_its_twins(rows, counts, k):
    """Rows of fewer than six labels are those of examples with fewer candidates."""
    top = np.array([row + [-1] * (6 - len(row)) for row in rows], np.int32)
    ranks = shown(top, [[0]] * len(rows), counts=counts)
    for twin in (naive.popularity, naive.novelty):
        found = measure(f"{twin.__name__}@{k}").values(ranks)
        assert found == pytest.approx([twin(row, counts, k) for row in rows], abs=1e-12)
    assert measure(f"coverage@{k}").mean(ranks) == naive.coverage(rows, 9, k)
    assert measure(f"gini@{k}").mean(ranks) == pytest.approx(naive.gini(rows, 9, k), abs=1e-12)


def test_gini_by_hand():
    """Lists have the five labels 3, 2, 1, 0 and 0 times: Σ (2i − 6) c_(i) = 4·3 + 2·2 + 0·1, of 5 · 6."""
    ranks = shown([[0, 1, 2], [0, 1, -1], [0, -1, -1]], [[0]] * 3)
    assert ranks.listed(3).tolist() == [3, 2, 1, 0, 0]
    assert measure("gini@3").mean(ranks) == pytest.approx((4 * 3 + 2 * 2 + 0 * 1) / (5 * 6))
    assert measure("gini@1").mean(ranks) == pytest.approx(1 - 1 / 5)  # one label has all places
    assert measure("gini@1").mean(shown([[y] for y in range(5)], [[0]] * 5)) == 0


def test_probabilities_by_hand():
    ranks = shown([[0, 1], [3, 2], [4, -1]], [[0], [2], []])
    ranks = ranks._replace(probabilities=np.array([[0.9, 0.25], [0.5, 0.25], [0.9, np.nan]], np.float32))
    assert measure("brier@2").values(ranks)[:2] == pytest.approx([(0.01 + 0.0625) / 2, (0.25 + 0.5625) / 2])
    # Of 4 labels, .9 is right, .5 is not, and of the two of .25 one is; the third example has no positives.
    assert measure("ece@2").mean(ranks) == pytest.approx((0.1 + 0.5 + abs(0.5 - 1)) / 4)


@given(
    rows=st.lists(
        st.tuples(
            st.lists(st.integers(0, 8), unique=True, max_size=5),
            st.sets(st.integers(0, 8), min_size=1, max_size=4),
            st.lists(st.floats(0, 1, width=32), min_size=5, max_size=5),
        ),
        min_size=1,
        max_size=6,
    ),
    k=st.integers(1, 6),
)
def test_probabilities_agree_with_their_twins(rows, k):
    top = np.array([labels + [-1] * (5 - len(labels)) for labels, _, _ in rows], np.int32)
    ranks = shown(top, [sorted(positives) for _, positives, _ in rows], counts=[1] * 9)
    p = np.where(top < 0, np.nan, np.array([given for _, _, given in rows])).astype(np.float32)
    ranks = ranks._replace(probabilities=p)
    expected = [naive.brier(labels, positives, given, k) for labels, positives, given in rows]
    assert measure(f"brier@{k}").values(ranks) == pytest.approx(expected, abs=1e-6)
    pairs = [
        (given, label in positives)
        for labels, positives, all_given in rows
        for label, given in zip(labels[:k], all_given, strict=False)
    ]
    assert measure(f"ece@{k}").mean(ranks) == pytest.approx(naive.calibration_error(pairs, BINS), abs=1e-6)


def sibling_precision(top, positives, parents, k):
    def alike(a, b):
        return a == b or bool(set(parents[a]) & set(parents[b]))

    return sum(any(alike(y, p) for p in positives) for y in top[:k] if y >= 0) / k


# S of labels 0 to 3, without its diagonal.
SIMILAR = [[0, 0.5, 0.25, 0], [0.5, 0, 0, 0.75], [0.25, 0, 0, 0], [0, 0.75, 0, 0]]


def similar(S):
    S = np.array(S)
    lists = lists_of([np.flatnonzero(row) for row in S])
    return Bags(lists.indptr, lists.indices, S[S > 0].astype(np.float32))


def by_similarity(name, top, positives, S=SIMILAR):
    ranks = shown(top, positives)
    return measure(name).values(ranks._replace(known=LabelStatistics(np.ones(4), None, similar(S)))).tolist()


def test_given_similarity_by_hand():
    assert by_similarity("psib@1", [[1, 0, 2, 3]], [[0]]) == [0.5]
    assert by_similarity("psib@4", [[1, 0, 2, 3]], [[0]]) == [(0.5 + 1 + 0.25 + 0) / 4]
    assert by_similarity("psib@2", [[1, 2]], [[0, 3]]) == [(0.75 + 0.25) / 2]  # the best positive counts
    assert by_similarity("psib@3", [[1, -1, -1]], [[0]]) == [0.5 / 3]
    assert by_similarity("psib@1", [[1], [1], [3]], [[0], [2], [3]]) == [0.5, 0.0, 1.0]  # no example mixes


def test_siblings_are_a_similarity():
    """S written out from the parents says the same as the parents."""
    rng = np.random.default_rng(0)
    top = [rng.permutation(5)[:4] for _ in range(20)]
    positives = [np.sort(rng.permutation(5)[: rng.integers(1, 4)]) for _ in range(20)]
    S = [[float(a != b and bool(set(PARENTS[a]) & set(PARENTS[b]))) for b in range(5)] for a in range(5)]
    ranks = shown(top, positives)
    given_s = ranks._replace(known=LabelStatistics(np.ones(5), None, similar(S)))
    for k in (1, 3, 4):
        assert measure(f"psib@{k}").values(given_s).tolist() == measure(f"psib@{k}").values(ranks).tolist()


LABELS = st.integers(0, 7)


@given(
    parents=st.lists(st.lists(st.integers(0, 4), unique=True, max_size=3), min_size=8, max_size=8),
    rows=st.lists(
        st.tuples(
            st.lists(LABELS, unique=True, min_size=5, max_size=5),
            st.lists(LABELS, unique=True, min_size=1, max_size=4),
        ),
        min_size=1,
        max_size=5,
    ),
    k=st.integers(1, 7),
)
def test_sibling_precision_agrees_with_its_twin(parents, rows, k):
    parents = [sorted(of) for of in parents]
    top, positives = [row for row, _ in rows], [sorted(row) for _, row in rows]
    found = values(f"psib@{k}", top, positives, counts=[1] * 8, parents=parents)
    assert found == pytest.approx(
        [sibling_precision(t, p, parents, k) for t, p in zip(top, positives, strict=True)]
    )


@given(st.lists(st.permutations(range(5)), min_size=1, max_size=4), st.integers(1, 5))
def test_with_no_parents_it_is_precision(top, k):
    positives = [[0, 3]] * len(top)
    found = values(f"psib@{k}", top, positives, parents=[[]] * 5)
    assert found == pytest.approx([len({0, 3} & set(row[:k])) / k for row in top])


def test_directions():
    directions = {metric.name: metric.better for metric in METRICS}
    assert {directions.pop(name) for name in ("mean-rank", "gini", "brier", "ece")} == {"lower"}
    assert directions.pop("popularity") is directions.pop("novelty") is None
    assert set(directions.values()) == {"higher"}


@pytest.mark.parametrize(
    "name", ["mean-rank", "popularity@5", "novelty@5", "psib@5", "coverage@5", "gini@5", "ece@5"]
)
def test_what_one_cannot_choose_by(name):
    with pytest.raises(SettingsError, match=r"to choose by \(precision, recall, ndcg, map, mrr\)"):
        criterion(name)
