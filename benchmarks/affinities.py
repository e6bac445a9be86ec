"""Training speed of every affinity side by side, on one thread and on two.

    python benchmarks/affinities.py [--people 2000] [--items 5000] [--only "sigmoid;concat"] [--cpu]

One epoch of WARP with at most 10 trials, all affinities on the same interactions from the same random start. Prints a
Markdown table: interactions/s, multiply-adds/s, and how much slower an affinity is than its own multiply-adds take at
the rate of the linear model (`times`). Each of its epochs is measured beside one of the linear model, since the rate of
a machine with other work changes from minute to minute. Every figure is a median of the runs after a warm-up that
compiles. With --cpu it is the processor's time that is measured, on one thread: for such a machine.

What is measured and what it costs is in `affinity_rows.py`.
"""

from __future__ import annotations

import argparse
import datetime
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from affinity_rows import ATTRIBUTES, PLAN, ROWS, D, Made, Row, multiply_adds
from bench import bags
from machine import machine
from synthetic import interactions

from awe_cli.affinities.registry import ALL_MEMBERS, CATALOG
from awe_cli.core.epoch import State
from awe_cli.dataset.examples import Examples
from awe_cli.training.config import TrainConfig
from awe_cli.training.state import copy_state, initial_state, with_learned
from awe_cli.training.trainer import epochs


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
    parser.add_argument("--only", type=lambda text: ["constant", *text.split(";")], default=list(ROWS))
    parser.add_argument("--cpu", action="store_true")
    asked = parser.parse_args()
    measured = " ".join(ROWS).replace(",", " ").split()
    assert {*CATALOG, *ALL_MEMBERS} <= set(measured), "every affinity is measured"
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
        for found in measure(ROWS[name], examples, asked.items, asked.runs, cpu=asked.cpu):
            print(
                f"| {name} | {found.threads} | {found.trials:.1f} | {n / found.seconds / 1e6:.3f} | "
                f"{found.rate / 1e9:.2f} | {found.times:.2f} |",
                flush=True,
            )


def measure(row: Row, examples: Examples, items: int, runs: int, *, cpu: bool) -> list[Measured]:
    """One affinity, on one thread and on two, each epoch beside one of the linear model."""
    clock = time.process_time if cpu else time.perf_counter
    return [
        _measure(row, examples, items, replace(PLAN, epochs=runs + 1), threads, clock)
        for threads in ((1,) if cpu else (1, 2))
    ]


def _measure(
    row: Row, examples: Examples, items: int, plan: TrainConfig, threads: int, clock: Callable[[], float]
) -> Measured:
    beside = [_passes(each, examples, items, plan, threads, clock) for each in (ROWS["constant"], row)]
    rows = []
    for (_, linear, _), (seconds, rate, trials) in zip(*beside, strict=True):
        rows.append((seconds, rate, trials, linear / rate))
    return Measured(row.name, threads, *(statistics.median(column) for column in zip(*rows[1:], strict=True)))


def _passes(
    row: Row, examples: Examples, items: int, plan: TrainConfig, threads: int, clock: Callable[[], float]
) -> Iterator[tuple[float, float, float]]:
    """Of each epoch: seconds, multiply-adds a second, trials."""
    made = row.make(examples, items)
    under_way = epochs(made.affinity, made.examples, start(items, made), plan, threads=threads)
    for _ in range(plan.epochs):
        began = clock()
        report = next(under_way)
        seconds = clock() - began
        work = multiply_adds(row, made, report.mean_trials, report.violation_rate)
        yield seconds, work / seconds, report.mean_trials


def start(items: int, made: Made) -> State:
    """U and V at random, and what the affinity starts with, all in arrays of their own."""
    rows = items if made.examples.y is None else ATTRIBUTES
    return copy_state(with_learned(initial_state(items, rows, PLAN), made.learned))


if __name__ == "__main__":
    main()
