"""Memory of `awe train`, the time that a step takes before its work begins, and that of a full report of metrics.

    python benchmarks/footprint.py [--people 50000] [--items 20000] [--dim 64]

Prints a Markdown table. Memory is the most that the process held at once, beside what it cannot do without: the
training matrix, U and V. A step that finds its model up to date has everything to load and nothing to do. The report
has every metric that needs nothing but the interactions, top lists included, from one pass over the scores.
"""

from __future__ import annotations

import argparse
import datetime
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from machine import machine
from synthetic import write

MB = 1e6
TRAIN = ("train", "--epochs", "1", "--margin", "0.3", "--threads", "2", "--quiet")
EVALUATE = ("evaluate", "--model", "second", "--at", "1,10,100", "--threads", "2", "--quiet")
METRICS = "precision,recall,ndcg,map,mrr,mean-rank,coverage,novelty,popularity"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=50_000)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--dim", type=int, default=64)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        plays = Path(folder) / "plays.parquet"
        # By a process of its own: one that this process starts counts as large as this one has ever been.
        with ProcessPoolExecutor(1, get_context("spawn")) as other:
            pairs = other.submit(write, str(plays), asked.people, asked.items).result()
        run(folder, "prepare", str(plays), "--user", "user", "--item", "item", "--holdout", "5", "--quiet")
        train = (*TRAIN, "--dim", str(asked.dim))
        run(folder, *train, "--name", "first")  # compiles, where these sources are new
        trained = run(folder, *train, "--name", "second", "--seed", "1")
        again = run(folder, *train, "--name", "second", "--seed", "1")
        run(folder, *EVALUATE, "--metric", METRICS, "--split", "valid")  # compiles, too
        report = run(folder, *EVALUATE, "--metric", METRICS)
    data = (
        pairs * (4 + 4) + asked.people * 8
    )  # an index and a value for each entry, an offset for each person
    embeddings = 2 * asked.items * asked.dim * 4
    print(f"{machine()}, {datetime.date.today()}\n")
    print(f"{asked.people:,} people × {asked.items:,} items, {pairs:,} interactions, d = {asked.dim}\n")
    print("| what | |\n|---|---|")
    print(f"| training matrix, U and V | {(data + embeddings) / MB:,.0f} MB |")
    print(f"| most memory of `awe train` | {trained.most / MB:,.0f} MB |")
    print(f"| beside matrix, U and V | {(trained.most - data - embeddings) / MB:,.0f} MB |")
    print(f"| `awe train`, two fits of one epoch each | {trained.seconds:.2f} s |")
    print(f"| the same, up to date | {again.seconds:.2f} s |")
    print(f"| `awe evaluate`, {METRICS.replace(',', ', ')} at 1, 10 and 100 | {report.seconds:.1f} s |")
    print(f"| processor time of this | {report.processor:.1f} s |")
    print(f"| most memory of this | {report.most / MB:,.0f} MB |")


class Cost(NamedTuple):
    """What one command took: seconds by the clock and of all processors, and the most bytes of memory."""

    seconds: float
    processor: float
    most: int


def run(folder: str, *arguments: str) -> Cost:
    """What one command takes; what it prints is left out."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "awe_cli", "-w", str(Path(folder) / "ws"), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"awe {' '.join(arguments)} ended with status {status}")
    return Cost(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


if __name__ == "__main__":
    main()
