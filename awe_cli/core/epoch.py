"""One pass over the examples, block by block: learn, then update.

Each worker is a thread that runs the whole pass and does its share of every block. The workers wait for each other
between the two phases of a block, and before the next block.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from typing import NamedTuple, TypeVar

import numba
import numpy as np
from numpy.typing import NDArray

from awe_cli.core.arrays import frozen
from awe_cli.core.barrier import new_barrier, publish_stop, request_stop, stop_requested, wait
from awe_cli.core.dispatch import for_types_of, kernel
from awe_cli.core.interface import NO_PARAMS, AdagradState, AffinityParams, zero_adagrad_state
from awe_cli.core.labels import refresh
from awe_cli.core.learn import Problem, learn_share
from awe_cli.core.objective import LOSS, TRIALS, VIOLATORS, Block, ThreadScratch
from awe_cli.core.update import Step, update_share

Result = TypeVar("Result")


class State(NamedTuple):
    """The arrays that training changes: embeddings, the affinity's own parameters, and AdaGrad's accumulators."""

    U: NDArray[np.float32]  # (features, d)
    V: NDArray[np.float32]  # (labels, d), or (label features, d); may be U itself
    u_history: NDArray[np.float32]  # (features,)
    v_history: NDArray[np.float32]  # (labels,)
    learned: AffinityParams = NO_PARAMS
    memory: AdagradState = zero_adagrad_state(NO_PARAMS)


class Figures(NamedTuple):
    """The measurements of an epoch, summed over its positives."""

    loss: float
    positives: int
    violators: float  # positives for which a violator was found
    trials: float  # scores of negatives that were compared


class Schedule(NamedTuple):
    """The order of the examples in an epoch, and the sizes of its steps."""

    order: NDArray[np.int64]
    block_size: int  # examples that read the same U and V
    scales: NDArray[np.float32]  # (examples,) factor of each example's loss
    rates: NDArray[np.float64]  # (2,) the learning rate at the start and at the end, linear between them
    begin: int  # first position to process, at the start of a block
    end: int  # position after the last one to process
    loss_so_far: float  # loss of the examples before `begin`; the returned loss includes it


def run_epoch(
    problem: Problem, schedule: Schedule, buffers: Block, scratches: Sequence[ThreadScratch], workers: int
) -> Figures:
    """Run one epoch over the examples in the order of the schedule, or a part of it; return its figures.

    Figures other than the loss are those of the part alone: whole numbers, which add up exactly in any order.

    buffers    large enough for any block of this order
    scratches  one for each worker
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

    return Figures(*_run_in_threads(work, workers, lambda: request_stop(between)))


_LOOKS_FOR_SIGNALS = 0.25  # seconds


def _run_in_threads(work: Callable[[int], Result], workers: int, stop: Callable[[], None]) -> Result:
    """Run work(0), work(1), … in a thread each; return the result of work(0).

    All workers begin or none does: one that began alone would wait for ever. So the calling thread, which a signal
    can interrupt anywhere, starts none of them. It waits for a thread that does, and calls `stop` where it is
    interrupted: compiled code does not check for signals.
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
        try:
            result = first.submit(conduct)  # the thread may run before this returns
            # Now and then Python looks for signals: one that comes just before the thread begins to wait would not
            # wake it.
            while not result.done():
                wait_for([result], timeout=_LOOKS_FOR_SIGNALS)
            return result.result()
        except BaseException:
            stop()
            raise


@kernel
def learn_and_update(problem, schedule, buffers, scratch, worker, workers, between):
    """Run one worker's share from `begin` to `end`, or until a stop is requested. All return the same figures."""
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
            publish_stop(between)
        wait(between, workers)
        if stop_requested(between):
            break
    return total, positives, violators, trials
