"""One training run: a generator with one report an epoch, the best epoch, and the choice among configurations."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe_cli.core.arrays import frozen, zeros
from awe_cli.core.epoch import Schedule, State, run_epoch
from awe_cli.core.interface import AffinityParams, directions, is_monotone, n_tables
from awe_cli.core.labels import Described, OneHot
from awe_cli.core.learn import Problem, Task
from awe_cli.core.objective import Block, ThreadScratch, scores_all, sides, uses_bounds
from awe_cli.core.pairs import NO_CHAINS, Chains
from awe_cli.core.sums import Sums
from awe_cli.dataset.examples import Examples
from awe_cli.dataset.windows import StoredExamples, Window, windows_of
from awe_cli.engine.checkpoints import NO_CHECKPOINTS, Checkpoints
from awe_cli.errors import DivergedError
from awe_cli.losses.registry import find_loss
from awe_cli.matrices.bags import row_sums
from awe_cli.matrices.matrix import Dense, Rows, longest_row, n_rows
from awe_cli.training.config import SGD, TrainConfig
from awe_cli.training.state import FULL, arrays_of, copy_state, prepare_for_steps, under_cap
from awe_cli.training.trainer_state import WHOLE, EpochPart, EpochReport, RunKey, RunState, TrainerState

# The label side of a run, as kernels take it.


def label_side(y: Rows | None, state: State) -> tuple[Any, NDArray[np.float32]]:
    """The label side, and an array W for the rows of labels: V itself where they are one-hot.

    y  (labels, label features), None for one-hot labels
    """
    if y is None:
        return OneHot(len(state.V)), state.V
    W = zeros((n_rows(y), state.V.shape[1]), np.float32)
    changed = np.zeros(len(state.V), np.int64)
    return Described(frozen(y), changed, _reach(y), longest_row(y), state.V is state.U), W


def sum_buffers(
    side: Any, labels: NDArray[np.int64], starts: NDArray[np.int64], dim: int, width: int
) -> Sums:
    """Buffers for the sums of any block. Only rows that are written to take memory.

    labels  (examples,) the most labels that have gradients, in the order of training
    starts  where blocks begin
    """
    most = np.minimum(len(side.changed), side.longest * labels) if isinstance(side, Described) else 0 * labels
    n = int(np.add.reduceat(most, starts).max(initial=0))
    return Sums(
        row=zeros(n, np.int64),
        by_row=zeros((n, dim), np.float32),
        by_hat=zeros((n, width), np.float32),
        squared=zeros((n, 2), np.float32),
        used=np.zeros(int(np.diff([*starts, len(labels)]).max(initial=0)), np.int64),
    )


def slots_of(side: Any) -> NDArray[np.int32]:
    """The position of the sum of each row of V: -1, as there are none yet."""
    return np.full(len(side.changed) if isinstance(side, Described) else 0, -1, np.int32)


def _reach(y: Rows) -> float:
    """max_y Σ_j |y_j|."""
    if isinstance(y, Dense):
        return float(np.abs(y.values).sum(axis=1).max(initial=0))
    return float(row_sums(y.indptr, np.abs(y.values)).max(initial=0))


# Training as a generator: one report an epoch, the state changed in place.

_DRAWS_A_PASS = 16  # labels in a pass over V that cost as much as one random access to V
_FIRST_PART = 2048  # blocks of the first part of an epoch, before their time is known
_SECONDS_A_PART = 60.0


OnPart = Callable[[EpochPart], None]


def epochs(
    affinity: Any,
    examples: Examples | StoredExamples,
    state: State,
    plan: TrainConfig,
    *,
    threads: int,
    done: int = 0,
    trials_per_example: float = 0.0,
    part: EpochPart = WHOLE,
    on_part: OnPart | None = None,
) -> Iterator[EpochReport]:
    """Train `state` in place, epoch by epoch; the same bytes for any number of threads.

    examples            in memory, or on disk and then read in windows
    done                the number of epochs that `state` has been trained for
    trials_per_example  of the last of these epochs
    part                the part of the next epoch that `state` has been trained for
    on_part             called about once a minute within an epoch with the part done, and between two windows; `state`
                        is then as of there

    No row of V may be longer than the plan's cap (see `state.under_cap`). Raises ValueError for threads below 1.
    """
    if threads < 1:
        raise ValueError(f"threads: expected 1 or more, found {threads}")
    side, W = label_side(examples.y, state)
    n_labels, total = len(W), len(examples)
    candidates = n_labels if examples.drawn is None else len(examples.drawn)
    loss = find_loss(plan.loss).build(asdict(plan), candidates)
    learning = _Learning(affinity, loss, side, state, W, plan, total, threads)
    ready: _Ready | None = None
    for epoch in range(done, plan.epochs):
        with_bounds = uses_bounds(loss) and _bounds_pay(affinity, trials_per_example, n_labels)
        for window in windows_of(examples, plan.seed, epoch):
            if part.examples >= window.stop:
                continue
            if isinstance(examples, StoredExamples) or ready is None:
                ready = None  # before the next window is read
                ready = _make_ready(learning, window.read(), examples.mean_weight)
            for more in _parts(learning, ready, window, epoch, part, with_bounds=with_bounds):
                part = more
                if on_part is not None and part.examples < total:
                    on_part(part)
        _, total_loss, seen, violators, trials = part
        part = WHOLE
        seen = max(seen, 1)
        trials_per_example = trials / max(1, total)
        yield EpochReport(
            epoch + 1,
            float(total_loss / seen),
            violators / seen,
            trials / seen,
            trials_per_example,
            int(seen),
        )


class _Learning(NamedTuple):
    """What is the same for all examples of a run; `total` is their number."""

    affinity: Any
    loss: Any
    side: Any
    state: State
    W: NDArray[np.float32]
    plan: TrainConfig
    total: int
    threads: int


class _Ready(NamedTuple):
    """Examples in memory, temporary arrays for each worker, and the factor of each example's loss."""

    examples: Examples
    scratches: list[ThreadScratch]
    scales: NDArray[np.float32]


