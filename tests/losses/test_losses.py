"""Every loss: by hand, against its equation, with any number of threads, and that it falls."""

from __future__ import annotations

from dataclasses import asdict, replace
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from awe_cli.affinities.pointwise import Constant
from awe_cli.config.train import LOSSES as CHOICES
from awe_cli.config.train import RANK_WEIGHTS
from awe_cli.core.epoch import State
from awe_cli.dataset.examples import Examples
from awe_cli.errors import SettingsError
from awe_cli.losses.registry import LOSSES, check_loss, find_loss, rank_weights
from awe_cli.matrices.matrix import Bags
from awe_cli.ranking.embedding import EmbeddingRanker
from awe_cli.training.config import linear_plans
from awe_cli.training.state import arrays_of, copy_state, initial_state
from awe_cli.training.trainer import epochs
from tests.affinities.members import MEMBERS, lists
from tests.losses.naive import TWINS
from tests.training.sets import PLAN, SETS, SIZES, crowd, for_crowd, groups

PLANS = {
    "warp mean": replace(PLAN, rank_weights="mean"),
    "warp top": replace(PLAN, rank_weights="top"),
    "warp labels": replace(PLAN, rank_estimate="labels"),
    "auc": replace(PLAN, loss="auc"),
    "owpc": replace(PLAN, loss="owpc"),
    "owpc mean": replace(PLAN, loss="owpc", rank_weights="mean"),
    "regression": replace(PLAN, loss="regression", negatives=3),
}
BY_NAME = {member.name: member for member in MEMBERS}
# Each way through the kernels: of the whole score or of features, with and without a hole, with tables.
WAYS = [
    ("own", "Constant(1)"),
    ("dense", "Constant(1)"),
    ("annotation", "Sum(TopK(3),Constant(0.5))"),
    ("own", "Knn(3,1,0.125,0)"),
]
each_way = pytest.mark.parametrize(("kind", "name"), WAYS)
# Warp is compiled in tests/training.
each_compiled = pytest.mark.parametrize(
    ("plan", "kind", "name"),
    [
        ("auc", "own", "Constant(1)"),
        ("owpc", "own", "Constant(1)"),
        ("regression", "own", "Constant(1)"),
    ],
)
each_loss = pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)


def check(plan, kind, name, block_size):
    """Every epoch, state and figures, against the equation."""
    examples, plan = SETS[kind], replace(plan, block_size=block_size, epochs=2)
    state = initial_state(*SIZES, plan)
    twin = TWINS[plan.loss](BY_NAME[name], examples, plan, *(array.astype(float) for array in state[:4]))
    n_positives = examples.positives.indptr[-1]
    for report in epochs(BY_NAME[name].affinity, examples, state, plan, threads=1):
        twin.epoch(report.epoch - 1)
        assert twin.closest > 1e-6, "no decision hangs on a rounding error"
        np.testing.assert_allclose(state.U, twin.U, 1e-4, 2e-5)
        np.testing.assert_allclose(state.V, twin.V, 1e-4, 2e-5)
        np.testing.assert_allclose(state.u_history, twin.u_history, 1e-3, 1e-6)
        np.testing.assert_allclose(state.v_history, twin.v_history, 1e-3, 1e-6)
        np.testing.assert_allclose(report.loss, twin.loss / n_positives, 1e-4)
        assert report.violation_rate == twin.violators / n_positives
        assert report.mean_trials == twin.trials / n_positives
    assert twin.violators


@pytest.mark.usefixtures("interpreted_kernels")
@each_loss
@each_way
@pytest.mark.parametrize("block_size", [1, 4])
def test_an_epoch_is_that_of_the_equation(plan, kind, name, block_size):
    check(plan, kind, name, block_size)


@each_compiled
def test_compiled_an_epoch_is_that_of_the_equation(plan, kind, name):
    check(PLANS[plan], kind, name, 4)


