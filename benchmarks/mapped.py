"""Memory of a model with many labels that is opened and asked for the best of them.

    python benchmarks/mapped.py [--labels 10000000] [--dim 64] [--examples 8]

Writes U and V of so many rows as a model has them (a constant in each row, so that the disk is what is filled), opens
them in a process of their own, and ranks all labels for a few examples. Prints a Markdown table of that process's
memory: its own pages (RssAnon), and those of files that it has looked at, which the system takes back where it needs
them (RssFile).
"""

from __future__ import annotations

import argparse
import datetime
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from machine import machine

from awe_cli.affinities.pointwise import Constant
from awe_cli.engine.local import one_blas_thread
from awe_cli.matrices.matrix import Bags
from awe_cli.ranking.embedding import EmbeddingRanker
from awe_cli.ranking.validation import rank
from awe_cli.workspace.arrays import load_arrays, save_arrays

MB = 1e6
ROWS = 1 << 18  # filled at a time


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--labels", type=int, default=10_000_000)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--examples", type=int, default=8)
    parser.add_argument("--folder", type=Path, help="where there is room for four times U")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        model = Path(folder) / "fit-train.npz"
        for task in (fill, ask):
            with ProcessPoolExecutor(1, get_context("spawn")) as other:
                found = other.submit(task, model, asked.labels, asked.dim, asked.examples).result()
        size = model.stat().st_size
    print(f"{machine()}, {datetime.date.today()}\n")
    print(f"{asked.labels:,} labels and features, d = {asked.dim}; U and V are {size / MB:,.0f} MB\n")
    print("| | seconds | own memory, MB | pages of files, MB |\n|---|---|---|---|")
    for what, seconds, own, files in found:
        print(f"| {what} | {seconds:.1f} | {own / MB:,.0f} | {files / MB:,.0f} |")


def fill(model: Path, labels: int, dim: int, examples: int) -> list[tuple[str, float, int, int]]:
    """Write U and V without holding them in memory."""
    arrays = {}
    for name in "UV":
        arrays[name] = np.memmap(model.with_name(name), np.float32, "w+", shape=(labels, dim))
        for start in range(0, labels, ROWS):
            rows = arrays[name][start : start + ROWS]
            rows[:] = np.arange(start, start + len(rows))[:, None] / labels
    save_arrays(model, arrays)
    return []


def ask(model: Path, labels: int, dim: int, examples: int) -> list[tuple[str, float, int, int]]:
    """What opening the model and ranking for some examples take: what it was, seconds, own memory, pages of files."""
    start = time.perf_counter()
    found = [("before", 0.0, *memory())]
    arrays = load_arrays(model, mapped=True)
    ranker = EmbeddingRanker(Constant(1.0), arrays["U"], arrays["V"])
    found.append(("open", time.perf_counter() - start, *memory()))
    x = Bags(np.arange(examples + 1), np.arange(examples, dtype=np.int32) * 7, np.ones(examples, np.float32))
    with one_blas_thread():
        rank(ranker, x, None, None, 10, "measured")
    found.append((f"the best 10 for {examples} examples", time.perf_counter() - start, *memory()))
    return found


def memory() -> tuple[int, int]:
    """Bytes of this process's own pages, and of pages of files, that are in memory now."""
    lines = Path("/proc/self/status").read_text().splitlines()
    kb = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.startswith("Rss")}
    return 1024 * kb["RssAnon"], 1024 * kb["RssFile"]


if __name__ == "__main__":
    main()
