"""The same bytes for any number of threads, and what becomes of a run whose threads cannot all start."""

from __future__ import annotations

import signal
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, replace

import numpy as np
import pytest

from awe_cli.core import epoch
from awe_cli.core.barrier import new_barrier, request_stop
from awe_cli.core.epoch import _run_in_threads
from awe_cli.training.state import arrays_of, copy_state, initial_state, with_learned
from awe_cli.training.trainer import epochs
from tests.training.sets import COMPILED, COMPILED_NAMES, PLAN, SIZES, crowd, for_crowd


def nothing() -> None:
    """What workers that end by themselves need not hear."""


@pytest.mark.parametrize(("kind", "member"), COMPILED, ids=COMPILED_NAMES)
def test_the_same_bytes_for_any_number_of_threads(kind, member):
    examples, plan = crowd(kind), replace(PLAN, block_size=7, epochs=2)
    affinity, start = for_crowd(member.affinity), with_learned(initial_state(*SIZES, plan), member.learned)
    results = []
    for threads in (1, 2, 3, 5):
        state = copy_state(start)
        reports = list(epochs(affinity, examples, state, plan, threads=threads))
        results.append((reports, [array.tobytes() for array in arrays_of(state).values()]))
    moved = {
        name for name, array in arrays_of(state).items() if not np.array_equal(array, arrays_of(start)[name])
    }
    assert moved >= {"U", "V", *(f"learned.{name}" for name in member.stepped)}
    assert all(result == results[0] for result in results)


def test_a_run_is_repeated_exactly_and_another_seed_gives_another():
    (kind, member), states = COMPILED[0], []
    for seed in (3, 3, 4):
        plan = replace(PLAN, seed=seed)
        state = initial_state(*SIZES, PLAN)
        list(epochs(member.affinity, crowd(kind), state, plan, threads=2))
        states.append(state.U.tobytes())
    assert states[0] == states[1] != states[2]


def test_reports_are_plain_numbers():
    kind, member = COMPILED[0]
    report = next(epochs(member.affinity, crowd(kind), initial_state(*SIZES, PLAN), PLAN, threads=1))
    assert {type(number) for number in astuple(report)} <= {int, float}


def test_the_first_worker_answers_for_all():
    met = threading.Barrier(3)
    assert _run_in_threads(lambda worker: (met.wait(10) >= 0) * 10 + worker, 3, nothing) == 10


def test_an_error_in_any_worker_comes_out():
    def work(worker):
        if worker == 2:
            raise ArithmeticError(worker)

    with pytest.raises(ArithmeticError):
        _run_in_threads(work, 3, nothing)


def test_no_worker_waits_for_one_that_cannot_start(monkeypatch):
    submit, asked = ThreadPoolExecutor.submit, []

    def refuse(pool, function, *arguments):
        asked.append(arguments)
        if arguments == (2,):
            raise RuntimeError("can't start new thread")
        return submit(pool, function, *arguments)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", refuse)
    worked = []
    with pytest.raises(RuntimeError, match="can't start"):
        _run_in_threads(worked.append, 3, nothing)
    assert asked == [(), (1,), (2,)]
    assert not worked


@pytest.mark.parametrize("threads", [1, 3])
def test_workers_that_are_asked_to_stop_do_so_after_a_block(monkeypatch, threads):
    def asked_already():
        barrier = new_barrier()
        request_stop(barrier)
        return barrier

    kind, member = COMPILED[0]
    examples, plan = crowd(kind), replace(PLAN, block_size=7, epochs=1)

    def positives_seen():
        state, seen = initial_state(*SIZES, plan), []
        run = epoch.run_epoch
        monkeypatch.setattr(
            "awe_cli.training.trainer.run_epoch", lambda *args: seen.append(run(*args)) or seen[0]
        )
        list(epochs(member.affinity, examples, state, plan, threads=threads))
        return seen[0].positives

    whole = positives_seen()
    assert whole == len(examples.positives.indices)
    monkeypatch.setattr(epoch, "new_barrier", asked_already)
    assert 0 < positives_seen() < whole


def waits_for_the_result(stack):
    """Whether it is in a wait, and not in that for a thread to start, which is over before anything is returned."""
    names = [frame.name for frame in stack]
    return "wait" in names and "submit" not in names


@pytest.mark.usefixtures("signals_are_heard")
@pytest.mark.parametrize("workers", [1, 2])
def test_an_interruption_stops_the_workers_and_comes_out(workers):
    stopped, heard, main = threading.Event(), [], threading.get_ident()

    def work(worker):
        if worker == 0:
            while not waits_for_the_result(traceback.extract_stack(sys._current_frames()[main])):
                pass
            signal.pthread_kill(main, signal.SIGINT)
        heard.append(stopped.wait(10))

    with pytest.raises(KeyboardInterrupt):
        _run_in_threads(work, workers, stopped.set)
    assert heard == [True] * workers


def test_an_interruption_as_the_thread_starts_stops_it(monkeypatch):
    stopped, heard, submit = threading.Event(), [], ThreadPoolExecutor.submit

    def interrupted(*args):
        submit(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(ThreadPoolExecutor, "submit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _run_in_threads(lambda worker: heard.append(stopped.wait(10)), 1, stopped.set)
    assert heard == [True]
