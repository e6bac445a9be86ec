"""Memory and time of each step as the data grow and the model does not.

    python benchmarks/scale.py [--times 1,10] [--people 20000] [--items 20000] [--dim 32] [--steps prepare,train,…]
    python benchmarks/scale.py --times 1 --people 5000 --items 1000000 --dim 64 --project 100000000 --steps …

Makes interactions of TIMES × PEOPLE people with 100 items each on average, runs each step in a process of its own, and
prints a Markdown table. Memory is the most that a process held at once, libraries included: all its pages in memory
(maximum resident set), of which those of files that are mapped can be given back at any time, and its own ones
(RssAnon, looked at fifty times a second). Data stay in --folder, where one is named, and are used again.

--project multiplies what was measured on the last size, a processor second an interaction or a score, by the numbers of
so many people with as many items each: what that takes, for EPOCHS epochs and at PRICE a processor-hour.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq
from machine import machine
from synthetic import write_in_pieces

MB = 1e6
MEAN = 149.0  # items of a person before repeats are left out: about 100 after that
LOOKS = 0.02  # seconds between two looks at a process's memory
KNN_MOST = 100_000  # people whose neighbours are searched: the time grows with the square of their number


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", default="1,10", help="1,10,100: 100 takes about 6 GB of disk")
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--dim", type=int, default=32)
    parser.add_argument("--steps", default=",".join(STEPS))
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--project", type=int, help="people")
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--price", type=float, default=0.05, help="of an hour of one processor")
    asked = parser.parse_args()
    print(f"{machine()}, {datetime.date.today()}; {asked.items:,} items, d = {asked.dim}, one epoch\n")
    print("| people | interactions | step | memory, MB | its own, MB | seconds | processor seconds |")
    print("|---|---|---|---|---|---|---|", flush=True)
    with contextlib.ExitStack() as stack:
        folder = asked.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        for times in map(int, asked.times.split(",")):
            measured = measure(folder, times, asked)
        if asked.project:
            project(measured, asked)


class Measured(NamedTuple):
    """The costs of the steps on data of one size, and the bytes of the dataset and of a fit of the model.

    items  those that somebody has chosen
    """

    people: int
    items: int
    rows: int
    costs: dict[str, Cost]
    stored: dict[str, int]


def measure(folder: Path, times: int, asked: argparse.Namespace) -> Measured:
    """Print one row for each step on data of one size."""
    plays, work = folder / f"plays-{times}.parquet", folder / f"work-{times}"
    if not plays.exists():
        # By a process of its own: one that this process starts counts as large as this one has ever been.
        with ProcessPoolExecutor(1, get_context("spawn")) as other:
            draft = plays.with_suffix(".new")
            other.submit(write_in_pieces, str(draft), asked.people, asked.items, MEAN, times).result()
            draft.rename(plays)
    rows, people = pq.read_metadata(plays).num_rows, asked.people * times
    costs: dict[str, Cost] = {}
    for step in asked.steps.split(","):
        if step in ("build-knn", "retrain") and people > KNN_MOST:
            continue
        cost = costs[step] = run(
            work, *(word.format(plays=plays, work=work, dim=asked.dim) for word in STEPS[step])
        )
        print(
            f"| {people:,} | {rows:,} | {step} | {cost.most / MB:,.0f} | {cost.own / MB:,.0f} | "
            f"{cost.seconds:,.1f} | {cost.processor:,.1f} |",
            flush=True,
        )
    files = {name: _largest(work, name) for name in ("examples.parquet", "fit-train.npz", "labels.parquet")}
    stored = {name: path.stat().st_size for name, path in files.items() if path}
    labels = files["labels.parquet"]
    items = pq.read_metadata(labels).num_rows if labels else 0
    if asked.folder is None:
        shutil.rmtree(work)
        plays.unlink()
    return Measured(people, items, rows, costs, stored)


def _largest(workspace: Path, name: str) -> Path | None:
    """The largest file of this name in a workspace, None where there is none."""
    return max(workspace.glob(f"store/*/{name}"), key=lambda path: path.stat().st_size, default=None)


def project(measured: Measured, asked: argparse.Namespace) -> None:
    """Print what the steps take for many people, from what they took for a few."""
    people, items, rows, costs, stored = measured
    more = asked.project * rows // people
    passes = {"train": asked.epochs}
    print(
        f"\n{asked.project:,} people with {rows / people:.0f} items each, {more:,} interactions; {asked.items:,} "
        f"items, d = {asked.dim}, {asked.epochs} epochs; processors as these, {asked.price:g} an hour each\n"
    )
    print("| step | measured, ns of processor | for each | processor hours | price |\n|---|---|---|---|---|")
    for step, cost in costs.items():
        per_score = step in ("evaluate", "predict")
        units = people * items if per_score else rows
        hours = cost.processor / units * (asked.project * asked.items if per_score else more) / 3600
        hours *= passes.get(step, 1)
        unit = "person × item" if per_score else "interaction" + " and epoch" * (step in passes)
        print(
            f"| {step} | {1e9 * cost.processor / units:,.3g} | {unit} | {hours:,.0f} | {hours * asked.price:,.0f} |"
        )
    dataset, model = (stored.get(name, 0) / MB / 1e3 for name in ("examples.parquet", "fit-train.npz"))
    print("\n| stored | measured | there |\n|---|---|---|")
    print(
        f"| dataset | {1e9 * dataset / rows:.1f} bytes an interaction | {dataset * asked.project / people:,.1f} GB |"
    )
    print(
        f"| U, V and accumulators of a fit | {1e9 * model / items:,.0f} bytes an item | "
        f"{model * asked.items / items:,.2f} GB |"
    )


STEPS: dict[str, tuple[str, ...]] = {
    "prepare": ("prepare", "{plays}", "--user", "user", "--item", "item", "--holdout", "5"),
    "train": (
        "train",
        "--epochs",
        "1",
        "--fit-on",
        "train",
        "--margin",
        "0.3",
        "--dim",
        "{dim}",
        "--name",
        "linear",
    ),
    "build-knn": ("build-knn", "--model", "linear", "--k", "20", "--lambda", "1", "--name", "knn"),
    "retrain": ("retrain", "--model", "linear", "--built", "knn", "--epochs", "1", "--name", "again"),
    "evaluate": ("evaluate", "--model", "linear", "--split", "test"),
    "predict": ("predict", "--model", "linear", "--top-k", "10", "--output", "{work}/best.parquet"),
}


class Cost(NamedTuple):
    """What one command took: seconds by the clock and of all processors, and the most bytes of memory.

    own  without pages of files
    """

    seconds: float
    processor: float
    most: int
    own: int


def run(workspace: Path, *arguments: str) -> Cost:
    """What one command takes; what it prints is left out."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "awe_cli", "-w", str(workspace), *arguments, "--quiet"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    found, ended = [0], threading.Event()
    looker = threading.Thread(target=_look, args=(process.pid, found, ended))
    looker.start()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    ended.set()
    looker.join()
    if status:
        raise SystemExit(f"awe {' '.join(arguments)} ended with status {status}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, found[0])


def _look(pid: int, found: list[int], ended: threading.Event) -> None:
    """Write the most bytes of its own that a process has had to `found`, until it has ended."""
    while not ended.wait(LOOKS):
        with contextlib.suppress(OSError, StopIteration):
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            kb = next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))
            found[0] = max(found[0], 1024 * kb)


if __name__ == "__main__":
    main()
