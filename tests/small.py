"""Small datasets whose rankings can be worked out by hand, and settings for fits that take no time."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from awe_cli.config.prepare import PrepareSettings
from awe_cli.steps.prepare import prepare
from awe_cli.workspace import Workspace

SPLITS = ("train", "valid", "test")
# Of awe.toml: fits of one epoch, where the commands are what is tried, not the models.
QUICK = (
    "\n[train]\ndim = 4\nepochs = 1\nmargin = 0.3\n[build-knn]\nk = 5\nlambda = 1.0\n[retrain]\nepochs = 1\n"
)
PEOPLE = {
    #     train   valid  test
    10: ("ab", "c", "de"),
    11: ("abc", "", "e"),
    12: ("a", "d", ""),
    13: ("", "", "a"),
}


def recommendation(root: Path, valid: bool = True, weighted: bool = False) -> Workspace:
    """Four people and five items, a to e; train counts are 3, 2, 1, 0, 0, with valid 3, 2, 2, 1, 0."""
    rows = [
        {"person": person, "thing": item, "split": split, "plays": 1.0}
        for person, chosen in PEOPLE.items()
        for split, items in zip(SPLITS, chosen, strict=True)
        if valid or split != "valid"
        for item in items
    ]
    weight = "plays" if weighted else None
    settings = PrepareSettings(user="person", item="thing", split="split", weight=weight, valid_fraction=0.0)
    return _prepared(root, rows, settings)


def annotation(root: Path) -> Workspace:
    """Six dense examples, no valid split, labels x, y, z; the last one, in test, has no labels."""
    labels = [["x"], ["x", "y"], ["x", "z"], ["y"], ["z"], []]
    rows = [
        {
            "name": f"song {i}",
            "p": float(i),
            "q": 1.0 - i,
            "tags": tags,
            "split": "train" if i < 3 else "test",
        }
        for i, tags in enumerate(labels)
    ]
    settings = PrepareSettings(
        features=("p", "q"), labels="tags", id="name", split="split", valid_fraction=0.0
    )
    return _prepared(root, rows, settings)


def _prepared(root: Path, rows: list[dict[str, object]], settings: PrepareSettings) -> Workspace:
    root.mkdir(exist_ok=True)
    path = root / "input.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    ws = Workspace(root)
    prepare(ws, [str(path)], settings)
    return ws
