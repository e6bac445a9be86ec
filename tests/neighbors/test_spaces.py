"""Neighbours by the input, and G as the mean of what several spaces bring."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from awe_cli.builders.knn import BuiltKnn
from awe_cli.core.epoch import State
from awe_cli.core.interface import NO_PARAMS
from awe_cli.engine.local import Local
from awe_cli.neighbors.choice import NeighborValidation, try_all
from awe_cli.neighbors.index import NeighborIndex, weigh
from awe_cli.neighbors.search import Nearest
from awe_cli.neighbors.space import COSINE, InputSearch, InputSpace
from awe_cli.neighbors.table import leave_one_out
from awe_cli.ranking.validation import Validator, sample
from tests.neighbors.test_table import DIM, ITEMS, annotated, dense_x, histories, space

K = 5


def described(n, seed=0):
    """Bags with labels of their own."""
    return replace(annotated(n, seed), x=histories(n, seed).x)


@pytest.mark.parametrize("examples", [described(50), annotated(50)], ids=["bags", "dense"])
def test_the_nearest_by_the_input_written_out(examples):
    x = dense_x(examples)
    if examples.x.__class__.__name__ == "Bags":
        x[:, -1] = 0  # the constant feature
        norms = np.linalg.norm(x, axis=1, keepdims=True)
        x = np.divide(x, norms, out=np.zeros_like(x), where=norms > 0)
    found = leave_one_out(InputSpace(ITEMS, ITEMS - 1), examples, K)
    for e in range(len(examples)):
        squared = np.square(x - x[e]).sum(axis=1)
        squared[e] = np.inf
        if x.min() >= 0:  # bags: nothing in common
            squared[(x @ x[e]) == 0] = np.inf
        expected = np.sort(squared)[:K]
        np.testing.assert_allclose(found.squared[e], expected, 1e-4, 1e-5)
        known = found.rows[e][found.rows[e] >= 0]
        np.testing.assert_allclose(squared[known], expected[np.isfinite(expected)], 1e-4, 1e-5)
        assert e not in known


def test_in_recommendation_a_bag_at_distance_0_is_the_person_who_asks():
    examples = histories(40)
    search = InputSearch(examples.x, ITEMS, apart=True)
    assert not (search.nearest(examples.x, 3).rows == np.arange(40)[:, None]).any()
    everyone = InputSearch(examples.x, ITEMS).nearest(examples.x, 40)
    assert (everyone.rows == np.arange(40)[:, None]).any(axis=1).all()


def indexes_of(examples):
    places = {"embedding": space(COSINE), "input": InputSpace(ITEMS, -1)}
    return {name: NeighborIndex(place, examples, ITEMS) for name, place in places.items()}


def test_both_spaces_bring_the_mean_of_what_each_brings():
    examples, new = annotated(60), annotated(20, seed=1)
    indexes, lambdas = indexes_of(examples), {"embedding": 2.0, "input": 0.1}
    parts = [BuiltKnn({name: index}, K, lambdas).table(new.x) for name, index in indexes.items()]
    np.testing.assert_allclose(
        BuiltKnn(indexes, K, lambdas).table(new.x), (parts[0] + parts[1]) / 2, 1e-5, 1e-7
    )


def judged(examples):
    indexes = indexes_of(examples)
    validator = Validator(sample(lambda: [annotated(50, seed=2)], 0), "ndcg@5", 1)
    rng = np.random.default_rng(3)
    U, V = (rng.normal(size=(ITEMS, DIM)).astype(np.float32) for _ in range(2))
    none = np.zeros(ITEMS, np.float32)
    return indexes, validator, State(U, V, none, none, NO_PARAMS)


def test_a_choice_is_judged_as_the_table_would_rank():
    indexes, validator, state = judged(annotated(80))
    held_out = NeighborValidation(indexes, validator, 20, Local(1))
    places = {"embedding": ("embedding",), "both": ("embedding", "input")}
    tried = try_all(held_out, state, places, (5, 20), None, Local(1))
    assert [choice.space for choice in tried] == ["embedding"] * 8 + ["both"] * 8
    for choice in tried:
        chosen = {name: indexes[name] for name in places[choice.space]}
        built = BuiltKnn(chosen, choice.k, held_out.lambdas(choice.multiple))
        assert validator(built.ranker(state, 1.0, 0.0)) == pytest.approx(choice.validation, abs=1e-6)


def test_a_lambda_that_is_given_is_the_same_in_every_space():
    indexes, validator, state = judged(annotated(80))
    held_out = NeighborValidation(indexes, validator, 20, Local(1))
    (tried,) = try_all(held_out, state, {"both": ("embedding", "input")}, (20,), 0.7, Local(1))
    expected = BuiltKnn(indexes, 20, {"embedding": 0.7, "input": 0.7}).ranker(state, 1.0, 0.0)
    assert tried.validation == pytest.approx(validator(expected), abs=1e-6)
    assert tried.multiple == pytest.approx(0.7 * held_out.typical["embedding"])


def test_weights_of_two_spaces_add_up_to_1():
    near = Nearest(np.array([[0, 1]], np.int32), np.array([[0.1, 0.2]], np.float32))
    halves = np.hstack([weigh(near, 1.0) / np.float32(2)] * 2)
    assert halves.sum() == pytest.approx(1)
