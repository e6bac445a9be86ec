"""Labels that features describe: training against Algorithm 1, bytes for any threads, sparse as dense, U = V."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from awe_cli.affinities.pointwise import Constant
from awe_cli.core.interface import NO_PARAMS
from awe_cli.matrices.matrix import Bags, Dense
from awe_cli.training.state import arrays_of, copy_state, initial_state, state_of, with_learned
from awe_cli.training.trainer import Trainer, epochs
from tests.affinities.labels import dense_labels, sparse
from tests.affinities.members import DESCRIBED, FEATURES, LABELS
from tests.core.naive import in_float64
from tests.training.described import Described
from tests.training.sets import PLAN, SETS, TRAINED, crowd, for_crowd

DENSE = dense_labels()
BAGS = sparse(DENSE)
MEMBERS = {
    f"{kind}-{member.name}": (kind, member)
    for kind, member in TRAINED
    if member.name in DESCRIBED and kind != "dense"
}
COMPILED = ("annotation-Constant(0.5)", "own-LowRank(Identity(1))")


def learned(examples, affinity, plan, threads=1, numbers=NO_PARAMS):
    state = copy_state(with_learned(initial_state(FEATURES, FEATURES, plan), numbers))
    reports = list(epochs(affinity, examples, state, plan, threads=threads))
    return state, reports


def check(kind, member, block_size, tie):
    """Every epoch, state and figures, against the twin."""
    examples, plan = replace(SETS[kind], y=BAGS), replace(PLAN, block_size=block_size, tie=tie)
    state = copy_state(with_learned(initial_state(FEATURES, FEATURES, plan), member.learned))
    U, u_history = state.U.astype(float), state.u_history.astype(float)
    V, v_history = (U, u_history) if tie else (state.V.astype(float), state.v_history.astype(float))
    own = in_float64(copy_state(state).learned), in_float64(copy_state(state).memory)
    twin = Described(member, examples, plan, U, V, u_history, v_history, *own)
    for report in epochs(member.affinity, examples, state, plan, threads=1):
        twin.epoch(report.epoch - 1)
        assert twin.closest > 1e-6, "no decision hangs on a rounding error"
        np.testing.assert_allclose(state.U, twin.U, 1e-3, 1e-4)
        np.testing.assert_allclose(state.V, twin.V, 1e-3, 1e-4)
        np.testing.assert_allclose(state.v_history, twin.v_history, 1e-3, 1e-6)
        for mine, other in zip((*state.learned, *state.memory), (*twin.learned, *twin.memory), strict=True):
            np.testing.assert_allclose(mine, other, 1e-3, 1e-4)
        assert report.violation_rate == twin.violators / examples.positives.indptr[-1]
    assert twin.violators, "there was something to learn to the end"
    assert (state.V is state.U) == tie


@pytest.mark.usefixtures("interpreted_kernels")
@pytest.mark.parametrize(("block_size", "tie"), [(1, False), (4, False), (4, True)])
@pytest.mark.parametrize(("kind", "member"), MEMBERS.values(), ids=MEMBERS)
def test_every_epoch_is_that_of_algorithm_1(kind, member, block_size, tie):
    check(kind, member, block_size, tie)


@pytest.mark.parametrize("tie", [False, True], ids=["free", "tied"])
@pytest.mark.parametrize("name", COMPILED)
def test_compiled_every_epoch_is_that_of_algorithm_1(name, tie):
    check(*MEMBERS[name], 4, tie)


@pytest.mark.parametrize(
    ("name", "tie"), [*((name, False) for name in COMPILED), ("annotation-Constant(0.5)", True)]
)
def test_the_same_bytes_for_any_number_of_threads(name, tie):
    kind, member = MEMBERS[name]
    examples = replace(crowd(kind), y=BAGS)
    plan = replace(PLAN, block_size=7, epochs=3, tie=tie)
    found = [
        learned(examples, for_crowd(member.affinity), plan, threads, member.learned)
        for threads in (1, 2, 3, 5)
    ]
    bytes_ = [(reports, [array.tobytes() for array in arrays_of(state).values()]) for state, reports in found]
    assert all(one == bytes_[0] for one in bytes_)


@pytest.mark.usefixtures("interpreted_kernels")
@pytest.mark.parametrize("name", MEMBERS)
def test_sparse_label_features_are_dense_ones(name):
    kind, member = MEMBERS[name]
    plan = replace(PLAN, block_size=4)
    states = [
        learned(replace(SETS[kind], y=y), member.affinity, plan, numbers=member.learned)[0]
        for y in (BAGS, DENSE)
    ]
    for ours, theirs in zip(*(arrays_of(state).values() for state in states), strict=True):
        np.testing.assert_allclose(ours, theirs, 1e-5, 1e-6)


@pytest.mark.usefixtures("interpreted_kernels")
@pytest.mark.parametrize("loss", ["owpc", "regression", "auc"])
def test_labels_described_by_themselves_are_one_hot_ones_in_every_loss(loss):
    """W = IV = V; one positive an example, so that the sum of an example's steps is one step by each label."""
    examples = SETS["annotation"]
    one = replace(examples, positives=examples.positives._replace(
        indptr=np.arange(7, dtype=np.int64), indices=np.array([0, 1, 2, 0, 3, 2], np.int32)))  # fmt: skip
    eye = Bags(
        np.arange(LABELS + 1, dtype=np.int64), np.arange(LABELS, dtype=np.int32), np.ones(LABELS, np.float32)
    )
    plan = replace(PLAN, block_size=3, loss=loss)
    ours, _ = learned(replace(one, y=eye), Constant(1.0), plan)
    theirs, _ = learned(one, Constant(1.0), plan)
    np.testing.assert_allclose(ours.V, theirs.V, 1e-5, 1e-6)
    np.testing.assert_allclose(ours.U, theirs.U, 1e-5, 1e-6)


