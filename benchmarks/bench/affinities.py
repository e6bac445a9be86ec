"""Training and scoring of every affinity side by side.

One epoch of WARP with at most 10 trials, all affinities on the same interactions from the same random start, each of
its epochs beside one of the linear model. Scores are those of all labels for a block of people, the product Ux·V_y
included. What is counted is in `affinity_rows.py`.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from awe_cli.affinities.registry import ALL_MEMBERS, CATALOG
from awe_cli.core.epoch import State
from awe_cli.dataset.examples import Examples
from awe_cli.engine.local import one_blas_thread
from awe_cli.matrices.matrix import n_rows, slice_rows
from awe_cli.ranking.embedding import EmbeddingRanker
from awe_cli.training.config import TrainConfig
from awe_cli.training.state import copy_state, initial_state, with_learned
from awe_cli.training.trainer import epochs
from benchmarks.bench.affinity_rows import ATTRIBUTES, PLAN, ROWS, D, Made, Row, multiply_adds
from benchmarks.bench.contest import Arena, table
from benchmarks.bench.limits import limit
from benchmarks.bench.of_awe import bags
from benchmarks.synthetic import interactions

_PEOPLE, _ITEMS, _MEAN = 2000, 5000, 60.0
_OF_FEATURES = ("constant", "sigmoid", "linear-sigmoid", "max", "top-k")
_SCORED = 64  # people of a block


@dataclass(frozen=True)
class Measured:
    """One affinity on so many threads: medians over its epochs."""

    name: str
    threads: int
    seconds: float
    rate: float  # multiply-adds a second
    trials: float
    times: float  # the linear model's rate in the epoch beside, by its own


def affinities(arena: Arena) -> str:
    """The section."""
    measured = " ".join(ROWS).replace(",", " ").split()
    assert {*CATALOG, *ALL_MEMBERS} <= set(measured), "every affinity is measured"
    people = _PEOPLE if arena.scale.people > 10 * _PEOPLE else _PEOPLE // 4
    examples = bags(*interactions(people, _ITEMS, mean=_MEAN), people)
    n = len(examples.positives.indices)
    rows = []
    for row in ROWS.values():
        for found in measure(row, examples, _ITEMS, arena.scale.runs):
            share = found.rate / limit(arena, found.threads)
            rows.append(
                (
                    row.name,
                    str(found.threads),
                    f"{found.trials:.1f}",
                    f"{n / found.seconds / 1e6:.3f}",
                    f"{found.rate / 1e9:.2f}",
                    f"{share:.0%}",
                    f"{found.times:.2f}",
                )
            )
    head = "affinity | threads | trials | M interactions/s | G multiply-adds/s | of the limit | times"
    words = f"{people:,} people × {_ITEMS:,} items, {n:,} interactions, d = {D}, at most {PLAN.max_trials} trials:"
    return "\n\n".join(
        (words, table(head, rows), "Scores of all labels, one thread:", scoring(arena, examples))
    )


def scoring(arena: Arena, examples: Examples) -> str:
    """Multiply-adds a second of the scorer, for the affinities that weigh single features."""
    x = slice_rows(examples.x, 0, _SCORED)
    entries = x.indptr[-1] - x.indptr[0]  # type: ignore[union-attr]
    rows = []
    for name in _OF_FEATURES:
        made = ROWS[name].make(examples, _ITEMS)
        state = start(_ITEMS, made)
        ranker = EmbeddingRanker(made.affinity, state.U, state.V, learned=state.learned)
        seconds = []
        for _ in range(arena.scale.runs + 1):
            began = time.perf_counter()
            with one_blas_thread():
                ranker.scores(x)
            seconds.append(time.perf_counter() - began)
        median = statistics.median(seconds[1:])
        products = n_rows(x) + (0 if name == "constant" else entries)
        work = float(products * _ITEMS * D)
        rows.append(
            (
                name,
                f"{n_rows(x) / median:,.0f}",
                f"{work / median / 1e9:.2f}",
                f"{work / median / limit(arena, 1):.0%}",
            )
        )
    return table("affinity | people/s | G multiply-adds/s | of the limit", rows)


def measure(row: Row, examples: Examples, items: int, runs: int) -> list[Measured]:
    """One affinity, on one thread and on two, each epoch beside one of the linear model."""
    plan = replace(PLAN, epochs=runs + 1)
    return [_measure(row, examples, items, plan, threads) for threads in (1, 2)]


def _measure(row: Row, examples: Examples, items: int, plan: TrainConfig, threads: int) -> Measured:
    beside = [_passes(each, examples, items, plan, threads) for each in (ROWS["constant"], row)]
    rows = []
    for (_, linear, _), (seconds, rate, trials) in zip(*beside, strict=True):
        rows.append((seconds, rate, trials, linear / rate))
    return Measured(row.name, threads, *(statistics.median(column) for column in zip(*rows[1:], strict=True)))


def _passes(
    row: Row, examples: Examples, items: int, plan: TrainConfig, threads: int
) -> Iterator[tuple[float, float, float]]:
    """Of each epoch: seconds, multiply-adds a second, trials."""
    made = row.make(examples, items)
    under_way = epochs(made.affinity, made.examples, start(items, made), plan, threads=threads)
    for _ in range(plan.epochs):
        began = time.perf_counter()
        report = next(under_way)
        seconds = time.perf_counter() - began
        work = multiply_adds(row, made, report.mean_trials, report.violation_rate)
        yield seconds, work / seconds, report.mean_trials


def start(items: int, made: Made) -> State:
    """U and V at random, and what the affinity starts with, all in arrays of their own."""
    rows = items if made.examples.y is None else ATTRIBUTES
    return copy_state(with_learned(initial_state(items, rows, PLAN), made.learned))
