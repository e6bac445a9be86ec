"""Training speed of every affinity side by side, on one thread and on two.

    python benchmarks/affinities.py [--people 2000] [--items 5000] [--only "sigmoid;concat"] [--cpu]

One epoch of WARP with at most 10 trials, all affinities on the same interactions from the same random start. Prints a
Markdown table: interactions/s, multiply-adds/s, and how much slower an affinity is than its own multiply-adds take at
the rate of the linear model (`times`). Each of its epochs is measured beside one of the linear model, since the rate of
a machine with other work changes from minute to minute. Every figure is a median of the runs after a warm-up that
compiles. With --cpu it is the processor's time that is measured, on one thread: for such a machine.

Multiply-adds are counted from the equations: of f and ∂f for one label (COSTS, n features of an example), of Ux, and of
the steps of U and V; numbers of scores and steps are those that training reports.
"""

from __future__ import annotations

import argparse
import datetime
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from bench import bags
from machine import machine
from synthetic import interactions

from awe_cli.affinity.catalog import ALL_MEMBERS, CATALOG, build_affinity, parameters_of, start_affinity
from awe_cli.affinity.entry import Shape
from awe_cli.affinity.knn import Knn
from awe_cli.affinity.mixture import build_mixture
from awe_cli.affinity.overlap import Overlap
from awe_cli.data.examples import Examples
from awe_cli.data.matrix import Bags
from awe_cli.kernels.epoch import State
from awe_cli.kernels.learned import NOTHING, Learned
from awe_cli.models.pairs import as_learned, counted_pairs
from awe_cli.training.epochs import epochs
from awe_cli.training.plan import Plan
from awe_cli.training.state import copy_state, initial_state, with_learned

D, E, NEIGHBORS, PARTS = 64, 16, 50, 4
PLAN = Plan(D, 4, 0.1, 0.05, 0.3, 10, 1.0, 32, 0.3, 0.0, 0)

# Multiply-adds of f, and of its gradient beside one more f, for one label and an example of n features.
Cost = Callable[[np.ndarray], Any]
WHOLE: tuple[Cost, Cost] = (lambda n: D, lambda n: D)
FEATURES: tuple[Cost, Cost] = (lambda n: n * D, lambda n: 2 * n * D)
ENDS: tuple[Cost, Cost] = (lambda n: 3 * D, lambda n: 4 * D)
COSTS: dict[str, tuple[Cost, Cost]] = {
    "constant": WHOLE,
    "dot": WHOLE,
    "sigmoid": FEATURES,
    "sigmoid, of the score": WHOLE,
    "linear-sigmoid": FEATURES,
    "max": (lambda n: n * (D + 1), lambda n: 2 * n * D),
    "top-k": (lambda n: n * (D + 5), lambda n: 2 * n * D),
    "gaussian": ENDS,
    "embedded-gaussian": ENDS,
    "low-rank": (lambda n: n * (D + E), lambda n: 2 * n * (D + E)),
    "low-rank, tied": FEATURES,
    "concat": (lambda n: 3 * D, lambda n: 6 * D),
    "pair-weights": (lambda n: D, lambda n: 2 * n * D),
    "pair-weights, learned": (lambda n: D, lambda n: 3 * n * D),
    "pair-weights, added": WHOLE,
    "mix of constant, gaussian": (lambda n: 4 * D, lambda n: 5 * D),
    "mix, learned": (lambda n: 4 * D, lambda n: 9 * D),
    "gaussian, with a floor": (lambda n: 4 * D, lambda n: 5 * D),
    "overlap": WHOLE,
    "knn": WHOLE,
    "mix of knn, constant": (lambda n: 2 * D, lambda n: 2 * D),
    "mix of knn, knn, constant, learned": (lambda n: 3 * D, lambda n: 6 * D),
}
TOLD: dict[str, tuple[str, dict[str, Any]]] = {
    "sigmoid, of the score": ("sigmoid", {"scope": "score"}),
    "low-rank, tied": ("low-rank", {"factors": "tied"}),
    "pair-weights, learned": ("pair-weights", {"learn_pairs": True}),
    "pair-weights, added": ("pair-weights", {"pair_form": "add"}),
    "mix of constant, gaussian": ("mix", {"mix": ("constant", "gaussian")}),
    "mix, learned": ("mix", {"mix": ("constant", "gaussian"), "learn_mix": True}),
    "gaussian, with a floor": ("gaussian", {"floor": 0.5}),
    "mix of knn, constant": ("mix", {"mix": ("knn", "constant")}),
    "mix of knn, knn, constant, learned": ("mix", {"mix": ("knn", "knn=2", "constant"), "learn_mix": True}),
}


@dataclass(frozen=True)
class Measured:
    """One affinity on so many threads: medians over its epochs."""

    name: str
    threads: int
    seconds: float
    rate: float  # multiply-adds a second
    trials: float
    times: float  # the linear model's rate in the epoch beside, by its own


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=2000)
    parser.add_argument("--items", type=int, default=5000)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--only", type=lambda text: ["constant", *text.split(";")], default=list(COSTS))
    parser.add_argument("--cpu", action="store_true")
    asked = parser.parse_args()
    assert set(CATALOG) <= {TOLD.get(name, (name,))[0] for name in COSTS}, "every affinity is measured"
    examples = bags(*interactions(asked.people, asked.items, mean=60.0), asked.people)
    n = len(examples.positives.indices)
    print(
        f"{machine()}, {datetime.date.today()}, medians of {asked.runs} runs{', processor time' if asked.cpu else ''}\n"
    )
    print(
        f"{asked.people:,} people × {asked.items:,} items, {n:,} interactions, d = {D}, at most 10 trials\n"
    )
    print(
        "| affinity | threads | trials | M interactions/s | G multiply-adds/s | times |\n|---|---|---|---|---|---|"
    )
    for name in asked.only:
        for found in measure(name, examples, asked.items, asked.runs, cpu=asked.cpu):
            print(
                f"| {name} | {found.threads} | {found.trials:.1f} | {n / found.seconds / 1e6:.3f} | "
                f"{found.rate / 1e9:.2f} | {found.times:.2f} |",
                flush=True,
            )


