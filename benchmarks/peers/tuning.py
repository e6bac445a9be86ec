"""A peer's settings chosen on validation, and its lists for test: the same number of trials for every method."""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.catalog import LISTED
from benchmarks.peers.cost import NOTHING, Cost, run
from benchmarks.peers.environments import NotThereError
from benchmarks.peers.interchange import Question, judge
from benchmarks.peers.protocol import JOB, LISTS, Method, Peer

_RESULT = "result.json"


@dataclass(frozen=True)
class Budget:
    """How much every method may try: settings on validation, and minutes of the processor for a single run."""

    trials: int
    minutes: float


@dataclass
class Outcome:
    """One method on one set of data.

    values    (runs, measures), the mean over the test examples of each run
    examples  (m, measures), the mean over the runs
    chosen    the settings that were best on validation; tried: how many were tried, of how many there are
    choosing  what all trials cost together; ranking: learning and ranking once, the median of the runs
    why       why there are no values
    """

    values: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))
    examples: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))
    chosen: str = ""
    tried: str = ""
    choosing: Cost | None = None
    ranking: Cost = NOTHING
    why: str = ""


@dataclass(frozen=True)
class Stage:
    """What is ranked: a question, its matrices, and where runs are kept."""

    question: Question
    data: Path
    runs: Path


def draws(space: Mapping[str, Sequence[Any]], most: int) -> Iterator[dict[str, Any]]:
    """The first value of everything, then different settings at random, the same ones each time."""
    every = list(itertools.product(*space.values()))
    order = [every[0], *random.Random(0).sample(every[1:], len(every) - 1)]
    return (dict(zip(space, values, strict=True)) for values in order[:most])


def size(space: Mapping[str, Sequence[Any]]) -> int:
    """How many settings there are."""
    return int(np.prod([len(values) for values in space.values()]))


def compare(
    peer: Peer,
    method: Method,
    python: Path,
    valid: Stage,
    test: Stage,
    measures: Sequence[str],
    budget: Budget,
    seeds: int,
) -> Outcome:
    """Choose on validation by the first of `measures`, then rank for test with each seed.

    A trial that fails or takes too long counts as one. Where all fail, or the last run does, the outcome says why.
    """
    outcome, best, score, why = Outcome(choosing=NOTHING), None, -1.0, "nothing was tried"
    settings = list(draws(method.space, budget.trials))
    failed = 0
    for one in settings:
        try:
            lists, cost = ranked(peer, method, python, valid, one, 0, budget)
            found = float(np.nanmean(judge(lists, valid.question, measures[:1])))
        except (NotThereError, ValueError) as error:
            why, failed = str(error), failed + 1
            continue
        assert outcome.choosing is not None
        outcome.choosing = outcome.choosing.and_then(cost)
        if found > score:
            best, score = one, found
    outcome.tried = f"{len(settings)} of {size(method.space)}" + (
        f", {failed} failed ({why})" if failed else ""
    )
    if best is None:
        outcome.why = why
        return outcome
    outcome.chosen = ", ".join(f"{name} {value}" for name, value in best.items())
    try:
        runs = [
            ranked(peer, method, python, test, best, seed, budget)
            for seed in range(seeds if method.random else 1)
        ]
        of_runs = np.stack([judge(lists, test.question, measures) for lists, _ in runs])
    except (NotThereError, ValueError) as error:
        outcome.why = str(error)
        return outcome
    outcome.values, outcome.examples = np.nanmean(of_runs, axis=1), of_runs.mean(axis=0)
    outcome.ranking = median([cost for _, cost in runs])
    return outcome


def median(costs: Sequence[Cost]) -> Cost:
    """The median of the minutes, and of the memory."""
    return Cost(*np.median(np.array(costs), axis=0).tolist())


def ranked(
    peer: Peer,
    method: Method,
    python: Path,
    stage: Stage,
    settings: Mapping[str, Any],
    seed: int,
    budget: Budget,
) -> tuple[NDArray[np.int64], Cost]:
    """The lists of one run and what it cost; both are kept, and so is a failure. Raises NotThereError for one."""
    source = Path(f"benchmarks/peers/{peer.name}.py").read_bytes()
    job = {"settings": dict(settings), "seed": seed, "k": LISTED}
    key = json.dumps([peer.name, method.name, job, budget.minutes], sort_keys=True).encode() + source
    folder = stage.runs / f"{peer.name}-{method.name}-{hashlib.sha256(key).hexdigest()[:12]}"
    if not (folder / _RESULT).exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / JOB).write_text(json.dumps(job))
        module = ["-m", "benchmarks.peers.child", peer.name, method.name, stage.data, folder]
        try:
            cost = run(
                [python, *module], budget.minutes, {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "2"}
            )
            told: dict[str, Any] = {"cost": cost}
        except NotThereError as error:
            told = {"why": str(error)}
        for file in folder.iterdir():
            if file.name not in (LISTS, JOB):
                shutil.rmtree(file) if file.is_dir() else file.unlink()
        (folder / _RESULT).write_text(json.dumps(told))
    told = json.loads((folder / _RESULT).read_text())
    if "why" in told:
        raise NotThereError(told["why"])
    return np.load(folder / LISTS), Cost(*told["cost"])
