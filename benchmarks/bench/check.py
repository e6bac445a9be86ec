"""`python -m benchmarks.bench.check`: is a kernel slower than it was, by a reference kernel in the same run?

What is compared is no time but a ratio: the processor time of a kernel by that of a reference kernel, which multiplies
a vector with rows at random, as trials of WARP do, and with rows in the first cache. Each takes many short turns, one
after the other, and what counts is its shortest, that which nothing disturbed; then the median of several processes, as
where a process has its memory makes a difference, too. benchmarks/history.json has the ratios of earlier commits.

Ends with 1 where a ratio is more than 10 % above the last one that was recorded on such a machine, and stays so with
more processes. --record appends the ratios of this commit: for a release, or after a change that is meant.
"""

from __future__ import annotations

import argparse
import datetime
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

import awe_cli
from awe_cli.affinities.pointwise import Constant
from awe_cli.core.epoch import State
from awe_cli.dataset.examples import Examples
from awe_cli.matrices.matrix import slice_lists, slice_rows
from awe_cli.ranking.block import rank_block
from awe_cli.ranking.embedding import EmbeddingRanker
from awe_cli.training.config import TrainConfig
from awe_cli.training.state import copy_state
from awe_cli.training.trainer import epochs
from benchmarks.bench.affinities import start
from benchmarks.bench.affinity_rows import ROWS, Made
from benchmarks.bench.limits import DIM, cached_rows, random_rows
from benchmarks.bench.of_awe import bags, plan
from benchmarks.machine import machine
from benchmarks.synthetic import interactions

HISTORY = Path("benchmarks/history.json")
LIMIT = 0.10  # by so much a ratio may rise
_PEOPLE, _ITEMS, _MEAN = 1000, 5000, 60.0
_ROUNDS = 25  # turns of each in a process
_FEW = 100  # people for the affinities of features, which take long
_LATE, _TRIALS = 6, 300  # epochs before, and trials in, the late regime
_AGAIN = 2  # times that what seems slower is measured once more
_REFERENCE = "reference"
_MANY, _READ = 20_000, 500_000  # rows of 5 MB, and how many of them are read at random
_NEAR, _TIMES = 128, 4000  # rows in the first cache, and how often they are read
Work = Callable[[], object]