def measure(name: str, examples: Examples, items: int, runs: int, *, cpu: bool) -> list[Measured]:
    """One affinity, on one thread and on two, each epoch beside one of the linear model."""
    clock = time.process_time if cpu else time.perf_counter
    return [
        _measure(name, examples, items, replace(PLAN, epochs=runs + 1), threads, clock)
        for threads in ((1,) if cpu else (1, 2))
    ]


def _measure(
    name: str, examples: Examples, items: int, plan: Plan, threads: int, clock: Callable[[], float]
) -> Measured:
    beside = [_passes(each, examples, items, plan, threads, clock) for each in ("constant", name)]
    rows = []
    for (_, linear, _), (seconds, rate, trials) in zip(*beside, strict=True):
        rows.append((seconds, rate, trials, linear / rate))
    return Measured(name, threads, *(statistics.median(column) for column in zip(*rows[1:], strict=True)))


def _passes(
    name: str, examples: Examples, items: int, plan: Plan, threads: int, clock: Callable[[], float]
) -> Iterator[tuple[float, float, float]]:
    """Of each epoch: seconds, multiply-adds a second, trials."""
    affinity, learned = made(name, examples, items)
    pairs = pairs_of(name, examples, affinity, learned)
    under_way = epochs(affinity, examples, start(items, learned), plan, threads=threads)
    for _ in range(plan.epochs):
        began = clock()
        report = next(under_way)
        seconds = clock() - began
        work = multiply_adds(name, examples, pairs, report.mean_trials, report.violation_rate)
        yield seconds, work / seconds, report.mean_trials


def start(items: int, learned: Learned) -> State:
    """U and V at random, and these numbers, all in arrays of their own."""
    return copy_state(with_learned(initial_state(items, items, PLAN), learned))


def made(name: str, examples: Examples, items: int) -> tuple[Any, Learned]:
    """What the kernels take, and the numbers it starts with."""
    if name == "knn":
        return table(examples, 0.1), NOTHING
    if name == "overlap":
        shared = counted_pairs("pmi", examples, (items, items), 50).sorted_indices()
        entries = (shared.indptr.astype(np.int64), shared.indices, shared.data.astype(np.float32))
        return Overlap(3.0, examples.x, Bags(*entries)), NOTHING
    kind, told = TOLD.get(name, (name, {}))
    given = parameters_of(kind, told, own=True, members=ALL_MEMBERS)
    if tables_of(name):
        tables = [table(examples, 0.0, number * items) for number in range(tables_of(name))]
        return build_mixture(given, ALL_MEMBERS, tables), start_affinity(
            given, Shape(items, items, D, 0.3, 0)
        )
    if kind == "pair-weights":
        lift = 0.0 if given["pair_form"] == "add" else 1.0
        return build_affinity(given), as_learned(counted_pairs("pmi", examples, (items, items), 50), lift)
    return build_affinity(given), start_affinity(given, Shape(items, items, D, 0.3, 0))


def tables_of(name: str) -> int:
    """How many tables of neighbours are laid out for an example."""
    return name.count("knn")


def table(examples: Examples, floor: float, at: int = 0) -> Knn:
    """Neighbours at random."""
    draws = np.random.default_rng(at)
    neighbors = draws.integers(0, len(examples), (len(examples) * PARTS, NEIGHBORS)).astype(np.int32)
    weights = np.full(neighbors.shape, 1 / NEIGHBORS, np.float32)
    return Knn(neighbors, weights, *examples.positives, PARTS, 1.0, floor, at)


def pairs_of(name: str, examples: Examples, affinity: Any, learned: Learned) -> np.ndarray:
    """How many entries are laid out for each example: of its pairs, or of its neighbours' labels."""
    n = np.diff(examples.positives.indptr)
    if tables_of(name):
        return np.full(len(n), tables_of(name) * PARTS * NEIGHBORS * n.mean())
    indptr = affinity.shared.indptr if name == "overlap" else learned.indptr
    if not len(indptr):
        return np.zeros(len(n))
    ends = np.concatenate([[0], np.cumsum(np.diff(indptr)[examples.x.indices])])
    return np.diff(ends[examples.x.indptr]).astype(float)


def multiply_adds(name: str, examples: Examples, pairs: np.ndarray, trials: float, violated: float) -> float:
    """Of one epoch: scores of positives and draws, two gradients a violation, Ux, steps of U and V, what is laid out.

    An entry counts as one when it is laid out, and again when it is cleared away.
    """
    score, slope = COSTS[name]
    n = np.diff(examples.positives.indptr).astype(float)
    scores = np.sum(n * (1 + trials) * score(n))
    gradients = np.sum(n * violated * 2 * (score(n) + slope(n)))
    steps = np.sum(n * violated) * 2 * 2 * D + np.sum(n) * 2 * D
    return float(scores + gradients + steps + np.sum(n) * D + 2 * np.sum(pairs))


if __name__ == "__main__":
    main()
