"""Screening changes nothing but the time: draws are ruled out only where they could not violate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from awe_cli.affinities.pointwise import Constant
from awe_cli.affinities.sigmoid import Sigmoid
from awe_cli.core.arrays import dot_row
from awe_cli.core.dispatch import kernel
from awe_cli.core.interface import is_monotone
from awe_cli.core.labels import OneHot
from awe_cli.core.learn import bound_scores, error_bound, project_without
from awe_cli.core.rows import row_of
from awe_cli.losses.auc import Auc
from awe_cli.training import trainer as training
from awe_cli.training.state import arrays_of, copy_state, initial_state, with_learned
from tests.affinities.members import LABELS
from tests.training.sets import COMPILED, PLAN, SIZES, TRAINED, crowd, for_crowd

ALWAYS, NEVER = 1e9, 1e-9  # labels that one draw is worth


SCREENED = [(kind, member) for kind, member in TRAINED if is_monotone(member.affinity)]


def with_and_without(kind, member, monkeypatch, plan, threads):
    """What training with no draw screened and with every draw screened gives."""
    examples = crowd(kind)
    affinity, start = for_crowd(member.affinity), with_learned(initial_state(*SIZES, plan), member.learned)
    for worth in (NEVER, ALWAYS):
        monkeypatch.setattr(training, "_DRAWS_A_PASS", worth)
        state = copy_state(start)
        reports = list(training.epochs(affinity, examples, state, plan, threads=threads))
        yield reports, [array.tobytes() for array in arrays_of(state).values()]


@pytest.mark.usefixtures("interpreted_kernels")
@pytest.mark.parametrize(("kind", "member"), SCREENED, ids=[f"{kind}-{m.name}" for kind, m in SCREENED])
def test_the_same_bytes_with_and_without(kind, member, monkeypatch):
    plan = replace(PLAN, block_size=7, max_trials=20, margin=0.05, epochs=2)
    without, with_bounds = with_and_without(kind, member, monkeypatch, plan, threads=1)
    assert without == with_bounds


@pytest.mark.parametrize("kind", ["own", "dense"])
def test_the_same_bytes_with_and_without_compiled(kind, monkeypatch):
    member = next(member for of, member in COMPILED if of == kind)
    plan = replace(PLAN, block_size=7, max_trials=50, margin=0.05)
    without, with_bounds = with_and_without(kind, member, monkeypatch, plan, threads=2)
    assert without == with_bounds


def test_only_affinities_that_rise_are_screened(monkeypatch):
    monkeypatch.setattr(training, "_DRAWS_A_PASS", ALWAYS)
    assert training._bounds_pay(Constant(1.0), 1.0, 100)
    assert not is_monotone(Sigmoid(1.0, True))
    assert not training._bounds_pay(Sigmoid(1.0, True), 1.0, 100)


@kernel
def largest_excess(rows, U, V, cap, buffers, order, z):
    """The most by which any exact score lies above the screened one and its slack, and the largest slack."""
    bound_scores(rows, U, V, order, order, buffers)
    excess, widest = -np.inf, 0.0
    for e in order:
        indices, values = row_of(rows, e)
        for left_out in range(-1, len(indices)):
            project_without(buffers.ux[e], left_out, indices, values, U, z)
            more = error_bound(buffers.ux[e], left_out, indices, values, U, cap)
            widest = max(widest, more)
            for y in range(len(V)):
                excess = max(excess, dot_row(z, V, y) - buffers.score_bound[e, y] - more)
    return excess, widest


def test_no_exact_score_is_above_the_screened_one_and_its_slack():
    examples = crowd("own")
    state = initial_state(*SIZES, PLAN)
    order = np.arange(len(examples))
    buffers = training._block(
        Constant(1.0),
        Auc(0.1),
        examples,
        order,
        replace(PLAN, block_size=len(order)),
        state.learned,
        OneHot(LABELS),
        n_labels=LABELS,
        with_bounds=True,
    )
    excess, widest = largest_excess(
        examples.x,
        state.U,
        state.V,
        np.float32(PLAN.norm_cap),
        buffers,
        order,
        np.empty(PLAN.dim, np.float32),
    )
    assert excess <= 0
    assert 0 < widest < 1
