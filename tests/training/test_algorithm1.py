"""Training against the paper's Algorithm 1 in plain Python."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from awe_cli.core.interface import AffinityParams
from awe_cli.training.state import initial_state, with_learned
from awe_cli.training.trainer import epochs
from tests.core.naive import Algorithm1, in_float64
from tests.training.sets import COMPILED, COMPILED_NAMES, PLAN, SETS, SIZES, TRAINED, TRAINED_NAMES


def copy_of(learned):
    return AffinityParams(*(array.copy() for array in learned))


def check(kind, member, block_size):
    """Every epoch, state and figures, against the twin."""
    examples, plan = SETS[kind], replace(PLAN, block_size=block_size)
    state = with_learned(initial_state(*SIZES, plan), copy_of(member.learned))
    twin = Algorithm1(
        member, examples, plan, *(array.astype(float) for array in state[:4]), in_float64(state.learned),
        in_float64(state.memory),
    )  # fmt: skip
    n_positives = examples.positives.indptr[-1]
    for report in epochs(member.affinity, examples, state, plan, threads=1):
        twin.epoch(report.epoch - 1)
        assert twin.closest > 1e-6, "no decision hangs on a rounding error"
        np.testing.assert_allclose(state.U, twin.U, 1e-4, 1e-5)
        np.testing.assert_allclose(state.V, twin.V, 1e-4, 1e-5)
        np.testing.assert_allclose(state.u_history, twin.u_history, 1e-3, 1e-6)
        np.testing.assert_allclose(state.v_history, twin.v_history, 1e-3, 1e-6)
        for mine, other in zip((*state.learned, *state.memory), (*twin.learned, *twin.memory), strict=True):
            np.testing.assert_allclose(mine, other, 1e-3, 1e-5)
        np.testing.assert_allclose(report.loss, twin.loss / n_positives, 1e-4)
        assert report.violation_rate == twin.violators / n_positives
        assert report.mean_trials == twin.trials / n_positives
    assert report.epoch == plan.epochs
    assert twin.violators, "there was something to learn to the end"


@pytest.mark.usefixtures("interpreted_kernels")
@pytest.mark.parametrize("block_size", [1, 4])
@pytest.mark.parametrize(("kind", "member"), TRAINED, ids=TRAINED_NAMES)
def test_every_epoch_is_that_of_algorithm_1(kind, member, block_size):
    check(kind, member, block_size)


@pytest.mark.parametrize(("kind", "member"), COMPILED, ids=COMPILED_NAMES)
def test_compiled_every_epoch_is_that_of_algorithm_1(kind, member):
    check(kind, member, 4)
