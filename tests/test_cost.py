"""benchmarks/cost.py: what is counted as a model's memory, and that it measures every model."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse

from awe_cli.steps.train_baseline import train_baseline
from tests.small import recommendation

FOLDER = str(Path(__file__).parents[1] / "benchmarks")


@pytest.fixture
def cost(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    import cost

    yield cost
    sys.modules.pop("cost")


def test_arrays_are_counted_once_wherever_they_are(cost):
    a, b = np.zeros(10, np.float32), np.zeros(3, np.int64)
    S = scipy.sparse.csr_matrix(np.eye(4))

    class Model:
        def __init__(self):
            self.parts = [a, (a[2:5], {"b": b})]
            self.table = lambda: S

    size = S.data.nbytes + S.indices.nbytes + S.indptr.nbytes
    assert cost.memory(Model()) == 40 + 24 + size


def test_words(cost):
    assert (cost.in_words(1200), cost.in_words(2.5e6)) == ("1.2 kB", "2.5 MB")


def test_every_model_is_measured(cost, tmp_path, monkeypatch, capsys):
    ws = recommendation(tmp_path / "ws")
    for name in ("popularity", "item-knn", "input-knn"):
        train_baseline(ws, name)
    monkeypatch.setattr(sys, "argv", ["cost.py", "-w", str(ws.root), "--runs", "1", "--top-k", "2"])
    cost.main()
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")][1:]
    assert [row.split(" | ")[0] for row in rows] == ["| input-knn", "| item-knn", "| popularity"]