def _make_ready(learning: _Learning, examples: Examples, mean_weight: float) -> _Ready:
    """What is needed to learn from these examples; `mean_weight` is that of all examples of the run."""
    affinity, loss, side, state, W, plan, _, threads = learning
    positives = np.diff(examples.positives.indptr)
    scales = (np.maximum(positives, 1) ** -plan.positive_power).astype(np.float32)
    if examples.weight is not None:  # 1 on average, so that a learning rate means the same
        scales *= examples.weight / np.float32(mean_weight)
    scratches = [
        _scratch(affinity, loss, examples, plan, state.learned, side, len(W), threads) for _ in range(threads)
    ]
    return _Ready(examples, scratches, scales)


def _parts(
    learning: _Learning, ready: _Ready, window: Window, epoch: int, part: EpochPart, *, with_bounds: bool
) -> Iterator[EpochPart]:
    """Learn the examples of a window from where `part` ends; yields what is done of the epoch, about once a minute."""
    affinity, loss, side, state, W, plan, total, threads = learning
    examples, order = ready.examples, window.order
    positives = examples.positives
    begin = part.examples - window.start
    for scratch in ready.scratches:
        scratch.mark[:] = 0
    if begin and isinstance(side, Described):
        # all rows of V count as stepped by the block before, so that all rows of W are updated
        side.changed[:] = begin - plan.block_size + 1
    task = Task(positives.indptr, positives.indices, examples.own, window.seed, epoch)
    problem = Problem(affinity, loss, examples.x, task, side, state, W, np.float32(plan.norm_cap))
    block = _block(
        affinity,
        loss,
        examples,
        order,
        plan,
        state.learned,
        side,
        n_labels=len(W),
        with_bounds=with_bounds,
    )
    rates = _rates(plan, epoch + np.array([window.start, window.stop]) / max(total, 1))
    size = _FIRST_PART * plan.block_size
    while begin < len(order):
        end, started = min(begin + size, len(order)), time.monotonic()
        schedule = Schedule(order, plan.block_size, ready.scales, rates, begin, end, float(part.loss))
        figures = run_epoch(problem, schedule, block, ready.scratches, threads)
        size = _next_part(end - begin, time.monotonic() - started, plan.block_size)
        part = EpochPart(
            window.start + end,
            figures.loss,
            part.positives + figures.positives,
            part.violators + figures.violators,
            part.trials + figures.trials,
        )
        begin = end
        yield part


