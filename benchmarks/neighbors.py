"""Approximate neighbours beside exact ones: recall, time to build and to search.

    python benchmarks/neighbors.py [--rows 100000] [--dim 64] [--k 100]

Points are drawn from many overlapping groups of unequal size, at length 1 as projections of bags are. Recall is the
share of the k nearest others that a method finds, over 2,000 rows. Everything runs on one thread; times are those
of the processor, so that other work on the machine does not count.
"""

from __future__ import annotations

import argparse
import datetime
import time

import numpy as np
from bench import machine
from numpy.typing import NDArray

from awe_cli.neighbors.search import SEARCHES, Search

QUERIES = 2000
GROUPS = 500


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--k", type=int, default=100)
    asked = parser.parse_args()
    base = points(asked.rows, asked.dim)
    rows = np.random.default_rng(1).permutation(asked.rows)[:QUERIES]
    print(f"{machine()}, {datetime.date.today()}\n")
    print(f"{asked.rows:,} rows, d = {asked.dim}, k = {asked.k}, one thread\n")
    print("| search | recall | build, s | queries/s |\n|---|---|---|---|")
    exact: NDArray[np.int32] | None = None
    for method in SEARCHES:
        start = time.process_time()
        search = Search(base, approximate=method)
        built = time.process_time()
        found = search.nearest(base[rows], asked.k, rows).rows
        seconds = time.process_time() - built
        exact = found if exact is None else exact
        print(
            f"| {method} | {recall(found, exact):.3f} | {built - start:.1f} | {QUERIES / seconds:,.0f} |",
            flush=True,
        )


def points(n: int, dim: int) -> NDArray[np.float32]:
    """n rows of length 1 in groups of power-law size."""
    draws = np.random.default_rng(0)
    weights = np.arange(1, GROUPS + 1) ** -0.7
    group = draws.choice(GROUPS, n, p=weights / weights.sum())
    rows = draws.normal(size=(GROUPS, dim))[group] + draws.normal(0, 0.8, (n, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def recall(found: NDArray[np.int32], exact: NDArray[np.int32]) -> float:
    """The share of the exact neighbours that were found."""
    return float(np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(found, exact, strict=True)]))


if __name__ == "__main__":
    main()
