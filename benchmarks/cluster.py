"""Cluster affinity beside scoring all labels: time to predict the best ten of a million labels.

    python benchmarks/cluster.py [--labels 1000000] [--examples 50000] [--leaves 500] [--top 1000]

Examples and labels belong to groups, and so do their places in the embedding. Prints examples/s of both, with the time
that finding the leaf takes included. Whether precision is kept is measured on real data: benchmarks/cluster.sh.
"""

from __future__ import annotations

import argparse
import datetime
import time

import numpy as np
import pyarrow as pa
from bench import TOP, machine

from awe_cli.affinities.pointwise import Constant
from awe_cli.builders.base import Source
from awe_cli.builders.cluster import Cluster
from awe_cli.core.epoch import State
from awe_cli.dataset.examples import Examples
from awe_cli.engine.local import map_blocks
from awe_cli.matrices.matrix import Dense, Lists, slice_rows
from awe_cli.neighbors.space import COSINE
from awe_cli.ranking.block import Ranked
from awe_cli.ranking.embedding import EmbeddingRanker
from awe_cli.ranking.ranker import Ranker
from awe_cli.ranking.validation import rank, rows_at_once

DIM, EACH, GROUPS = 64, 30, 2000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labels", type=int, default=1_000_000)
    parser.add_argument("--examples", type=int, default=50_000)
    parser.add_argument("--leaves", type=int, default=500)
    parser.add_argument("--top", type=int, default=1000)
    asked = parser.parse_args()
    source = world(asked.labels, asked.examples)
    told = {"leaves": asked.leaves, "levels": 2, "top": asked.top}
    builder = Cluster()
    start = time.perf_counter()
    built = builder.open(told, source, builder.fit(told, source, {"leaves": asked.leaves, "top": asked.top}))
    print(f"{machine()}, {datetime.date.today()}\n")
    print(
        f"{asked.labels:,} labels, d = {DIM}, {asked.leaves} leaves of {asked.top} labels, built from "
        f"{asked.examples:,} examples in {time.perf_counter() - start:.0f} s; best {TOP}, two threads\n"
    )
    state = source.state
    rates = {
        "all labels": measured(EmbeddingRanker(Constant(1.0), state.U, state.V), source.examples, 200),
        "cluster": measured(built.ranker(state, 1.0, 0.0), source.examples, asked.examples),
    }
    print("| what is scored | examples/s | times |\n|---|---|---|")
    first = next(iter(rates.values()))
    for name, rate in rates.items():
        print(f"| {name} | {rate:,.0f} | {rate / first:,.0f} × |")


def world(labels: int, examples: int) -> Source:
    """A model whose labels and inputs lie around the same points, and examples with labels near to them."""
    draws = np.random.default_rng(0)
    centers = draws.normal(size=(GROUPS, DIM))
    centers /= np.linalg.norm(centers, axis=1, keepdims=True)
    V = (centers[np.arange(labels) % GROUPS] + draws.normal(0, 0.05, (labels, DIM))).astype(np.float32)
    group = draws.integers(0, GROUPS, examples)
    x = (centers[group] + draws.normal(0, 0.05, (examples, DIM))).astype(np.float32)
    within = np.minimum((draws.pareto(1.0, (examples, EACH)) * 20).astype(np.int64), labels // GROUPS - 1)
    positives = np.sort(within * GROUPS + group[:, None], axis=1)
    indptr = np.arange(0, examples * EACH + 1, EACH, dtype=np.int64)
    rows = Dense(np.arange(DIM, dtype=np.int32), x)
    given = Lists(indptr, positives.astype(np.int32).reshape(-1))
    state = State(np.eye(DIM, dtype=np.float32), V, np.zeros(DIM, np.float32), np.zeros(labels, np.float32))
    return Source(state, Examples(pa.array(range(examples)), rows, given, None, False), COSINE)


def measured(ranker: Ranker, examples: Examples, n: int) -> float:
    """Examples a second over the first n of them."""
    size = min(rows_at_once(ranker), 1024)

    def work(start: int) -> Ranked:
        return rank(ranker, slice_rows(examples.x, start, min(start + size, n)), None, None, TOP, "bench")

    work(0)
    start = time.perf_counter()
    for _ in map_blocks(work, range(0, n, size), 2):
        pass
    return n / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
