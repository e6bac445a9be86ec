"""Shards that learn apart and are averaged after every epoch, for all affinities and kinds of data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from awe_cli.affinities.pointwise import Constant
from awe_cli.core.epoch import State
from awe_cli.engine.local import Local
from awe_cli.errors import SettingsError
from awe_cli.training.config import SGD
from awe_cli.training.mixing import MOMENTUM, Mixing, _seed
from awe_cli.training.state import arrays_of, copy_state, initial_state, with_learned
from awe_cli.training.trainer import Run, Trainer, epochs, learn_all
from tests.training.sets import PLAN, SETS, SIZES, TRAINED, groups

LINEAR = Constant(1.0)
# What `train` learns: tables of neighbours name examples, and are of `retrain`.
LEARNED = [(kind, member) for kind, member in TRAINED if "Knn" not in member.name]
TOLD: dict[str, Any] = {"stage": "s", "fit": "f"}


def learned(affinity: Any, examples: Any, start: State, shards: int, plan: Any = PLAN) -> Run:
    """A run over shards, in this process."""
    return Trainer(threads=1, learn_run=Mixing(shards, Local(1))).run(affinity, examples, start, plan, **TOLD)


def naive(affinity: Any, examples: Any, start: State, shards: int, plan: Any) -> dict[str, np.ndarray]:
    """The same, row by row: what a shard's row is moved by counts as often as the shard has examples."""
    state, last = copy_state(start), {}
    for epoch in range(plan.epochs):
        moved = []
        for shard in range(shards):
            part = examples.take(np.arange(shard, len(examples), shards))
            own = copy_state(state)
            of_shard = replace(plan, seed=_seed(plan.seed, shard))
            next(epochs(affinity, part, own, of_shard, threads=1, done=epoch))
            moved.append((len(part), arrays_of(own)))
        for name, array in arrays_of(state).items():
            for row in range(len(array) if array.dtype.kind == "f" else 0):
                steps = [(n, arrays[name][row].astype(float) - array[row]) for n, arrays in moved]
                steps = [(n, step) for n, step in steps if np.any(step)]
                change = sum(n * step for n, step in steps) / max(1, sum(n for n, _ in steps))
                if "history" not in name and "memory" not in name:
                    change = change + MOMENTUM * last.get((name, row), 0)
                    last[name, row] = change
                array[row] += np.asarray(change, np.float32)
        for matrix in (state.U, state.V):
            norms = np.linalg.norm(matrix, axis=1, keepdims=True)
            matrix[:] = matrix * np.minimum(1, plan.norm_cap / norms)
    return arrays_of(state)


@pytest.mark.usefixtures("interpreted_kernels")
@pytest.mark.parametrize(("kind", "member"), LEARNED, ids=lambda of: getattr(of, "name", of))
def test_a_row_is_the_average_of_the_shards_that_stepped_it(kind: str, member: Any) -> None:
    start = initial_state(*SIZES, PLAN)
    start = with_learned(start, member.learned)
    found = learned(member.affinity, SETS[kind], start, 3).state
    expected = naive(member.affinity, SETS[kind], start, 3, PLAN)
    for name, array in arrays_of(found).items():
        np.testing.assert_allclose(array, expected[name], 1e-4, 1e-6, err_msg=name)


@pytest.mark.usefixtures("interpreted_kernels")
def test_plain_steps_are_averaged_too() -> None:
    plan = replace(PLAN, steps=SGD)
    start = initial_state(20, 20, plan)
    found = learned(LINEAR, groups(), start, 2, plan).state
    assert np.abs(found.U - start.U).max() > 0.01
    assert (found.u_history == found.u_history[0]).all(), "accumulators stay full"


def test_figures_are_those_of_all_shards_and_what_is_learned_is_learned() -> None:
    """As many positives as without shards, and a loss that falls nearly as it does there."""
    plan, start = replace(PLAN, epochs=12), initial_state(20, 20, PLAN)
    losses = []
    for learn_run in (learn_all, Mixing(4, Local(1))):
        trainer = Trainer(threads=2, learn_run=learn_run)
        trainer.run(LINEAR, groups(), start, plan, **TOLD)
        reports = [entry.report for entry in trainer.history]
        assert {report.positives for report in reports} == {len(groups().positives.indices)}
        losses.append(reports[-1].loss)
    assert losses[1] < 1.2 * losses[0] < 0.6 * reports[0].loss


def test_more_shards_than_examples_are_refused() -> None:
    with pytest.raises(SettingsError, match="--shards: expected at most 40"):
        learned(LINEAR, groups(), initial_state(20, 20, PLAN), 41)
