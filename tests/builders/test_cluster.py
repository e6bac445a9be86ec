"""Clusters against eq. 10, and ranking by candidates against ranking by all scores."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awe_cli.builders.cluster import grow_tree
from awe_cli.builders.registry import BUILDERS
from awe_cli.core.search import find_leaves
from awe_cli.engine.local import ALL_THREADS, Local
from awe_cli.matrices.matrix import Dense, Lists
from awe_cli.neighbors.table import parts_of, without_part
from awe_cli.ranking.block import rank_block
from awe_cli.ranking.embedding import CandidateRanker
from awe_cli.ranking.ranker import block_rows
from awe_cli.ranking.validation import rank, rows_at_once
from tests.affinities.members import lists
from tests.builders import naive
from tests.builders.world import KINDS, TOLD, labels_of, laid_out, source
from tests.neighbors.test_table import ITEMS

each_kind = pytest.mark.parametrize("kind", KINDS)


def build(made, **more):
    told, builder = {**TOLD, **more}, BUILDERS["cluster"]
    return builder.open(told, made, builder.fit(told, made, builder.choices(told, made)[0]))


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_points_go_to_the_nearest_centre_at_every_level(levels):
    points = np.random.default_rng(0).normal(size=(400, 5)).astype(np.float32)
    tree = grow_tree(points, 27, levels)
    assert 20 <= tree.leaf.max() + 1 <= 34
    assert sorted(tree.leaf[tree.leaf >= 0]) == list(range(tree.leaf.max() + 1))
    found = find_leaves(points, tree)
    for point, leaf in zip(points.astype(float), found, strict=True):
        node = 0
        while tree.children[node]:
            children = np.arange(tree.first[node], tree.first[node] + tree.children[node])
            node = children[np.argmin(((tree.centers[children] - point) ** 2).sum(axis=1))]
        assert leaf == tree.leaf[node]
    assert set(found) == set(range(tree.leaf.max() + 1)), "no leaf is empty"


def test_groups_that_lie_apart_are_the_leaves():
    rng = np.random.default_rng(1)
    group = np.arange(300) % 2
    points = (rng.normal(size=(2, 4))[group] * 10 + rng.normal(0, 0.01, (300, 4))).astype(np.float32)
    found = find_leaves(points, grow_tree(points, 2, 1))
    assert len(set(zip(group, found, strict=True))) == 2


@pytest.mark.parametrize("points", [np.zeros((9, 3)), np.ones((1, 3)), np.repeat(np.eye(3), 4, axis=0)])
def test_points_that_coincide(points):
    tree = grow_tree(points.astype(np.float32), 5, 2)
    assert (find_leaves(points.astype(np.float32), tree) <= tree.leaf.max()).all()


@each_kind
def test_the_table_is_equation_10(kind):
    made, new = source(kind), KINDS[kind][0](20, seed=1)
    built = build(made)
    home, labels = built.leaves(made.examples.x), labels_of(made.examples)
    for leaf, row in zip(built.leaves(new.x), built.table(new.x), strict=True):
        assert np.flatnonzero(row).tolist() == naive.top_of_leaf(home, leaf, labels, 5, ITEMS)
        assert set(row) <= {0, 1}


@each_kind
@pytest.mark.parametrize("top", [2, 5, 1000])
def test_training_examples_are_not_counted_in_their_own_leaf(kind, top):
    made = source(kind)
    built, parts = build(made, top=top), parts_of(made.examples)
    queries = built.training(ALL_THREADS, 1000)
    G, labels = laid_out(queries, ITEMS), labels_of(made.examples)
    home = built.leaves(made.examples.x)
    alike = 0
    for part in range(parts):
        leaves = built.leaves(
            without_part(made.examples.x, parts, part, np.diff(made.examples.positives.indptr))
        )
        for e, leaf in enumerate(leaves):
            expected = naive.top_of_leaf(home, leaf, labels, top, ITEMS, skip=e)
            assert np.flatnonzero(G[e * parts + part]).tolist() == expected
            alike += expected == naive.top_of_leaf(home, leaf, labels, top, ITEMS)
    assert alike > 0 or top > 5
    again = built.training(Local(3), 7)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(queries, again, strict=True))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 20), st.integers(1, 14))
def test_ranking_candidates_is_ranking_all_labels(seed, k, n_labels):
    """Also with empty lists, with positives that are no candidates, and for more labels than there are."""
    rng = np.random.default_rng(seed)
    m, n_lists = 6, 4
    some = lambda rows, most: lists(  # noqa: E731
        [rng.choice(n_labels, rng.integers(0, most + 1), replace=False) for _ in range(rows)]
    )
    candidates = some(n_lists, n_labels)
    both = [rng.permutation(n_labels) for _ in range(m)]
    cuts = [sorted(rng.integers(0, n_labels + 1, 2)) for _ in range(m)]
    positives = lists([order[:a] for order, (a, _) in zip(both, cuts, strict=True)])
    seen = lists([order[a:b] for order, (a, b) in zip(both, cuts, strict=True)])
    chosen = rng.integers(0, n_lists, m).astype(np.int32)
    U, V = (rng.integers(-2, 3, (n, 2)).astype(np.float32) for n in (3, n_labels))
    ranker = CandidateRanker(lambda x: chosen, candidates, U, V)
    x = Dense(np.arange(3, dtype=np.int32), rng.integers(-1, 2, (m, 3)).astype(np.float32))
    found = rank(ranker, x, positives, seen, k, "it")
    expected = rank_block(ranker.scores(x), positives, seen, k, "it")
    for name, a, b in zip(found._fields, found, expected, strict=True):
        np.testing.assert_array_equal(a, b, err_msg=name)
    assert (found.n_top == np.minimum(k, n_labels - np.diff(seen.indptr))).all()


def test_labels_of_no_leaf_follow_by_popularity():
    candidates = Lists(np.array([0, 2]), np.array([1, 3], np.int32))
    U, V = np.eye(2, dtype=np.float32), np.array([[9, 9], [1, 0], [9, 9], [-4, 0], [9, 9]], np.float32)
    ranker = CandidateRanker(lambda x: np.zeros(1, np.int32), candidates, U, V)
    x = Dense(np.arange(2, dtype=np.int32), np.array([[1, 0]], np.float32))
    found = rank(ranker, x, None, None, 9, "it")
    assert found.labels.tolist() == [[1, 3, 0, 2, 4]]
    assert found.scores[0, :2].tolist() == [1, -4]
    assert -4.001 < found.scores[0, 2] < -4
    assert rows_at_once(ranker) == block_rows(2), "a block is bounded by the candidates, not by all labels"


def test_choices_are_told_or_many():
    made, builder = source("dense"), BUILDERS["cluster"]
    assert builder.choices(TOLD, made) == [{"leaves": 6, "top": 5}]
    open_ = {**TOLD, "leaves": None, "top": None}
    assert {tuple(choice) for choice in builder.choices(open_, made)} == {("leaves", "top")}
    assert len(list(itertools.chain(builder.choices(open_, made)))) >= 1