@each_compiled
def test_the_same_bytes_for_any_number_of_threads(plan, kind, name):
    plan = replace(PLANS[plan], block_size=7, epochs=2)
    affinity, start = for_crowd(BY_NAME[name].affinity), initial_state(*SIZES, plan)
    results = []
    for threads in (1, 2, 3):
        state = copy_state(start)
        reports = list(epochs(affinity, crowd(kind), state, plan, threads=threads))
        results.append((reports, [array.tobytes() for array in arrays_of(state).values()]))
    assert not np.array_equal(state.U, start.U)
    assert all(result == results[0] for result in results)


@each_loss
def test_the_loss_falls_and_the_groups_are_found(plan):
    """Whoever has five items of a group wants the other five more than any of the other group."""
    examples = groups()
    plan = replace(plan, block_size=8, epochs=30, learning_rate=0.2, max_trials=20, norm_cap=1.5, negatives=1)
    state = initial_state(20, 20, plan)
    losses = [report.loss for report in epochs(Constant(1.0), examples, state, plan, threads=2)]
    assert losses[-1] < losses[0] * 0.7
    scores = EmbeddingRanker(Constant(1.0), state.U, state.V).scores(examples.x).score
    own, other = scores[::2, :10], scores[::2, 10:]
    assert (own.min(axis=1) > other.max(axis=1)).mean() >= 0.9


@each_loss
@pytest.mark.parametrize("threads", [1, 2])
def test_labels_that_are_not_drawn_are_as_if_they_were_not_there(plan, threads):
    """Five labels more, of which nothing is known: they stay as they are, and all else does, too."""
    plan, examples = replace(plan, block_size=8, epochs=3), groups()
    few = initial_state(20, 20, plan)
    more = np.full((5, plan.dim), 0.5, np.float32)
    many = copy_state(few)._replace(V=np.vstack([few.V, more]), v_history=np.zeros(25, np.float32))
    told = replace(examples, drawn=np.arange(20, dtype=np.int32))
    assert list(epochs(Constant(1.0), told, many, plan, threads=threads)) == list(
        epochs(Constant(1.0), examples, few, plan, threads=threads)
    )
    np.testing.assert_array_equal(many.V, np.vstack([few.V, more]))
    np.testing.assert_array_equal(many.U, few.U)


def one_step(v, plan, positives=frozenset({0})):
    """U = [[1]], V = v, x = 1, the positive is label 0: the state and the report after one epoch."""
    x = Bags(np.arange(2, dtype=np.int64), np.zeros(1, np.int32), np.ones(1, np.float32))
    examples = Examples(pa.array([0]), x, lists([positives]), None, False)
    state = State(
        np.ones((1, 1), np.float32), np.array(v, np.float32)[:, None],
        np.zeros(1, np.float32), np.zeros(len(v), np.float32),
    )  # fmt: skip
    plan = replace(plan, dim=1, epochs=1, norm_cap=2.0, margin=0.5)
    return state, next(epochs(Constant(1.0), examples, state, plan, threads=1))


@pytest.mark.parametrize(("name", "weight"), [("harmonic", 1.5), ("mean", 1.0), ("top", 1.0)])
def test_warp_by_hand(name, weight):
    """f = 0.5; 0.1, 0.1: either negative violates at the first draw, so the rank is estimated as 2."""
    state, report = one_step([0.5, 0.1, 0.1], replace(PLAN, rank_weights=name))
    assert report.loss == pytest.approx(weight * (0.5 + 0.1 - 0.5))
    assert sorted(state.v_history) == pytest.approx([0, weight**2, weight**2])
    assert state.u_history[0] == pytest.approx((weight * (0.1 - 0.5)) ** 2)


@pytest.mark.parametrize(("estimate", "rank"), [("negatives", 2), ("labels", 3)])
def test_the_rank_is_estimated_as_either_paper_has_it(estimate, rank):
    """Of four labels two are positives, either negative violates at the first draw."""
    plan = replace(PLAN, rank_estimate=estimate, rank_weights="mean", positive_power=0.0)
    _, report = one_step([0.5, 0.5, 0.1, 0.1], plan, {0, 1})
    assert report.loss == pytest.approx(rank / 3 * (0.5 + 0.1 - 0.5))