@pytest.mark.usefixtures("interpreted_kernels")
def test_what_cancels_makes_no_step():
    """All labels have one feature in common and with one value: nothing can be learned of it."""
    values = np.eye(LABELS, LABELS + 1, dtype=np.float32)
    values[:, -1] = 0.1
    y = Dense(np.arange(LABELS + 1, dtype=np.int32), values)
    start = initial_state(FEATURES, LABELS + 1, PLAN)
    state = copy_state(start)
    list(epochs(Constant(1.0), replace(SETS["annotation"], y=y), state, PLAN, threads=1))
    np.testing.assert_array_equal(state.V[-1], start.V[-1])
    assert (state.V[:-1] != start.V[:-1]).any()


def test_screening_changes_nothing():
    """Scores that are screened bound those of W, whose rows may be longer than the norm cap."""
    examples = replace(crowd("annotation"), y=BAGS)
    plan = replace(PLAN, block_size=7, epochs=4, max_trials=50, margin=0.05)
    from awe_cli.training import trainer as module

    states = []
    for draws in (1e-9, 1e9):
        module._DRAWS_A_PASS, before = draws, module._DRAWS_A_PASS
        try:
            states.append(learned(examples, Constant(1.0), plan)[0])
        finally:
            module._DRAWS_A_PASS = before
    assert all(
        a.tobytes() == b.tobytes() for a, b in zip(*(arrays_of(s).values() for s in states), strict=True)
    )


def test_a_run_keeps_the_tie():
    plan = replace(PLAN, tie=True)
    start = initial_state(FEATURES, FEATURES, plan)
    done = Trainer(threads=1).run(
        Constant(1.0), replace(SETS["annotation"], y=BAGS), start, plan,
        stage="s", fit="f",
    )  # fmt: skip
    assert done.state.V is done.state.U
    again = state_of(arrays_of(done.state))
    assert again.V is again.U
    assert not np.array_equal(done.state.U, start.U)
