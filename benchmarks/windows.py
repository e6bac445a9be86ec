"""What reading in windows does to quality, beside shuffling all examples.

    python benchmarks/windows.py [--people 20000] [--shards 122] [--seeds 8]

The same people are learned from in windows of two shards of many, as 200 million interactions are by default, and all
shuffled together, for the same number of epochs and from several seeds. Prints the metric on validation after each
epoch as a Markdown table, and the interval of the difference over the seeds (Student's t, 95 %).
"""

from __future__ import annotations

import argparse
import datetime
import math
import tempfile
from pathlib import Path

import numpy as np
import scipy.stats
from machine import machine
from synthetic import write

from awe_cli.config.prepare import PrepareSettings
from awe_cli.config.train import TrainSettings
from awe_cli.dataset import interactions, storage
from awe_cli.dataset.dataset import Dataset
from awe_cli.steps.prepare import prepare
from awe_cli.steps.train import train
from awe_cli.training.trainer import Progress
from awe_cli.workspace import Workspace

EPOCHS = 6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--shards", type=int, default=122)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--dim", type=int, default=32)
    asked = parser.parse_args()
    group = math.ceil(asked.people / asked.shards)
    for module in (interactions, storage):
        module.PEOPLE_IN_GROUP = group  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory() as folder:
        plays, ws = Path(folder) / "plays.parquet", Workspace(Path(folder) / "ws")
        rows = write(str(plays), asked.people, asked.items, 149.0)
        prepare(ws, [str(plays)], PrepareSettings(user="user", item="item", holdout=5))
        stored = ws.find("dataset")
        entries = Dataset.open(stored.path, stored.settings).entries(("train",))
        window = 2 * math.ceil(1.1 * entries / asked.shards)
        found = {
            name: np.array([learn(ws, size, seed, asked.dim) for seed in range(asked.seeds)])
            for name, size in (("all", 0), ("windows", window))
        }
    print(f"{machine()}, {datetime.date.today()}\n")
    print(
        f"{asked.people:,} people × {asked.items:,} items, {rows:,} interactions, d = {asked.dim}; {asked.shards} "
        f"shards, windows of {window:,} interactions; {asked.seeds} seeds\n"
    )
    print("| epoch | ndcg@20, all shuffled | in windows | difference |\n|---|---|---|---|")
    for epoch in range(EPOCHS):
        whole, windows = found["all"][:, epoch], found["windows"][:, epoch]
        apart = windows - whole
        half = scipy.stats.t.ppf(0.975, asked.seeds - 1) * apart.std(ddof=1) / math.sqrt(asked.seeds)
        low, mean, high = (apart.mean() + half * side for side in (-1, 0, 1))
        print(
            f"| {epoch + 1} | {whole.mean():.4f} ± {whole.std(ddof=1):.4f} | {windows.mean():.4f} ± "
            f"{windows.std(ddof=1):.4f} | {mean:+.4f} ({low:+.4f} to {high:+.4f}) |"
        )


def learn(ws: Workspace, window: int, seed: int, dim: int) -> list[float]:
    """The metric on validation after each epoch."""
    told = TrainSettings(
        dim=dim, epochs=EPOCHS, margin=0.4, patience=0, fit_on=("train",), seed=seed, window=window
    )
    heard: list[Progress] = []
    train(ws, told, name="tried", on_progress=heard.append)
    return [float(progress.validation or 0) for progress in heard]


if __name__ == "__main__":
    main()
