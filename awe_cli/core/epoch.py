"""One pass over the examples, block by block: learn, then update.

Each worker is a thread that runs the whole pass and does its share of every block; they wait for each other
between the two phases and before the next block.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numba
import numpy as np
from numpy.typing import NDArray

from awe_cli.core.arrays import frozen
from awe_cli.core.barrier import ask_to_stop, asked, new_barrier, pass_on, wait
from awe_cli.core.dispatch import for_types_of, kernel
from awe_cli.core.interface import NO_PARAMS, AdagradState, AffinityParams, zero_adagrad_state
from awe_cli.core.labels import refresh
from awe_cli.core.learn import Problem, learn_share
from awe_cli.core.objective import LOSS, TRIALS, VIOLATORS, Block, ThreadScratch
from awe_cli.core.update import Step, update_share

Result = TypeVar("Result")


class State(NamedTuple):
    """What training changes: the embeddings, what the affinity has of its own, and what AdaGrad remembers."""

    U: NDArray[np.float32]  # (features, d)
    V: NDArray[np.float32]  # (labels, d), or (label features, d); may be U itself
    u_history: NDArray[np.float32]  # (features,)
    v_history: NDArray[np.float32]  # (labels,)
    learned: AffinityParams = NO_PARAMS
    memory: AdagradState = zero_adagrad_state(NO_PARAMS)


class Figures(NamedTuple):
    """What an epoch showed, summed over its positives."""

    loss: float
    positives: int
    violators: float  # positives that asked for a step
    trials: float  # scores of other labels that were looked at


class Schedule(NamedTuple):
    """In which order an epoch goes over the examples, and how far each step goes."""

    order: NDArray[np.int64]
    block_size: int  # examples that read the same U and V
    scales: NDArray[np.float32]  # (examples,) what an example's loss is multiplied by
    rates: NDArray[np.float64]  # (2,) the learning rate at the start and at the end, linear between them
    begin: int  # the part of the order to go over, from the first of a block …
    end: int  # … to before this one
    loss_so_far: float  # of the examples before `begin`, which the loss that is returned includes


def run_epoch(
    problem: Problem, schedule: Schedule, buffers: Block, scratches: Sequence[ThreadScratch], workers: int
) -> Figures:
    """One epoch over the examples in the order of the schedule, or a part of it.

    Figures other than the loss are of the part alone: whole numbers that can be added in any order.

    buffers    hold any block of this order
    scratches  one for each of the workers
    """
    workers = 1 if numba.config.DISABLE_JIT else workers  # type: ignore[attr-defined]
    between = new_barrier()
    problem = problem._replace(
        affinity=frozen(problem.affinity),
        loss=frozen(problem.loss),
        rows=frozen(problem.rows),
        task=frozen(problem.task),
    )
    schedule = frozen(schedule)
    run = for_types_of(learn_and_update, problem.affinity)

    def work(worker: int) -> tuple[float, int, float, float]:
        return run(problem, schedule, buffers, scratches[worker], worker, workers, between)

    return Figures(*_beside_each_other(work, workers, lambda: ask_to_stop(between)))


def _beside_each_other(work: Callable[[int], Result], workers: int, stop: Callable[[], None]) -> Result:
    """The result of work(0), while the other workers run, each of them in a thread of its own.

    All begin or none does: one that began alone would wait for ever. So the calling thread, which a signal can
    interrupt anywhere, starts none of them; it waits for a thread that does, and asks the work to `stop` early
    where it is interrupted: in compiled code nobody would hear the signal.
    """
    all_here = threading.Barrier(workers)

    def join_in(worker: int) -> Result:
        all_here.wait()
        return work(worker)

    def conduct() -> Result:
        with ThreadPoolExecutor(workers, thread_name_prefix="awe-worker") as others:
            try:
                joined = [others.submit(join_in, worker) for worker in range(1, workers)]
            except RuntimeError:  # the system has no more threads
                all_here.abort()
                raise
            result = join_in(0)
            for other in joined:
                other.result()
        return result

    with ThreadPoolExecutor(1, thread_name_prefix="awe-worker") as first:
        result = first.submit(conduct)
        try:
            return result.result()
        except BaseException:
            stop()
            raise


@kernel
def learn_and_update(problem, schedule, buffers, scratch, worker, workers, between):
    """What one worker does from `begin` to `end`, or until it is asked to stop. Returns the same figures for all."""
    total, positives, violators, trials = schedule.loss_so_far, 0, 0.0, 0.0
    side, W, state, rates = problem.side, problem.W, problem.state, schedule.rates
    n, block = schedule.order.shape[0], schedule.block_size
    for start in range(schedule.begin, schedule.end, block):
        examples = schedule.order[start : min(start + block, n)]
        refresh(side, W, state.V, start, block, worker, workers, between)
        records, seen = learn_share(problem, examples, start, schedule.scales, buffers, scratch, worker)
        wait(between, workers)
        positives += seen
        for e in range(examples.shape[0]):
            total += buffers.tally[e, LOSS]
            violators += buffers.tally[e, VIOLATORS]
            trials += buffers.tally[e, TRIALS]
        learning_rate = np.float32(rates[0] + (rates[1] - rates[0]) * start / n)
        step = Step(examples, records, start, learning_rate, worker, workers)
        update_share(problem, step, buffers, scratch)
        if worker == 0:
            pass_on(between)
        wait(between, workers)
        if asked(between):
            break
    return total, positives, violators, trials
