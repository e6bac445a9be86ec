"""Quality and processor time of `awe train --shards`, with and without momentum on the averages.

    python -m benchmarks.shards [FILE --user COLUMN --item COLUMN] [--shards 1,2,4,8] [--seeds 3]

Learns with the settings that `awe train` would take (the first configuration that it would try), by the fit on train.
Prints, as a table, NDCG@20 on validation at the best epoch, mean and range over the seeds, and the processor time of
learning: in all, and of the one shard that takes longest with the average after it, which is what a run waits for where
every shard has a machine. Sending U and V is not in it.
"""

from __future__ import annotations

import argparse
import datetime
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from awe_cli.affinities.pointwise import Constant
from awe_cli.api.workspace import Workspace
from awe_cli.config.prepare import PrepareSettings
from awe_cli.dataset.dataset import Dataset
from awe_cli.engine.local import Local
from awe_cli.models.store import open_dataset
from awe_cli.ranking.embedding import EmbeddingRanker
from awe_cli.steps.prepare import prepare
from awe_cli.training import mixing
from awe_cli.training.config import linear_plans
from awe_cli.training.joint import validator_for
from awe_cli.training.state import fresh_state
from awe_cli.training.trainer import Trainer, learn_all
from benchmarks.machine import machine

METRIC, FIT = "ndcg@20", ("train",)
DEBIAN = Path(__file__).parent.parent / "sample_data" / "debian" / "interactions.parquet"


class Timed(Local):
    """The threads of this process, and the processor time of each shard's epochs."""

    def __init__(self) -> None:
        super().__init__(1)
        self.longest = 0.0

    def place(self, functions: Any) -> Any:
        """The results of all functions, whose longest time is added up."""

        def call(block: Any) -> Iterator[Any]:
            results, times = [], []
            for function in functions:
                started = time.process_time()
                results.append(function(block))
                times.append(time.process_time() - started)
            self.longest += max(times) - sum(times)  # to be added to the time of all
            return iter(results)

        return call


def measured(dataset: Dataset, shards: int, seed: int) -> tuple[float, float, float]:
    """NDCG of the best epoch, processor seconds of learning in all, and of the longest shards with their averages."""
    plan = replace(linear_plans(dataset, {})[0], seed=seed)
    validator = validator_for(dataset, FIT, METRIC, 0, None)
    assert validator is not None
    judging, engine = [0.0], Timed()

    def validate(state: Any) -> float:
        started = time.process_time()
        value = validator(EmbeddingRanker(Constant(1.0), state.U, state.V))
        judging[0] += time.process_time() - started
        return value

    trainer = Trainer(threads=1, learn_run=learn_all if shards == 1 else mixing.Mixing(shards, engine))
    examples, start = dataset.training(FIT), fresh_state(dataset, plan)
    started = time.process_time()
    run = trainer.run(Constant(1.0), examples, start, plan, stage="constant", fit="train", validator=validate)
    total = time.process_time() - started - judging[0]
    assert run.validation is not None
    return run.validation, total, total + engine.longest


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", nargs="?", type=Path, default=DEBIAN)
    parser.add_argument("--user", default="package")
    parser.add_argument("--item", default="dependency")
    parser.add_argument("--shards", default="1,2,4,8")
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ws = Workspace(Path(folder) / "workspace")
        prepare(ws, [str(asked.file)], PrepareSettings(user=asked.user, item=asked.item))
        dataset = open_dataset(ws.find("dataset"))
        measured(dataset, 1, 0)  # compiles
        print(f"{machine()}, {datetime.date.today():%-d %B %Y}: {asked.file.name}, {asked.seeds} seeds\n")
        print(f"| shards | μ | {METRIC} | range | processor s | longest shards and averages, s |")
        print("|---|---|---|---|---|---|")
        for shards in map(int, asked.shards.split(",")):
            for momentum in (0.0, 0.5) if shards > 1 else (0.0,):
                mixing.MOMENTUM = momentum
                found = np.array([measured(dataset, shards, seed) for seed in range(asked.seeds)])
                (value, total, longest), least, most = (
                    found.mean(axis=0), found[:, 0].min(), found[:, 0].max()
                )  # fmt: skip
                print(
                    f"| {shards} | {momentum if shards > 1 else '–'} | {value:.4f} | {least:.4f}–{most:.4f} "
                    f"| {total:.1f} | {longest:.1f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