def test_auc_by_hand():
    state, report = one_step([0.5, 0.1, 0.1], PLANS["auc"])
    assert report.loss == pytest.approx(0.1)
    assert sorted(state.v_history) == pytest.approx([0, 1, 1])
    assert state.u_history[0] == pytest.approx((0.1 - 0.5) ** 2)


def test_owpc_by_hand():
    """f = 0.5; 0.4, 0.1, −0.2: the first two violate, L(2)/2 = 0.75."""
    state, report = one_step([0.5, 0.4, 0.1, -0.2], PLANS["owpc"])
    assert report.loss == pytest.approx(0.75 * (0.4 + 0.1))
    assert state.v_history == pytest.approx(np.square([-1.5, 0.75, 0.75, 0]))
    assert state.u_history[0] == pytest.approx((0.75 * (0.4 + 0.1) - 1.5 * 0.5) ** 2)
    assert report.mean_trials == 3


def test_regression_by_hand():
    """f = 0.5; 0.4: the one negative is drawn twice."""
    state, report = one_step([0.5, 0.4], replace(PLANS["regression"], negatives=2))
    assert report.loss == pytest.approx(0.5 * 0.25 + 2 * 0.5 * 0.16)
    assert state.v_history == pytest.approx([0.25, 2 * 0.16])
    assert state.u_history[0] == pytest.approx((-0.5 * 0.5 + 2 * 0.4 * 0.4) ** 2)


def test_a_score_that_is_no_number_shows_in_the_loss():
    for plan in PLANS.values():
        _, report = one_step([0.5, np.nan, np.nan], plan)
        assert np.isnan(report.loss)


def test_what_a_rank_costs():
    np.testing.assert_allclose(rank_weights("harmonic", 4), [0, 1, 1.5, 11 / 6, 25 / 12], 1e-6)
    np.testing.assert_allclose(rank_weights("mean", 4), [0, 1 / 3, 2 / 3, 1, 4 / 3], 1e-6)
    np.testing.assert_allclose(rank_weights("top", 4), [0, 1, 1, 1, 1])
    assert np.isfinite(rank_weights("mean", 1)).all()


def test_the_settings_offer_what_there_is():
    assert set(CHOICES) == set(LOSSES)
    assert all(len(rank_weights(name, 3)) == 4 for name in RANK_WEIGHTS)
    assert all(find_loss(name).heaviest(asdict(PLAN), 9) > 0 for name in LOSSES)


def test_a_setting_of_another_loss_is_refused():
    told = dict.fromkeys(["margin", "max_trials", "rank_weights", "rank_estimate", "negatives"])
    check_loss("auc", {**told, "margin": 0.1})
    for loss, other in [
        ("auc", "rank_weights"),
        ("regression", "margin"),
        ("warp", "negatives"),
        ("owpc", "rank_estimate"),
    ]:
        with pytest.raises(SettingsError, match=f"--{other.replace('_', '-')}: the loss {loss} has none"):
            check_loss(loss, {**told, other: 1})
    with pytest.raises(SettingsError, match="expected one of warp"):
        find_loss("wrap")


def test_a_block_of_gradients_by_all_labels_is_bounded():
    dataset = SimpleNamespace(splits={"train": 5000}, task="recommendation", dense=False, n_labels=20_000)
    by_owpc = linear_plans(dataset, {"loss": "owpc"})[0]
    assert by_owpc.block_size * by_owpc.dim * 20_000 * 4 <= 64 * 2**20
    assert linear_plans(dataset, {"loss": "auc"})[0].block_size == 32
    dataset.n_labels = 10**9
    assert linear_plans(dataset, {"loss": "owpc"})[0].block_size == 1
    dataset.task = "annotation"
    assert len(linear_plans(dataset, {"loss": "regression"})) == 1, "no margin, so none is tried"