def _next_part(examples: int, seconds: float, block: int) -> int:
    """The number of examples, in whole blocks, that take about `_SECONDS_A_PART`, given the time for `examples`."""
    return max(1, int(examples / max(seconds, 1e-3) * _SECONDS_A_PART) // block) * block


def _bounds_pay(affinity: Any, trials: float, n_labels: int) -> bool:
    """Whether scoring all labels at once costs less than scoring this many draws an example one by one."""
    return bool(is_monotone(affinity)) and trials > n_labels / _DRAWS_A_PASS


def _rates(plan: TrainConfig, epochs_done: NDArray[np.float64]) -> NDArray[np.float64]:
    """The learning rate after so many epochs; it falls linearly over the whole run."""
    left = 1 - (1 - plan.final_rate) * epochs_done / plan.epochs
    return plan.learning_rate * left * (math.sqrt(FULL) if plan.steps == SGD else 1.0)


def _scratch(
    affinity: Any,
    loss: Any,
    examples: Examples,
    plan: TrainConfig,
    learned: AffinityParams,
    side: Any,
    n_labels: int,
    workers: int,
) -> ThreadScratch:
    """Temporary arrays for one of `workers` workers."""
    dim, longest = plan.dim, int(_row_lengths(examples.x).max(initial=1))
    positives = int(np.diff(examples.positives.indptr).max(initial=0))
    size = min(plan.block_size, len(examples))
    scored = n_labels if scores_all(loss) else 0
    by_v, v_hat = zeros(dim, np.float32), zeros(learned.V_hat.shape[1], np.float32)
    slot, one_hot = slots_of(side), examples.y is None
    return ThreadScratch(
        ux=zeros(dim, np.float32),
        z=zeros(dim, np.float32),
        by_z=zeros(dim, np.float32),
        by_v=by_v,
        v_hat=v_hat,
        by_vj=by_v if one_hot else zeros(by_v.shape, np.float32),
        vj_hat=v_hat if one_hot else zeros(v_hat.shape, np.float32),
        slot=slot,
        chains=chain_buffers(learned, examples.x, longest, n_labels if one_hot else len(slot)),
        g=zeros(n_labels * n_tables(affinity), np.float32),
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
    affinity: Any,
    loss: Any,
    examples: Examples,
    order: NDArray[np.int64],
    plan: TrainConfig,
    learned: AffinityParams,
    side: Any,
    *,
    n_labels: int,
    with_bounds: bool,
) -> Block:
    """Buffers for any block of this order. Only pages that are written to take memory."""
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
        sums=sum_buffers(side, each * sides(loss), starts, plan.dim, learned.V_hat.shape[1]),
        ux=zeros((size if with_bounds else 0, plan.dim), np.float32),
        score_bound=zeros((size if with_bounds else 0, n_labels), np.float32),
        tally=zeros((size, 3), np.float64),
    )


def chain_buffers(learned: AffinityParams, x: Rows, longest: int, n_label_features: int) -> Chains:
    """Buffers for the linked pairs of any example."""
    if not len(learned.indptr):
        return NO_CHAINS
    most = int(_pairs(learned, x).max(initial=0))
    return Chains(
        head=zeros(n_label_features, np.int32),
        before=zeros(most, np.int32),
        at=zeros(most, np.int32),
        first=zeros(longest, np.int64),
    )


