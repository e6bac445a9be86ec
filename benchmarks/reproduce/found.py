"""What one set of data gave for one table; kept beside the workspaces, so that a page can be made again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from awe_cli.metrics.bootstrap import Interval
from awe_cli.workspace import Workspace
from benchmarks.reproduce.contrast import PerExample, contrast
from benchmarks.reproduce.origin import sample_digests
from benchmarks.reproduce.shape import Data, Table


@dataclass
class Found:
    """What was measured.

    values    row → measure → one number for each run
    minutes   row → minutes of the processor and by the clock, mean of the runs; absent where it is not known
    budget    row → what it chose on validation, from what
    chosen    row → what was chosen, for each run, where a row has settings to choose from
    commands  as a reader would type them
    digests   file → digest
    origin    machine, date and commit
    examples  row → (examples, measures): the mean of the runs
    """

    values: dict[str, dict[str, list[float]]]
    minutes: dict[str, tuple[float, float]] = field(default_factory=dict)
    budget: dict[str, str] = field(default_factory=dict)
    chosen: dict[str, list[str]] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)
    digests: dict[str, str] = field(default_factory=dict)
    origin: str = ""
    examples: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    @property
    def runs(self) -> int:
        """How many there were."""
        return len(next(iter(next(iter(self.values.values())).values())))

    @property
    def metrics(self) -> list[str]:
        """The measures, the first one first."""
        return list(next(iter(self.values.values())))

    def mean(self, row: str, metric: str) -> float:
        """Over the runs."""
        return float(np.mean(self.values[row][metric]))

    def contrast(self, first: str, second: str, metric: str, factor: float = 1.0) -> Interval:
        """first − factor · second over the test examples, with its interval."""
        at = self.metrics.index(metric)
        return contrast(self.examples[first][:, at], self.examples[second][:, at], factor)

    def save(self, folder: Path) -> None:
        """Write it."""
        folder.mkdir(parents=True, exist_ok=True)
        told = asdict(self)
        names = list(told.pop("examples"))
        np.savez_compressed(
            folder / "examples.npz", **{str(n): self.examples[r] for n, r in enumerate(names)}
        )
        (folder / "found.json").write_text(json.dumps({**told, "rows": names}, indent=1), encoding="utf-8")


def load(folder: Path, table: Table, data: Data) -> Found | None:
    """What was saved; None where nothing was, or where the table had other rows or measures then."""
    file = folder / "found.json"
    if not file.exists():
        return None
    told = json.loads(file.read_text())
    rows = told.pop("rows")
    with np.load(folder / "examples.npz", allow_pickle=False) as arrays:
        found = Found(**told, examples={row: arrays[str(n)] for n, row in enumerate(rows)})
    found.digests = found.digests or dict(sample_digests(data))  # what was kept at first had none of samples
    same = list(found.values) == [row.name for row in table.rows_for(data)]
    return found if same and found.metrics == table.metrics_for(data).split(",") else None


def per_example(ws: Workspace, name: str, models: Sequence[str], prefix: str) -> list[PerExample]:
    """For each model the test examples of a comparison that was made with --per-example."""
    table = pq.read_table(ws.find("metrics", name).file("examples.parquet"))
    found = []
    for model in models:
        mine = table.filter(pc.equal(table["model"].cast("string"), model)).drop_columns("model")
        keys = [f"{prefix}{key}" for key in mine["id"].to_pylist()]
        columns = [mine[column].to_numpy() for column in mine.column_names if column != "id"]
        found.append((keys, np.stack(columns, axis=1)))
    return found
