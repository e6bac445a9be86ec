"""What training must and must not do, on data where that is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from awe_cli.affinities.pointwise import Constant
from awe_cli.core.epoch import learn_and_update
from awe_cli.dataset.examples import Examples
from awe_cli.engine.local import map_blocks
from awe_cli.matrices.matrix import Bags, Lists
from awe_cli.neighbors.choice import product
from awe_cli.neighbors.index import NeighborIndex
from awe_cli.neighbors.space import COSINE, Space
from awe_cli.ranking.embedding import EmbeddingRanker
from awe_cli.training.config import SGD
from awe_cli.training.state import copy_state, initial_state, is_sgd_state
from awe_cli.training.trainer import Trainer, epochs
from tests.affinities.members import lists
from tests.training.sets import PLAN, SIZES, crowd, groups

LINEAR = Constant(1.0)


def train(examples, state, plan, threads=1):
    return list(epochs(LINEAR, examples, state, plan, threads=threads))


def histories(*rows):
    """People whose history is both input and positives."""
    indptr, indices = lists(rows)
    values = np.full(len(indices), 0.5, np.float32)
    return Examples(
        pa.array(range(len(rows))), Bags(indptr, indices, values), Lists(indptr, indices), None, True
    )


def test_the_norm_cap_holds_after_every_epoch():
    plan = replace(PLAN, norm_cap=0.3, block_size=4)
    state = initial_state(20, 20, plan)
    for _ in epochs(LINEAR, groups(), state, plan, threads=2):
        for matrix in (state.U, state.V):
            norms = np.linalg.norm(matrix, axis=1)
            assert norms.max() < plan.norm_cap * 1.00001
            assert norms.max() > plan.norm_cap * 0.9999, "it was met"


def test_a_plain_step_is_rate_times_gradient():
    plan = replace(PLAN, steps=SGD, epochs=1, final_rate=1.0, max_trials=50, norm_cap=9.0, block_size=40)
    start = initial_state(20, 20, plan)
    told = {"stage": "s", "fit": "f"}
    once = Trainer(threads=1).run(LINEAR, groups(), start, plan, **told).state
    half = (
        Trainer(threads=1)
        .run(LINEAR, groups(), start, replace(plan, learning_rate=plan.learning_rate / 2), **told)
        .state
    )
    moved = once.V - start.V
    assert np.abs(moved).max() > 0.01
    np.testing.assert_allclose(moved, 2 * (half.V - start.V), 1e-4, 1e-6, err_msg="no memory slows it down")
    assert is_sgd_state(once)
    assert not is_sgd_state(start)


@pytest.mark.usefixtures("interpreted_kernels")
def test_the_best_epoch_by_validation_is_kept():
    start, told = initial_state(*SIZES, PLAN), {"stage": "s", "fit": "f"}
    trainer, worse = Trainer(threads=1), iter((0.9, 0.5, 0.1))
    best = trainer.run(LINEAR, crowd("own"), start, PLAN, **told, validator=lambda state: next(worse))
    first = trainer.run(LINEAR, crowd("own"), start, PLAN, **told, stop_after=1)
    last = trainer.run(LINEAR, crowd("own"), start, PLAN, **told)
    assert (best.epochs, best.validation) == (1, 0.9)
    assert best.state.V.tobytes() == first.state.V.tobytes() != last.state.V.tobytes()


def test_a_start_from_a_larger_cap_is_brought_under_this_one():
    plan = replace(PLAN, norm_cap=0.3, epochs=1)
    start = initial_state(20, 20, replace(PLAN, norm_cap=5.0, initial_scale=2.0))
    told = {"stage": "s", "fit": "f"}
    nobody = histories({4}, {7})  # nothing is left to know them by: no row is stepped
    learned = Trainer(threads=1).run(LINEAR, nobody, start, plan, **told).state
    for before, after in ((start.U, learned.U), (start.V, learned.V)):
        norms = np.linalg.norm(before, axis=1, keepdims=True)
        assert norms.max() > 1
        np.testing.assert_allclose(after, before * np.minimum(1, 0.3 / norms), rtol=1e-5)
    again = Trainer(threads=1).run(LINEAR, nobody, learned, plan, **told).state
    assert again.V.tobytes() == learned.V.tobytes(), "rows at the cap stay as they are"


def test_of_nobody_nothing_is_learned():
    start = initial_state(20, 20, PLAN)
    state = copy_state(start)
    reports = train(histories(), state, PLAN)
    assert [(report.loss, report.violation_rate) for report in reports] == [(0, 0)] * PLAN.epochs
    assert state.U.tobytes() == start.U.tobytes()


def test_no_thread_is_an_error():
    with pytest.raises(ValueError, match="threads: expected 1 or more, found 0"):
        train(groups(), initial_state(20, 20, PLAN), PLAN, threads=0)
    with pytest.raises(ValueError, match="threads: expected 1 or more, found 0"):
        list(map_blocks(len, [[1]], 0))


def test_g_that_is_not_there_is_an_error():
    state = initial_state(20, 20, PLAN)
    with pytest.raises(ValueError, match="Knn needs G of 20 columns, found 0"):
        EmbeddingRanker(product(1.0), state.U, state.V).scores(groups().x)


@pytest.mark.parametrize(
    "history",
    [{4}, set(range(SIZES[1]))],
    ids=["nothing left to know it by", "nothing left to rank below it"],
)
def test_an_example_that_cannot_teach_is_skipped(history):
    state = initial_state(*SIZES, PLAN)
    before = copy_state(state)
    reports = train(histories(history), state, PLAN)
    assert all(np.array_equal(a, b) for a, b in zip(state[:4], before[:4], strict=True))
    assert all(report.mean_trials == report.violation_rate == report.loss == 0 for report in reports)


def test_trials_count_only_what_is_drawn_from_the_negatives():
    """One negative is left, so that the first draw that counts is always the same, and violates."""
    examples, plan = histories(set(range(SIZES[1] - 1))), replace(PLAN, margin=100.0)
    state = initial_state(*SIZES, plan)
    for report in epochs(LINEAR, examples, state, plan, threads=1):
        assert report.mean_trials == report.violation_rate == 1
    assert state.v_history[-1] > 0


def test_without_a_violator_nothing_moves():
    plan = replace(PLAN, margin=0.1)
    state = initial_state(*SIZES, plan)
    state.U[:] = state.V[:] = 0
    state.U[:2, 0] = state.V[:2, 0] = 0.9
    before = copy_state(state)
    reports = train(histories({0, 1}), state, plan)
    assert all(np.array_equal(a, b) for a, b in zip(state[:4], before[:4], strict=True))
    assert all(report.mean_trials == plan.max_trials for report in reports)
    assert all(report.violation_rate == 0 for report in reports)


def test_a_targets_own_row_stays_where_it_is():
    """Only item 1 violates: its row of U is left out of Ux and gets no step, not even one of a rounding error."""
    plan = replace(PLAN, margin=0.1, epochs=1)
    state = initial_state(*SIZES, plan)
    np.multiply(state.V, 0.02, out=state.V)
    state.V[[0, 2]] = 0.4 * state.U[1] / np.linalg.norm(state.U[1])
    state.U[2] = state.U[0] = state.U[1]
    before = copy_state(state)
    train(histories({0, 1, 2}), state, plan)
    assert state.u_history[1] == 0
    assert np.array_equal(state.U[1], before.U[1])
    assert (state.u_history[[0, 2]] > 0).all()


@pytest.mark.parametrize("block_size", [1, 8, 64])
def test_the_loss_falls(block_size):
    plan = replace(PLAN, block_size=block_size, epochs=6, max_trials=20)
    losses = [report.loss for report in train(groups(), initial_state(20, 20, plan), plan)]
    assert losses[-1] < losses[0] * 0.7


def test_both_models_find_the_groups():
    """Whoever has five items of a group wants the other five, and none of the other group."""
    examples, plan = groups(), replace(PLAN, block_size=8, epochs=8, max_trials=20)
    state = initial_state(20, 20, plan)
    train(examples, state, plan, threads=2)
    scores = EmbeddingRanker(LINEAR, state.U, state.V).scores(examples.x).score
    G = NeighborIndex(Space(state.U, COSINE), examples, 20).table(examples.x, 5, 1.0)
    for person in range(len(examples)):
        own = slice(0, 10) if person % 2 == 0 else slice(10, 20)
        other = slice(10, 20) if person % 2 == 0 else slice(0, 10)
        assert scores[person, own].min() > scores[person, other].max()
        assert not G[person, other].any()
        assert (G[person, own] > 0).sum() >= 5


def test_input_that_may_not_be_written_to():
    """As Parquet gives it: the same result, from the same compiled code; and none is changed that may be."""
    examples = crowd("own")
    kept = [array.copy() for array in (*examples.x, *examples.positives)]
    results = []
    for writeable in (True, False):
        for array in (*examples.x, *examples.positives):
            array.flags.writeable = writeable
        state = initial_state(*SIZES, PLAN)
        train(examples, state, PLAN)
        results.append((state.U.tobytes(), len(learn_and_update.signatures)))
    assert results[0] == results[1]
    assert all(np.array_equal(a, b) for a, b in zip(kept, (*examples.x, *examples.positives), strict=True))


def test_initial_values_have_the_deviation_asked_for_and_keep_under_the_cap():
    plan = replace(PLAN, dim=64, initial_scale=0.3, norm_cap=0.31)
    state = initial_state(3000, 2, plan)
    assert abs(state.U.std() - 0.3 / 8) < 0.001
    assert abs(state.U.mean()) < 0.001
    assert np.linalg.norm(state.U, axis=1).max() < 0.31001
    assert not state.u_history.any()
    assert state.U.dtype == state.V.dtype == state.v_history.dtype == np.float32
