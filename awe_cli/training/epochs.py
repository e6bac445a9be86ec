"""Training as a generator: one report an epoch, the state changed in place."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe_cli.data.aligned import zeros
from awe_cli.data.examples import Examples
from awe_cli.data.matrix import Dense, Rows, n_rows
from awe_cli.kernels.epoch import State, run_epoch
from awe_cli.kernels.interface import directions, lays_out, rises
from awe_cli.kernels.learn import Task
from awe_cli.kernels.learned import Learned
from awe_cli.kernels.objective import Block, Room, scores_all, screens, sides
from awe_cli.kernels.pairs import NO_CHAINS, Chains
from awe_cli.loss.catalog import find_loss
from awe_cli.training.label_side import label_side, room_for_sums, slots_of
from awe_cli.training.plan import SGD, Plan
from awe_cli.training.state import FULL

_DRAWS_A_PASS = 16  # a draw fetched by itself costs about as much as so many labels in a pass over V


@dataclass(frozen=True)
class EpochReport:
    """What one pass over the examples showed."""

    epoch: int  # 1 for the first
    loss: float  # mean over the positives, each times |Y_x|^-p of its example
    violation_rate: float  # share of the positives that asked for a step
    mean_trials: float  # other labels looked at for a positive


def epochs(
    affinity: Any, examples: Examples, state: State, plan: Plan, *, threads: int
) -> Iterator[EpochReport]:
    """Train `state` in place, epoch by epoch; the same bytes for any number of threads.

    No row of V may be longer than the plan's cap (see `state.under_cap`). Raises ValueError for threads below 1.
    """
    if threads < 1:
        raise ValueError(f"threads: expected 1 or more, found {threads}")
    side, W = label_side(examples.y, state)
    n_labels = len(W)
    candidates = n_labels if examples.drawn is None else len(examples.drawn)
    loss = find_loss(plan.loss).build(asdict(plan), candidates)
    positives = np.diff(examples.positives.indptr)
    scales = (np.maximum(positives, 1) ** -plan.positive_power).astype(np.float32)
    rooms = [
        _room(affinity, loss, examples, plan, state.learned, side, n_labels, threads) for _ in range(threads)
    ]
    trials = 0.0
    for epoch in range(plan.epochs):
        order = _order(plan.seed, epoch, len(examples))
        task = Task(examples.positives.indptr, examples.positives.indices, examples.own, plan.seed, epoch)
        screened = screens(loss) and _screening_pays(affinity, trials / max(1, len(examples)), n_labels)
        block = _block(affinity, loss, examples, order, plan, state.learned, side, n_labels, screened)
        for room in rooms:
            room.mark[:] = 0
        total, seen, violators, trials = run_epoch(
            affinity, loss, examples.x, task, side, W, state, order, plan.block_size, scales, _rates(plan, epoch),
            np.float32(plan.norm_cap), block, rooms, threads,
        )  # fmt: skip
        seen = max(seen, 1)
        yield EpochReport(epoch + 1, float(total / seen), violators / seen, trials / seen)


def _screening_pays(affinity: Any, trials: float, n_labels: int) -> bool:
    """Whether scores of all labels cost less than those of so many draws an example, fetched one by one."""
    return bool(rises(affinity)) and trials > n_labels / _DRAWS_A_PASS


def _order(seed: int, epoch: int, n: int) -> NDArray[np.int64]:
    """The order of the examples in one epoch."""
    return np.random.Generator(np.random.Philox(key=[seed, epoch])).permutation(n)


def _rates(plan: Plan, epoch: int) -> NDArray[np.float64]:
    """The rate at the start and at the end of an epoch: a straight line over the whole run."""
    left = 1 - (1 - plan.final_rate) * np.array([epoch, epoch + 1]) / plan.epochs
    return plan.learning_rate * left * (math.sqrt(FULL) if plan.steps == SGD else 1.0)


def _room(
    affinity: Any, loss: Any, examples: Examples, plan: Plan, learned: Learned, side: Any, n_labels: int,
    workers: int,
) -> Room:  # fmt: skip
    """Scratch for one of so many workers."""
    dim, longest = plan.dim, int(_row_lengths(examples.x).max(initial=1))
    positives = int(np.diff(examples.positives.indptr).max(initial=0))
    size = min(plan.block_size, len(examples))
    scored = n_labels if scores_all(loss) else 0
    by_v, v_hat = zeros(dim, np.float32), zeros(learned.V_hat.shape[1], np.float32)
    slot, one_hot = slots_of(side), examples.y is None
    return Room(
        ux=zeros(dim, np.float32),
        z=zeros(dim, np.float32),
        by_z=zeros(dim, np.float32),
        by_v=by_v,
        v_hat=v_hat,
        by_vj=by_v if one_hot else zeros(by_v.shape, np.float32),
        vj_hat=v_hat if one_hot else zeros(v_hat.shape, np.float32),
        slot=slot,
        chains=room_for_chains(learned, examples.x, longest, n_labels if one_hot else len(slot)),
        g=zeros(n_labels * lays_out(affinity), np.float32),
        features=zeros(longest, np.float32),
        mark=zeros(n_labels, np.int32),
        drawn=np.zeros(0, np.int32) if examples.drawn is None else examples.drawn,
        load=zeros(workers, np.int64),
        mine=zeros(size, np.int64),
        owned=zeros(1 + max(longest, size * sides(loss) * max(positives, scored)), np.int64),
        tally=zeros(3, np.float64),
        scores=zeros(scored, np.float32),
        slots=zeros(scored + 1 if scored else 0, np.int32),
    )


def _block(
    affinity: Any, loss: Any, examples: Examples, order: NDArray[np.int64], plan: Plan, learned: Learned,
    side: Any, n_labels: int, screened: bool,
) -> Block:  # fmt: skip
    """Buffers that hold any block of this order. The system gives room to what is written to, not before."""
    starts = np.arange(0, len(order), plan.block_size)
    size = min(plan.block_size, len(order))
    each = np.full(len(order), n_labels) if scores_all(loss) else np.diff(examples.positives.indptr)[order]
    records = int(np.add.reduceat(each, starts).max(initial=0))
    ways = 1 if directions(affinity) == 1 else sides(loss)
    features = int(np.add.reduceat(_row_lengths(examples.x)[order], starts).max(initial=0))
    return Block(
        labels=zeros((records, sides(loss)), np.int32),
        steps=zeros((records, sides(loss)), np.float32),
        by_label=zeros((records, ways, plan.dim), np.float32),
        by_input=zeros((size, plan.dim), np.float32),
        by_feature=zeros((features, plan.dim), np.float32),
        by_shared=zeros((size, *learned.shared.shape), np.float32),
        u_hat=zeros((features, learned.U_hat.shape[1]), np.float32),
        v_hat=zeros((records, ways, learned.V_hat.shape[1]), np.float32),
        by_pair=zeros(
            int(np.add.reduceat(_pairs(learned, examples.x)[order], starts).max(initial=0)), np.float32
        ),
        sums=room_for_sums(side, each * sides(loss), starts, plan.dim, learned.V_hat.shape[1]),
        ux=zeros((size if screened else 0, plan.dim), np.float32),
        screen=zeros((size if screened else 0, n_labels), np.float32),
        tally=zeros((size, 3), np.float64),
    )


def room_for_chains(learned: Learned, x: Rows, longest: int, n_label_features: int) -> Chains:
    """Room for the pairs of any example."""
    if not len(learned.indptr):
        return NO_CHAINS
    most = int(_pairs(learned, x).max(initial=0))
    return Chains(
        head=zeros(n_label_features, np.int32),
        before=zeros(most, np.int32),
        at=zeros(most, np.int32),
        first=zeros(longest, np.int64),
    )


def _pairs(learned: Learned, x: Rows) -> NDArray[np.int64]:
    """How many pairs the features of each example have together."""
    if not len(learned.indptr):
        return np.zeros(n_rows(x), np.int64)
    each = np.diff(learned.indptr)
    if isinstance(x, Dense):
        return np.full(n_rows(x), each.sum())
    ends = np.concatenate([[0], np.cumsum(each[x.indices])])
    return np.diff(ends[x.indptr])


def _row_lengths(x: Rows) -> NDArray[np.int64]:
    if isinstance(x, Dense):
        return np.full(n_rows(x), len(x.columns), np.int64)
    return np.diff(x.indptr)
