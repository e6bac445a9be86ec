"""Time and memory of a prediction, for each model of a workspace (WSABIE, Table 6).

    python benchmarks/cost.py -w WORKSPACE [--model NAME…] [--top-k 10] [--runs 5]

Prints a Markdown table. Time is that of scoring all labels and finding the best k on one thread, the median of the
runs over blocks of test examples, an example; memory is that of the arrays a model keeps to do so, of the training
examples too where it asks them.
"""

from __future__ import annotations

import argparse
import datetime
import statistics
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse
from machine import machine

from awe_cli.dataset.dataset import Dataset
from awe_cli.dataset.examples import Examples
from awe_cli.engine.local import one_blas_thread
from awe_cli.models.load import find_model, open_ranker
from awe_cli.ranking.block import rank_block
from awe_cli.ranking.ranker import Ranker, block_rows
from awe_cli.workspace import Workspace

MOST = 2000  # test examples that are timed


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-w", "--workspace", type=Path, default=Path("workspace"))
    parser.add_argument("--model", action="append", help="several times; all there are by default")
    parser.add_argument("--top-k", type=int, default=10)
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()
    ws = Workspace(asked.workspace)
    stored = ws.find("dataset")
    dataset = Dataset.open(stored.path, stored.settings)
    n = dataset.splits["train"]
    print(f"{machine()}, {datetime.date.today()}; one thread, medians of {asked.runs} runs")
    print(f"\n{dataset.n_labels:,} labels, {dataset.n_features:,} features, {n:,} training examples\n")
    print("| model | µs an example | memory |\n|---|---|---|")
    for name in asked.model or ws.names("model"):
        opened = open_ranker(ws, find_model(ws, name), dataset, "test")
        examples = dataset.held_out("test", opened.fit_on).slice(0, MOST)
        seconds = timed(opened.ranker, examples, asked.top_k, asked.runs)
        print(f"| {name} | {seconds * 1e6:,.0f} | {in_words(memory(opened.ranker))} |", flush=True)


def timed(ranker: Ranker, examples: Examples, top_k: int, runs: int) -> float:
    """Seconds an example, the median of the runs after one that is not counted."""
    size = block_rows(ranker.n_labels)
    blocks = [
        examples.slice(start, min(start + size, len(examples))) for start in range(0, len(examples), size)
    ]
    times = []
    with one_blas_thread():
        for _ in range(runs + 1):
            start = time.perf_counter()
            for block in blocks:
                rank_block(ranker.scores(block.x), None, block.seen, top_k, "timed")
            times.append(time.perf_counter() - start)
    return statistics.median(times[1:]) / len(examples)


def memory(root: Any) -> int:
    """Bytes of all the arrays that can be reached from an object, each counted once."""
    buffers: dict[int, np.ndarray] = {}
    for array in arrays(root, set()):
        base = array
        while isinstance(base.base, np.ndarray):
            base = base.base
        buffers[id(base)] = base
    return sum(base.nbytes for base in buffers.values())


def arrays(value: Any, seen: set[int]) -> Iterator[np.ndarray]:
    """The arrays below an object: in tuples, lists, fields, and what a function has closed over."""
    if id(value) in seen or isinstance(value, Dataset):
        return
    seen.add(id(value))
    if isinstance(value, np.ndarray):
        yield value
    elif scipy.sparse.issparse(value):
        yield from (value.data, value.indices, value.indptr)
    elif "faiss" in type(value).__module__ and hasattr(value, "ntotal"):
        yield np.empty((value.ntotal, value.d), np.float32)  # its own copy of the points
    else:
        for part in parts(value):
            yield from arrays(part, seen)


def parts(value: Any) -> Iterator[Any]:
    """What an object holds."""
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, list | tuple):
        yield from value
    else:
        yield from getattr(value, "__dict__", {}).values()
        yield from (cell.cell_contents for cell in getattr(value, "__closure__", None) or ())
        if hasattr(value, "__self__"):
            yield value.__self__


def in_words(size: float) -> str:
    """ "1.2 MB" """
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"


if __name__ == "__main__":
    main()
