"""Interactions go through files in parts: how many parts there are has no part in the dataset."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from awe_cli import app
from awe_cli.config.prepare import PrepareSettings
from awe_cli.dataset import interactions, storage
from awe_cli.dataset.spill import Spill, cut
from awe_cli.io.columns import Role
from awe_cli.io.log import ReadingLog
from awe_cli.io.options import ReadOptions
from awe_cli.io.reader import read_batches
from awe_cli.io.sources import open_sources
from awe_cli.steps.prepare import prepare
from awe_cli.workspace import Workspace

WAYS: dict[str, dict[str, Any]] = {
    "latest items, integer and fractional times": {"holdout_last": 2, "time": "when"},
    "weights that fade": {"weight": "plays", "time": "when", "half_life": 0.1},
    "splits of a column": {"split": "split", "weight": "plays"},
    "rare people and items leave": {
        "min_per_user": 6,
        "min_per_item": 6,
        "min_weight": 2,
        "weight": "plays",
    },
}


def write(folder: Path) -> list[str]:
    """Two files with pairs that stand in both, some of them in two splits."""
    rng = np.random.default_rng(0)
    paths = []
    for name, kind in (("a", np.int64), ("b", np.float64)):
        n = 900
        table = {
            "user": pa.array([f"p{u * 37 % 101}" for u in rng.integers(0, 60, n)]),
            "item": rng.integers(0, 40, n) ** 2 // 40,
            "plays": rng.integers(1, 9, n),
            "when": (1.6e9 + rng.integers(0, 90_000, n)).astype(kind),
            "split": np.array(["train", "valid", "test"])[rng.choice(3, n, p=[0.8, 0.1, 0.1])],
        }
        pq.write_table(pa.table(table), folder / f"{name}.parquet")
        paths.append(str(folder / f"{name}.parquet"))
    return paths


@pytest.mark.parametrize("way", WAYS)
def test_many_parts_make_the_dataset_of_one(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the version after it, too."""
    files = write(tmp_path)
    for module in (interactions, storage):
        monkeypatch.setattr(module, "PEOPLE_IN_GROUP", 8)

    def digests(name: str) -> list[str]:
        ws = Workspace(tmp_path / name)
        told = {"user": "user", "item": "item", **WAYS[way]}
        return [
            prepare(ws, paths, PrepareSettings(**told, update=update))[1].digest
            for paths, update in ((files[1:], False), (files, True))
        ]

    whole = digests("whole")
    monkeypatch.setattr("awe_cli.steps.prepare._ROWS", {True: 70})
    monkeypatch.setattr(interactions, "_ROWS_AT_ONCE", 200)
    monkeypatch.setattr(interactions, "_ROWS_IN_PART", 150)
    assert digests("parts") == whole
    assert not list((tmp_path / "parts" / "staging").iterdir())


def test_a_disk_that_fills_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows that find no room end in exit code 73, with no dataset and nothing left."""
    files, ws = write(tmp_path), tmp_path / "ws"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        code = app.main(["-w", str(ws), "prepare", *files, "--user", "user", "--item", "item", "--quiet"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert code == 73
    assert "spilled" in capsys.readouterr().err
    assert not list((ws / "staging").iterdir())
    assert not (ws / "dataset.json").exists()


def test_parts_end_between_groups_of_people() -> None:
    """A part has at most so many rows, or one group of people."""
    assert cut(np.array([3, 3, 3, 9, 1, 1, 1]), 6, 2).tolist() == [0, 2, 4, 7]
    assert cut(np.zeros(0, np.int64), 6, 2).tolist() == [0]


def test_a_part_that_was_never_written_has_no_records(tmp_path: Path) -> None:
    """Nor one that was removed; drained parts come in their order."""
    spill, kind = Spill(tmp_path / "spill"), np.dtype([("person", np.int32)])
    for part in (4, 1, 4):
        spill.append(part, np.array([(part,), (part + 1,)], kind))
    assert len(spill.read(0, kind)) == 0
    assert [records["person"].tolist() for records in spill.drain()] == [[1, 2], [4, 5, 4, 5]]
    assert len(spill.read(4, kind)) == 0
    assert not list((tmp_path / "spill").iterdir())


def test_what_has_been_read_is_not_kept(tmp_path: Path) -> None:
    """Of a file of sixty groups of rows, two or so are in memory, read as input and as a stored dataset."""
    path, rows = tmp_path / "rows.parquet", 20_000
    numbers = np.random.default_rng(0).integers(0, 2**62, 60 * rows)
    pq.write_table(pa.table({"n": numbers}), path, row_group_size=rows, compression=None)
    before = pa.total_allocated_bytes()
    with open_sources([str(path)], options=ReadOptions(), log=ReadingLog()) as (source,):
        for batches in (read_batches(source, {"n": Role.ID}, rows), storage.read_batches(path, ["n"], rows)):
            held = [pa.total_allocated_bytes() - before for _ in batches]
            assert len(held) == 60
            assert max(held) < 10 * 8 * rows
