"""What awe does, and what NumPy would need for the same."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from awe_cli.affinities.pointwise import Constant
from awe_cli.dataset.examples import Examples
from awe_cli.engine.local import Local, map_blocks, one_blas_thread
from awe_cli.matrices.matrix import Bags, Dense, Lists, slice_lists, slice_rows
from awe_cli.models.store import open_dataset
from awe_cli.neighbors.index import find_all
from awe_cli.neighbors.space import InputSearch
from awe_cli.ranking.block import rank_block
from awe_cli.ranking.embedding import EmbeddingRanker, projections
from awe_cli.ranking.ranker import block_rows
from awe_cli.training.config import TrainConfig, linear_plans
from awe_cli.training.state import fresh_state, initial_state
from awe_cli.training.trainer import epochs
from awe_cli.workspace import Workspace
from benchmarks.bench.affinity_rows import PLAN, ROWS, D, Made, multiply_adds
from benchmarks.bench.curve import Curve, OverError
from benchmarks.bench.data import Ints, load

EPOCHS = 20  # over which the learning rate of a fit falls; rounds are the first of them


def plan(trials: int) -> TrainConfig:
    """The defaults of recommendation with so many trials."""
    return replace(PLAN, epochs=EPOCHS, max_trials=trials)


def bags(person: Ints, item: Ints, people: int) -> Examples:
    """Histories as examples: x the bag, scaled by n^-1/2, positives the same items."""
    lengths = np.bincount(person, minlength=people)
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    order = np.lexsort((item, person))
    items = item[order].astype(np.int32)
    values = np.repeat(1 / np.sqrt(np.maximum(lengths, 1)), lengths).astype(np.float32)
    return Examples(
        pa.array(np.arange(people)), Bags(indptr, items, values), Lists(indptr, items), None, True
    )


def row_a_person(examples: Examples) -> Examples:
    """The same with a feature for each person, as LightFM and BPR have them, in place of their items."""
    n = len(examples)
    own = Bags(np.arange(n + 1, dtype=np.int64), np.arange(n, dtype=np.int32), np.ones(n, np.float32))
    return replace(examples, x=own, own=False)


# Works: each prepares, and returns what does one round.


def warp(
    file: str, trials: int, threads: int, people: int = 0, rows: bool = False, after: int = 0
) -> Callable[[], dict[str, float]]:
    """An epoch of WARP, from the first `people` alone if not 0; with `rows` a row for each person.

    after  so many epochs that are part of no round
    """
    person, item, (n_people, items) = load(file, people)
    examples = bags(person, item, n_people)
    examples = row_a_person(examples) if rows else examples
    settings = plan(trials)
    state = initial_state(n_people if rows else items, items, settings)
    passes = epochs(Constant(1.0), examples, state, settings, threads=threads)
    for _ in range(after):
        next(passes)
    made, n = Made(Constant(1.0), examples), len(item)

    def epoch() -> dict[str, float]:
        report = next(passes)
        told = {"interactions": float(n), "trials": report.mean_trials}
        if not rows:
            scored, stepped = n * (1 + report.mean_trials), 2 * n * report.violation_rate
            told["multiply_adds"] = multiply_adds(
                ROWS["constant"], made, report.mean_trials, report.violation_rate
            )
            # A row of V for each score and one of U for each item are read; those that are stepped, written as well.
            told["bytes"] = 4.0 * D * (scored + n + 2 * (stepped + n))
        return told

    return epoch


def curve(
    workspace: str, data: str, folder: str, most: float, **settings: Any
) -> Callable[[], dict[str, Any]]:
    """The lists of `awe train`'s linear model for those who are asked about, after each epoch."""
    dataset = open_dataset(Workspace(Path(workspace)).find("dataset"))
    examples, held = dataset.training(("train",)), dataset.held_out("valid", ("train",))
    held = held.take(np.load(Path(data) / "places.npy"))
    settings_of_run = linear_plans(dataset, settings)[0]

    def learn(last: int) -> dict[str, Any]:
        points = Curve(Path(folder), most)
        points.start(time.process_time())
        state = fresh_state(dataset, settings_of_run)
        ranker = EmbeddingRanker(Constant(1.0), state.U, state.V)
        try:
            for report in epochs(Constant(1.0), examples, state, settings_of_run, threads=1):
                points.add(lambda: rank_block(ranker.scores(held.x), None, held.seen, 20, "bench").labels)
                if report.epoch == last:
                    break
        except OverError:
            pass
        return points.told

    learn(2)  # compiled
    return lambda: learn(0)


def product(file: str, people: int, top: int, threads: int) -> Callable[[], None]:
    """NumPy: Ux·V_y of all labels, and the best by a partial sort."""
    examples, ranker, blocks = _to_rank(file, people)
    V = ranker.embedding.W
    with one_blas_thread():
        Z = projections(examples.x, ranker.embedding.U)

    def best(block: tuple[int, int]) -> Any:
        return np.argpartition(-(Z[slice(*block)] @ V.T), top, axis=1)[:, :top]

    return lambda: _all(best, blocks, threads)


def ranks(file: str, people: int, threads: int, top: int = 0) -> Callable[[], None]:
    """The ranks of 5 held-out items of each person; with `top` the best so many labels instead."""
    examples, ranker, blocks = _to_rank(file, people)
    held_out = Lists(
        np.arange(0, 5 * people + 1, 5, dtype=np.int64), _unseen(examples.positives, ranker.n_labels)
    )

    def rank(block: tuple[int, int]) -> Any:
        scores = ranker.scores(slice_rows(examples.x, *block))
        wanted = None if top else slice_lists(held_out, *block)
        return rank_block(scores, wanted, slice_lists(examples.positives, *block), top, "bench")

    return lambda: _all(rank, blocks, threads)


def nearest(file: str, k: int, threads: int, method: str, found: str) -> Callable[[], None]:
    """The k + 1 nearest rows of each row as `build-knn` finds them: its own is among them. They go to a file."""
    points = np.load(file)
    x = Dense(np.arange(points.shape[1], dtype=np.int32), points)

    def search() -> None:
        np.save(
            found,
            find_all(InputSearch(x, points.shape[1], approximate=method), x, k + 1, Local(threads)).rows,
        )

    return search


def _to_rank(file: str, people: int) -> tuple[Examples, EmbeddingRanker, list[tuple[int, int]]]:
    person, item, (_, items) = load(file, people)
    state = initial_state(items, items, plan(10))
    size = block_rows(items)
    blocks = [(start, min(start + size, people)) for start in range(0, people, size)]
    return bags(person, item, people), EmbeddingRanker(Constant(1.0), state.U, state.V), blocks


def _all(function: Callable[[tuple[int, int]], Any], blocks: list[tuple[int, int]], threads: int) -> None:
    for _ in map_blocks(function, blocks, threads):
        pass


def _unseen(seen: Lists, items: int) -> np.ndarray:
    """Five items a row that are not in its list, ascending."""
    draws = np.random.default_rng(1)
    out = np.empty((len(seen.indptr) - 1, 5), np.int32)
    for row in range(len(out)):
        own = seen.indices[seen.indptr[row] : seen.indptr[row + 1]]
        out[row] = np.setdiff1d(draws.integers(0, items, 40), own)[:5]
    return out.reshape(-1)
