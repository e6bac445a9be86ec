"""Search against brute force, exactly and approximately."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awe_cli.neighbors.index import typical_squared, weigh
from awe_cli.neighbors.search import EXACT, HNSW, IVF, LSH, Nearest, Search
from tests.neighbors import naive


def agree(base, queries, k, skip=None):
    found = Search(base).nearest(queries, k, skip)
    assert found.rows.shape == found.squared.shape == (len(queries), k)
    for q, query in enumerate(queries):
        expected = naive.nearest(base, query, k, None if skip is None else skip[q])
        padding = k - len(expected)
        assert found.rows[q].tolist() == [row for _, row in expected] + [-1] * padding
        distances = [distance for distance, _ in expected] + [np.inf] * padding
        np.testing.assert_allclose(found.squared[q], distances, 1e-4, 1e-6)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 4), st.integers(1, 45), st.integers(1, 3)
)
def test_on_a_grid_where_ties_are_everywhere(seed, n, d, k, side):
    """Also with k larger than n, with queries of zeros, and leaving a row out."""
    rng = np.random.default_rng(seed)
    base, queries = (rng.integers(-side, side + 1, (m, d)).astype(np.float32) for m in (n, 25))
    agree(base, queries, k)
    agree(base, queries, k, rng.integers(-1, n, len(queries)))


@pytest.mark.parametrize("m", [3, 100])
@pytest.mark.parametrize("k", [10, 130])
def test_many_points_many_neighbours(m, k):
    """The library goes about it in other ways for few queries and for many neighbours."""
    rng = np.random.default_rng(m + k)
    base = rng.integers(-50, 51, (600, 12)).astype(np.float32)  # whole numbers: every distance is exact
    agree(base, base[:m], k, np.arange(m))
    copies = base[rng.integers(0, 5, 600)]
    agree(copies, copies[:m], k, np.arange(m))


def clustered(n=5000, clusters=60, d=8):
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(clusters, d))
    return (centres[rng.integers(0, clusters, n)] + rng.normal(0, 0.1, (n, d))).astype(np.float32)


@pytest.mark.parametrize("method", [HNSW, IVF, LSH])
def test_the_approximation_finds_most_and_the_same_every_time(method):
    base = clustered()
    queries, skip = base[:200], np.arange(200)
    exact = Search(base).nearest(queries, 10, skip)
    near = Search(base, approximate=method).nearest(queries, 10, skip)
    found = [len(set(a) & set(b)) for a, b in zip(exact.rows, near.rows, strict=True)]
    assert np.mean(found) > 8
    assert not (near.rows == skip[:, None]).any()
    assert (np.diff(near.squared, axis=1) >= 0).all()
    again = Search(base, approximate=method).nearest(queries, 10, skip)
    assert all(np.array_equal(a, b) for a, b in zip(near, again, strict=True))


def test_few_points_are_searched_exactly_even_if_an_approximation_will_do():
    base = clustered(n=300)
    exact, near = (Search(base, approximate=method).nearest(base, 5) for method in (EXACT, HNSW))
    assert np.array_equal(exact.rows, near.rows)


def test_weights_are_those_of_equation_9_and_add_up_to_1():
    squared = np.array([[0.5, 1.0, 2.0], [3.0, 3.0, np.inf], [np.inf] * 3, [0, 1e4, 1e9]], np.float32)
    rows = np.where(np.isfinite(squared), 0, -1).astype(np.int32)
    weights = weigh(Nearest(rows, squared), 2.0)
    first = np.exp(-2.0 * squared[0])
    np.testing.assert_allclose(weights[0], first / first.sum(), 1e-5)
    assert weights[1].tolist() == [0.5, 0.5, 0]
    assert weights[2].tolist() == [0, 0, 0], "no neighbours, no weights"
    assert weights[3].tolist() == [1, 0, 0]
    far = squared[:1] + 1000
    np.testing.assert_allclose(weigh(Nearest(rows[:1], far), 2.0), weights[:1], 1e-3)  # though e^-2000 is 0
    assert weigh(Nearest(rows, squared), 0.0)[0].tolist() == pytest.approx([1 / 3] * 3)


def test_the_typical_distance_is_a_median_of_the_first_twenty():
    squared = np.full((3, 30), np.inf, np.float32)
    squared[0, :5], squared[1, :25] = [1, 2, 3, 4, 5], 100.0
    squared[1, :20] = 6
    assert typical_squared(Nearest(np.zeros((3, 30), np.int32), squared)) == 6
    squared[1] = np.inf
    assert typical_squared(Nearest(np.zeros((3, 30), np.int32), squared)) == 3
    nothing = np.full((2, 3), np.inf, np.float32)
    assert typical_squared(Nearest(np.full((2, 3), -1, np.int32), nothing)) == 1
    assert typical_squared(Nearest(np.zeros((2, 3), np.int32), np.zeros((2, 3), np.float32))) == 1
