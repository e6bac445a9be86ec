"""Workspaces that an earlier version wrote are read: one folder each below tests/fixtures, which is never changed.

A version that writes another format adds a folder, and says in the docs what becomes of the ones before.
"""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

from awe_cli.app import main

FIXTURES = sorted((Path(__file__).parent / "fixtures").glob("workspace-*"))


@pytest.fixture(params=FIXTURES, ids=lambda path: path.name)
def workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return Path(shutil.copytree(request.param, tmp_path / "workspace"))


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_it_is_whole_and_recommends_the_same(workspace: Path, tmp_path: Path) -> None:
    w = ["-w", str(workspace)]
    assert main(["status", "--verify", *w]) == 0
    out = tmp_path / "lists.csv"
    assert main(["predict", *w, "--model", "champion", "--top-k", "3", "--output", str(out)]) == 0
    now, then = read(out), read(workspace / "predictions.csv")
    assert len(now) == 120
    for name in now[0]:
        if name == "score":
            expected = pytest.approx([float(row[name]) for row in then], rel=1e-4)
            assert [float(row[name]) for row in now] == expected
        else:
            assert [row[name] for row in now] == [row[name] for row in then]


def test_every_model_of_it_is_judged_and_can_be_learned_from(workspace: Path) -> None:
    w = ["-w", str(workspace)]
    assert main(["evaluate", *w, "--model", "m,awe,popularity,ensemble"]) == 0
    assert main(["rollback", "champion", "--to", "1", *w]) == 0
    assert main(["train", *w, "--start", "m", "--affinity", "constant", "--name", "n", "--epochs", "1"]) == 0
