"""Speed, side by side in one run: training, evaluation, prediction, and a peer where it is installed.

    python benchmarks/bench.py [--people 50000] [--items 20000] [--runs 3]

Prints a Markdown table; every figure is a median of the runs after a warm-up that compiles.
"""

from __future__ import annotations

import argparse
import datetime
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from machine import machine
from synthetic import interactions

from awe_cli.affinities.pointwise import Constant
from awe_cli.dataset.examples import Examples
from awe_cli.engine.local import map_blocks, one_blas_thread
from awe_cli.matrices.matrix import Bags, Lists, slice_lists, slice_rows
from awe_cli.ranking.block import rank_block
from awe_cli.ranking.embedding import EmbeddingRanker, projections
from awe_cli.ranking.ranker import block_rows
from awe_cli.training.config import TrainConfig
from awe_cli.training.state import initial_state
from awe_cli.training.trainer import epochs

DIM, TRIALS, TOP = 64, 10, 10


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=50_000)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    person, item = interactions(asked.people, asked.items)
    examples = bags(person, item, asked.people)
    print(f"{machine()}, {datetime.date.today()}, medians of {asked.runs} runs\n")
    print(f"{asked.people:,} people × {asked.items:,} items, {len(item):,} interactions, d = {DIM}\n")
    rows = [*training(examples, asked.items, asked.runs), *peer(person, item, asked)]
    rows += ranking(examples, asked.items, asked.runs)
    print("| what | threads | seconds | rate |\n|---|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


def bags(person: np.ndarray, item: np.ndarray, people: int) -> Examples:
    """Histories as examples: x the bag, scaled by n^-1/2, positives the same items."""
    lengths = np.bincount(person, minlength=people)
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    order = np.lexsort((item, person))
    items = item[order].astype(np.int32)
    values = np.repeat(1 / np.sqrt(np.maximum(lengths, 1)), lengths).astype(np.float32)
    return Examples(
        pa.array(np.arange(people)), Bags(indptr, items, values), Lists(indptr, items), None, True
    )


def training(examples: Examples, items: int, runs: int) -> list[tuple[str, ...]]:
    """One epoch of the linear model: at most 10 trials, on one thread and on two, in turn."""
    plan = TrainConfig(DIM, runs + 1, 0.1, 0.05, 0.3, TRIALS, 1.0, 32, 0.3, 0.0, 0)
    n = len(examples.positives.indices)
    seconds: dict[int, list[float]] = {1: [], 2: []}
    under_way = {
        threads: epochs(Constant(1.0), examples, initial_state(items, items, plan), plan, threads=threads)
        for threads in seconds
    }
    for _ in range(runs + 1):
        for threads, passes in under_way.items():
            start = time.perf_counter()
            report = next(passes)
            seconds[threads].append(time.perf_counter() - start)
    medians = {threads: statistics.median(times[1:]) for threads, times in seconds.items()}
    rows = [
        (f"train, {report.mean_trials:.1f} trials", str(t), f"{s:.2f}", f"{n / s / 1e6:.2f} M interactions/s")
        for t, s in medians.items()
    ]
    return [*rows, ("train, two threads over one", "", "", f"{medians[1] / medians[2]:.2f} ×")]


def peer(person: np.ndarray, item: np.ndarray, asked: argparse.Namespace) -> list[tuple[str, ...]]:
    """LightFM's WARP with a row for each person, one thread, where it is installed."""
    try:
        from lightfm import LightFM
    except ImportError:
        return [("LightFM (not installed)", "1", "", "")]
    from scipy.sparse import coo_matrix

    matrix = coo_matrix((np.ones(len(item), np.float32), (person, item)), shape=(asked.people, asked.items))
    model = LightFM(no_components=DIM, loss="warp", max_sampled=TRIALS, random_state=0)
    seconds = median(lambda: model.fit_partial(matrix, epochs=1, num_threads=1), asked.runs)
    return [
        (
            "LightFM WARP, row a person",
            "1",
            f"{seconds:.2f}",
            f"{len(item) / seconds / 1e6:.2f} M interactions/s",
        )
    ]


def ranking(examples: Examples, items: int, runs: int) -> list[tuple[str, ...]]:
    """All people: ranks of held-out items, top lists, and beside them the bare product with top-k selection."""
    plan = TrainConfig(DIM, 1, 0.1, 0.05, 0.3, TRIALS, 1.0, 32, 0.3, 0.0, 0)
    state = initial_state(items, items, plan)
    ranker = EmbeddingRanker(Constant(1.0), state.U, state.V)
    size, n = block_rows(items), len(examples)
    blocks = [(start, min(start + size, n)) for start in range(0, n, size)]
    seen = examples.positives
    held_out = Lists(np.arange(0, 5 * n + 1, 5, dtype=np.int64), _unseen(seen, items))
    with one_blas_thread():
        Z = projections(examples.x, state.U)

    def bare(block: tuple[int, int]) -> Any:
        scores = Z[block[0] : block[1]] @ state.V.T
        return np.argpartition(-scores, TOP, axis=1)[:, :TOP]

    def rank(block: tuple[int, int], k: int, positives: Lists | None) -> Any:
        start, stop = block
        lists = None if positives is None else slice_lists(positives, start, stop)
        scores = ranker.scores(slice_rows(examples.x, start, stop))
        return rank_block(scores, lists, slice_lists(seen, start, stop), k, "bench")

    work: dict[str, Callable[[tuple[int, int]], Any]] = {
        "bare product and argpartition": bare,
        "evaluate: ranks of 5 held-out items": lambda block: rank(block, 0, held_out),
        "predict: top 10": lambda block: rank(block, TOP, None),
    }
    rows = []
    for name, function in work.items():
        seconds = median(lambda f=function: list(map_blocks(f, blocks, 2)), runs)
        rows.append((name, "2", f"{seconds:.2f}", f"{n / seconds:,.0f} people/s"))
    return rows


def median(function: Callable[[], Any], runs: int) -> float:
    """The median time of a call, after one that is not counted."""
    times = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def _unseen(seen: Lists, items: int) -> np.ndarray:
    """Five items a row that are not in its list, ascending."""
    draws = np.random.default_rng(1)
    out = np.empty((len(seen.indptr) - 1, 5), np.int32)
    for row in range(len(out)):
        free = np.setdiff1d(
            draws.integers(0, items, 40), seen.indices[seen.indptr[row] : seen.indptr[row + 1]]
        )
        out[row] = free[:5]
    return out.reshape(-1)


if __name__ == "__main__":
    main()