def main() -> int:
    """Measure, and compare or record."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench.check", description=__doc__)
    parser.add_argument("--record", action="store_true", help="append the ratios to the history")
    parser.add_argument("--history", type=Path, default=HISTORY)
    parser.add_argument("--processes", type=int, default=5)
    asked = parser.parse_args()
    history = json.loads(asked.history.read_text()) if asked.history.exists() else []
    on = machine()
    before = None if asked.record else last(history, on)
    if before is None and not asked.record:
        print(
            f"{asked.history} has nothing that was recorded on {on}: go to the commit to compare with, run this with "
            "--record --history FILE, come back, and name that FILE",
            file=sys.stderr,
        )
        return 2
    runs = [in_a_process() for _ in range(asked.processes)]
    ratios = medians(runs)
    if before is None:
        history.append(
            {**_who(), "machine": on, "ratios": {name: round(of, 3) for name, of in ratios.items()}}
        )
        asked.history.write_text(json.dumps(history, indent=1) + "\n")
        print(f"recorded in {asked.history}")
        return 0
    recorded: dict[str, float] = before["ratios"]
    for _ in range(_AGAIN):
        if again := slower(ratios, recorded):
            print(f"slower, so that more is measured: {'; '.join(again)}", file=sys.stderr)
            runs += [in_a_process() for _ in range(asked.processes)]
            ratios = medians(runs)
    print(f"against {before['commit']} of {before['date']}, {on}; ratios to the reference kernel")
    worse = slower(ratios, recorded)
    for name, ratio in ratios.items():
        was = recorded.get(name)
        change = (
            "new" if was is None else f"was {was:8.3f}, {ratio / was - 1:+.1%}{' SLOWER' * (name in worse)}"
        )
        print(f"{name:24} {ratio:8.3f}  {change}")
    return 1 if worse else 0


def last(history: Iterable[Mapping[str, Any]], on: str) -> Mapping[str, Any] | None:
    """The last that was recorded on such a machine."""
    entries = [entry for entry in history if entry["machine"] == on]
    return entries[-1] if entries else None


def slower(ratios: Mapping[str, float], recorded: Mapping[str, float]) -> list[str]:
    """The kernels whose ratio has risen by more than the limit; new ones have nothing to be compared with."""
    return [name for name, ratio in ratios.items() if ratio > (1 + LIMIT) * recorded.get(name, np.inf)]


def medians(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """kernel → the median of its ratio over the processes."""
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def in_a_process() -> dict[str, float]:
    """The ratios that a process of its own finds."""
    with ProcessPoolExecutor(1, get_context("spawn")) as other:
        return other.submit(measured).result()


def measured() -> dict[str, float]:
    """kernel → its shortest processor time by that of the reference kernel."""
    works = {_REFERENCE: _reference(), **kernels()}
    for work in works.values():
        work()  # compiled
    shortest = dict.fromkeys(works, np.inf)
    for _ in range(_ROUNDS):
        for name, work in works.items():
            began = time.process_time()
            work()
            shortest[name] = min(shortest[name], time.process_time() - began)
    reference = shortest.pop(_REFERENCE)
    return {name: float(seconds / reference) for name, seconds in shortest.items()}


def _reference() -> Work:
    draws = np.random.default_rng(0)
    V, A = (draws.normal(size=(n, DIM)).astype(np.float32) for n in (_MANY, _NEAR))
    rows, x = draws.integers(_MANY, size=_READ), np.ones(DIM, np.float32)
    return lambda: (random_rows(V, rows, x), cached_rows(A, x.copy(), _TIMES))


def kernels() -> dict[str, Work]:
    """name → the same work each time it is called."""
    person, item = interactions(_PEOPLE, _ITEMS, _MEAN)
    examples = bags(person, item, _PEOPLE)
    few = replace(examples.slice(0, _FEW), own=True)
    linear = ROWS["constant"].make(examples, _ITEMS)
    late = _trained(linear, _LATE, plan(_TRIALS))
    works: dict[str, Work] = {
        "train, constant": _epoch(linear, start(_ITEMS, linear), plan(10)),
        "train, constant, late": _epoch(linear, late, plan(_TRIALS)),
        "rank": _ranking(late, examples),
    }
    for name in ("sigmoid", "linear-sigmoid", "max", "top-k", "gaussian", "knn, knn-approximate"):
        made = ROWS[name].make(few, _ITEMS)
        state = start(_ITEMS, made)
        works[f"train, {name.split(',')[0]}"] = _epoch(made, state, plan(10))
        if name in ("sigmoid", "top-k"):
            works[f"score, {name}"] = _scoring(made, state)
    return works


def _trained(made: Made, n: int, settings: TrainConfig) -> State:
    state = start(_ITEMS, made)
    for report in epochs(made.affinity, made.examples, state, settings, threads=1):
        if report.epoch == n:
            break
    return state


def _epoch(made: Made, state: State, settings: TrainConfig) -> Work:
    """An epoch from a copy of this state."""
    return lambda: next(epochs(made.affinity, made.examples, copy_state(state), settings, threads=1))


def _ranking(state: State, examples: Examples) -> Work:
    """The ranks of the items of everyone, and the 10 best of the rest, scores included."""
    ranker = EmbeddingRanker(Constant(1.0), state.U, state.V)
    n = len(examples) // 2
    seen = slice_lists(examples.positives, 0, n)
    return lambda: rank_block(ranker.scores(slice_rows(examples.x, 0, n)), None, seen, 10, "check")


def _scoring(made: Made, state: State) -> Work:
    """Scores of all labels for a few."""
    ranker = EmbeddingRanker(made.affinity, state.U, state.V, learned=state.learned)
    x = slice_rows(made.examples.x, 0, 8)
    return lambda: ranker.scores(x)


def _who() -> dict[str, str]:
    """The version, commit and date of what is recorded."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return {"version": awe_cli.__version__, "commit": commit, "date": str(datetime.date.today())}


if __name__ == "__main__":
    sys.exit(main())