def _pairs(learned: AffinityParams, x: Rows) -> NDArray[np.int64]:
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


# Runs, which keep their best epoch and continue from a checkpoint, and the choice among several configurations.

_RUNAWAY = 100.0  # times the first epoch's loss: beyond it, training has diverged
_ABSURD = 1000.0  # times max(γ, 1) and the loss's largest weight: no usual norm cap allows a larger loss
_LARGEST = 1e9  # of an entry of U or V: beyond it scores would overflow, which hides the divergence


@dataclass(frozen=True)
class Progress:
    """One epoch, as reported to `on_progress` and kept in the history."""

    stage: str  # the stage of learning
    fit: str  # the splits it is learned from
    plan: TrainConfig
    report: EpochReport
    validation: float | None  # the metric on validation, where there is a validator
    epochs: int  # the most epochs of the run
    apart: tuple[str, ...]  # the settings of the plan that differ between the runs of this stage


@dataclass(frozen=True)
class Run:
    """The result of one run: the state of its best epoch, and its number.

    weights  the initial weights of a mixture, where validation chose them
    """

    plan: TrainConfig
    state: State
    epochs: int
    validation: float | None
    weights: list[float] | None = None


OnProgress = Callable[[Progress], None]
Validate = Callable[[State], float]
# Affinity, examples, the run whose latest state is changed in place, its plan, threads, on_part → a report an epoch.
Learn = Callable[[Any, Examples | StoredExamples, RunState, TrainConfig, int, OnPart], Iterator[EpochReport]]


def learn_all(
    affinity: Any,
    examples: Examples | StoredExamples,
    run: RunState,
    plan: TrainConfig,
    threads: int,
    on_part: OnPart,
) -> Iterator[EpochReport]:
    """Learn from all examples at once, from where the run is."""
    return epochs(
        affinity, examples, run.latest, plan,
        threads=threads, done=run.epoch, trials_per_example=run.trials_per_example, part=run.part, on_part=on_part,
    )  # fmt: skip


class Trainer:
    """Takes runs one after the other, each from its checkpoint where there is one.

    threads      have no effect on the result
    on_progress  called after every epoch that is learned now
    learn_run    how a run learns: from all examples at once, or over shards of them
    checkpoints  where runs are kept under `name`, epoch by epoch
    history      one entry for every epoch of every run, learned now or before
    """

    def __init__(
        self,
        *,
        threads: int,
        on_progress: OnProgress = lambda progress: None,
        learn_run: Learn = learn_all,
        checkpoints: Checkpoints = NO_CHECKPOINTS,
        name: str = "training",
    ) -> None:
        self._threads, self._on_rows, self._log = threads, on_progress, checkpoints.log
        self._learn_run = learn_run
        self._kept = TrainerState(checkpoints, name)
        self.history: list[Progress] = []

    def run(
        self,
        affinity: Any,
        examples: Examples | StoredExamples,
        start: State,
        plan: TrainConfig,
        *,
        stage: str,
        fit: str,
        validator: Validate | None = None,
        patience: int = 0,
        stop_after: int | None = None,
        apart: tuple[str, ...] = (),
        weights: list[float] | None = None,
    ) -> Run:
        """Learn from `start`, which stays unchanged; return the best epoch.

        validator   state → metric; the best epoch by it is kept, and after `patience` epochs without a gain
                    (0: never) the run ends
        stop_after  epochs to run; None: all of the plan
        apart       the settings in which the plan differs from others, for `Progress`
        weights     of a mixture, as validation chose them; `start` has them

        Raises DivergedError, naming the epoch and the setting to lower.
        """
        key = RunKey(stage, fit, plan, weights)
        run = self._load(key, start)
        most = stop_after or plan.epochs

        def shown(report: EpochReport, score: float | None) -> Progress:
            return Progress(stage, fit, plan, report, score, most, apart)

        self.history += [shown(*entry) for entry in run.history]
        if not run.finished and not _is_over(run, most, patience):
            n_labels = len(run.latest.V) if examples.y is None else n_rows(examples.y)
            on_part = partial(self._keep_part, key, run)
            for report in self._learn_run(affinity, examples, run, plan, self._threads, on_part):
                run.first_loss = run.first_loss or report.loss
                _check(report, run.latest, run.first_loss, plan, n_labels)
                score = None if validator is None else validator(run.latest)
                _take_epoch(run, report, score)
                progress = shown(report, score)
                self.history.append(progress)
                self._kept.save(key, run)
                self._on_rows(progress)
                if _is_over(run, most, patience):
                    break
        self._kept.clear(key, run)
        return Run(plan, run.kept, run.best_epoch, run.validation, weights)

    def _keep_part(self, key: RunKey, run: RunState, part: EpochPart) -> None:
        """Save a run in the middle of an epoch."""
        run.part = part
        self._kept.save(key, run)

    def _load(self, key: RunKey, start: State) -> RunState:
        """The run from its checkpoint, or before its first epoch."""
        run = self._kept.load(key)
        if run is None:
            return RunState(
                prepare_for_steps(under_cap(copy_state(start), key.plan.norm_cap), key.plan.steps)
            )
        end = ", its last one" if run.finished else ""
        part = f" and {run.part.examples:,} examples" if run.part.examples else ""
        self._log(f"resuming from epoch {run.epoch}{part} of {key.stage}, fit {key.fit}{end}")
        return run


