"""Small datasets, stored as `awe prepare` stores them, whose rankings can be worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa

from awe_cli.data import storage
from awe_cli.data.dataset import SUMMARY
from awe_cli.data.matrix import Dense, Lists
from awe_cli.workspace import Recipe, Workspace

ITEMS = ["a", "b", "c", "d", "e"]  # by descending number of people who chose them in train
PEOPLE = {
    #      train      valid  test
    10: ([0, 1], [2], [3, 4]),
    11: ([0, 1, 2], [], [4]),
    12: ([0], [3], []),
    13: ([], [], [0]),
}


def lists(rows):
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    return Lists(indptr, np.array([label for row in rows for label in row], dtype=np.int32))


def recommendation(root: Path, valid: bool = True, version: int = 0) -> Workspace:
    """Four people and five items; train counts are 3, 2, 1, 0, 0, with valid 3, 2, 2, 1, 0."""
    ws = Workspace(root)
    rows = list(PEOPLE.values())
    by_split = {
        split: [row[i] if valid or split != "valid" else [] for row in rows]
        for i, split in enumerate(storage.SPLITS)
    }
    settings = {
        "task": "recommendation",
        "dense": False,
        "weighted": False,
        "scaling": "l2",
        "user": "person",
        "item": "thing",
        "version": version,
    }
    with ws.stage("dataset", Recipe("dataset", 1, settings)) as staging:
        write_labels(staging.file(storage.LABELS), ITEMS, by_split)
        items = {split: lists(chosen) for split, chosen in by_split.items()}
        storage.write_people(staging.file(storage.EXAMPLES), pa.array(list(PEOPLE)), items, None)
        write_summary(staging.file(SUMMARY), by_split)
        staging.publish()
    return ws


def annotation(root: Path, n: int = 6) -> Workspace:
    """`n` dense examples without a valid split; the last one, in test, has no labels."""
    ws = Workspace(root)
    labels = [[0], [0, 1], [0, 2], [1], [2]] + [[]] * (n - 5)
    splits = ["train"] * 3 + ["test"] * (n - 3)
    settings = {
        "task": "annotation",
        "dense": True,
        "feature_options": {"scaling": "none", "bias": False},
    }
    by_split = {
        s: [row for row, split in zip(labels, splits, strict=True) if split == s] for s in storage.SPLITS
    }
    with ws.stage("dataset", Recipe("dataset", 1, settings)) as staging:
        write_labels(staging.file(storage.LABELS), ["x", "y", "z"], by_split)
        storage.write_table(
            staging.file(storage.FEATURES),
            pa.table({"name": ["p", "q"], "train_count": [3, 3], "mean": [0.0, 0.0], "weight": [1.0, 1.0]}),
        )
        x = Dense(np.arange(2, dtype=np.int32), np.ones((n, 2), dtype=np.float32))
        ids = pa.array([f"song {i}" for i in range(n)])
        storage.write_examples(staging.file(storage.EXAMPLES), ids, pa.array(splits), x, lists(labels))
        write_summary(staging.file(SUMMARY), by_split)
        staging.publish()
    return ws


def write_labels(path, names, by_split):
    counts = {
        f"{split}_count": np.bincount(lists(rows).indices, minlength=len(names)).astype(np.int64)
        for split, rows in by_split.items()
    }
    storage.write_table(path, pa.table({"label": names, **counts}))


def write_summary(path, by_split):
    splits = {split: sum(map(bool, rows)) for split, rows in by_split.items()}
    path.write_text(json.dumps({"splits": splits}))