def _take_epoch(run: RunState, report: EpochReport, score: float | None) -> None:
    """Record the results of an epoch, and keep its state where it is the best so far."""
    run.epoch, run.trials_per_example = report.epoch, report.trials_per_example
    run.part = WHOLE
    run.history.append((report, score))
    if score is None:
        run.best_epoch = report.epoch
    elif run.validation is None or score > run.validation:
        run.best, run.best_epoch, run.validation = copy_state(run.latest), report.epoch, score


def _is_over(run: RunState, most: int, patience: int) -> bool:
    """Whether a run ends now: it has all its epochs, or no gain for `patience` epochs."""
    gave_up = run.validation is not None and patience and run.epoch - run.best_epoch >= patience
    return run.epoch >= most or bool(gave_up)


def choose(runs: Sequence[Run]) -> Run:
    """The run with the best validation; the first of equals, and the first where there is no validation."""
    return max(runs, key=lambda run: -np.inf if run.validation is None else run.validation)


def differing(plans: Sequence[TrainConfig]) -> tuple[str, ...]:
    """The settings in which the plans differ."""
    first, *others = [asdict(plan) for plan in plans]
    return tuple(name for name in first if any(other[name] != first[name] for other in others))


def _check(report: EpochReport, state: State, first_loss: float, plan: TrainConfig, n_labels: int) -> None:
    numbers = all(np.isfinite(array).all() for array in arrays_of(state).values())
    stepped = (state.U, state.V, state.learned.pairs)  # the rest has capped norms
    bounded = numbers and max(np.abs(array).max(initial=0) for array in stepped) < _LARGEST
    most = min(
        _RUNAWAY * max(first_loss, plan.margin),
        _ABSURD * max(plan.margin, 1.0) * find_loss(plan.loss).heaviest(asdict(plan), n_labels),
    )
    if bounded and report.loss <= most:
        return
    if not np.isfinite(report.loss) or not numbers:
        found = "a loss or a parameter that is no finite number"
    else:
        found = f"a loss of {report.loss:.4g}" + ("" if bounded else " and a parameter beyond 1e9")
    raise DivergedError(
        f"training diverged in epoch {report.epoch}: {found} (first epoch: {first_loss:.4g})",
        hint=f"lower --learning-rate (it was {plan.learning_rate:g}) or --norm-cap ({plan.norm_cap:g}); "
        "the previous model is untouched",
    )
