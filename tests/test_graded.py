"""Graded relevance: ndcg weighs a document of grade g by 2^g - 1, wherever its query's documents are ranked."""

from __future__ import annotations

import dataclasses
import json
from math import log2
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from awe_cli.app import main
from awe_cli.config.prepare import PrepareSettings
from awe_cli.config.train import TrainSettings
from awe_cli.dataset.dataset import Dataset
from awe_cli.metrics.metrics import measure
from awe_cli.metrics.ranks import Ranks
from awe_cli.metrics.strata import take_apart
from awe_cli.models.load import open_ranker
from awe_cli.ranking.validation import Validator, rank
from awe_cli.steps.prepare import prepare
from awe_cli.steps.train import train
from awe_cli.workspace import Workspace

GRADE = {(q, (q + step) % 6): grade for q in range(12) for step, grade in ((0, 3.0), (1, 1.0), (2, 0.5))}


def dataset(ws: Workspace) -> Dataset:
    """The prepared dataset of the workspace."""
    stored = ws.find("dataset")
    return Dataset.open(stored.path, stored.settings)


def files(folder: Path, pairs: list[dict[str, object]]) -> PrepareSettings:
    """Twelve queries and six documents that share words, and the pairs as given."""
    documents = [{"document": f"d{d}", "text": f"word{d} word{(d + 1) % 6}"} for d in range(6)]
    queries = [{"query": q, "text": f"word{q % 6} common"} for q in range(12)]
    named = {}
    for name, rows in (("queries", queries), ("documents", documents), ("relevance", pairs)):
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{name}.parquet")
        named[name] = str(folder / f"{name}.parquet")
    return PrepareSettings(**named, test_fraction=0.25, valid_fraction=0.25)


def graded_pairs() -> list[dict[str, object]]:
    return [{"query": q, "document": f"d{d}", "grade": g} for (q, d), g in GRADE.items()]


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = tmp_path_factory.mktemp("graded")
    ws = Workspace(folder / "workspace")
    rows = graded_pairs()
    rows += [
        {**rows[0], "grade": 1.0},
        {"query": 0, "document": "d5", "grade": 0.0},
    ]  # again, lower; not relevant
    prepare(ws, [], files(folder, rows))
    train(ws, TrainSettings(dim=4, epochs=2), name="m", threads=1)
    return ws


def by_hand(order: list[int], query: int, k: int) -> float:
    """ndcg@k of documents in this order, by the words of its definition."""
    gains = [2 ** GRADE.get((query, d), 0.0) - 1 for d in order]
    best = sorted(gains, reverse=True)
    return sum(g / log2(r + 2) for r, g in enumerate(gains[:k])) / sum(
        g / log2(r + 2) for r, g in enumerate(best[:k])
    )


def test_gains_by_hand():
    ranks = Ranks(
        np.array([0, 3, 4, 4]), np.array([1, 2, 5, 3], np.int32),
        grades=np.array([1, 3, 2, 2], np.float32),
    )  # fmt: skip
    found = measure("ndcg@3").values(ranks)
    ideal = 7 + 3 / log2(3) + 1 / 2
    assert found[0] == pytest.approx((1 + 7 / log2(3)) / ideal)
    assert found[1] == pytest.approx((3 / log2(4)) / 3)  # one grade alone: the grade does not matter
    assert np.isnan(found[2])
    ones = ranks._replace(grades=np.ones(4, np.float32))
    np.testing.assert_array_equal(
        measure("ndcg@3").values(ones), measure("ndcg@3").values(ranks._replace(grades=None))
    )


def test_strata_take_their_grades():
    ranks = Ranks(
        np.array([0, 3]), np.array([1, 2, 5], np.int32),
        np.array([4, 0, 2], np.int32), np.zeros((1, 0), np.int32), grades=np.array([1, 3, 2], np.float32),
    )  # fmt: skip
    part = take_apart(ranks, np.array([1, 0, 1]), 2)
    assert part.ranks.grades.tolist() == [3.0, 1.0, 2.0]


@pytest.mark.parametrize("split", ["valid", "test"])
def test_evaluate_and_validation_by_hand(ws, split):
    data = dataset(ws)
    held = data.held_out(split)
    opened = open_ranker(ws, ws.find("model", "m"), data, split)
    labels = [int(str(label)[1:]) for label in data.labels.to_pylist()]
    ranked = rank(opened.ranker, held.x, None, None, data.n_labels, "m")
    wanted = [
        by_hand([labels[y] for y in row], query, 2)
        for row, query in zip(ranked.labels, held.ids.to_pylist(), strict=True)
    ]
    assert Validator(held, "ndcg@2", 1)(opened.ranker) == pytest.approx(np.mean(wanted))


def test_the_command_measures_the_same(ws, capsys):
    data = dataset(ws)
    where = ["--workspace", str(ws.root)]
    assert main(["evaluate", *where, "--model", "m", "--at", "2", "--split", "valid", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    opened = open_ranker(ws, ws.find("model", "m"), data, "valid")
    assert shown["models"]["m"]["metrics"]["ndcg@2"] == pytest.approx(
        Validator(data.held_out("valid"), "ndcg@2", 1)(opened.ranker)
    )


def test_grades_follow_their_examples(ws):
    data: Dataset = dataset(ws)
    assert data.summary["graded"] is True
    assert data.summary["not_relevant"] == 1
    train_set = data.training()
    grade = {
        (query, labels): g
        for query, start, stop in zip(
            train_set.ids.to_pylist(),
            train_set.positives.indptr,
            train_set.positives.indptr[1:],
            strict=False,
        )
        for labels, g in zip(
            train_set.positives.indices[start:stop], train_set.grades[start:stop], strict=True
        )
    }
    names = data.labels.to_pylist()
    assert grade == {key: GRADE[key[0], int(names[key[1]][1:])] for key in grade}
    rows = np.array([2, 0])
    taken = train_set.take(rows)
    np.testing.assert_array_equal(
        taken.grades, np.concatenate([train_set.slice(2, 3).grades, train_set.slice(0, 1).grades])
    )
    np.testing.assert_array_equal(taken.grades_of(taken.positives.indices), taken.grades)
    assert dataclasses.replace(taken, grades=None).grades_of(taken.positives.indices) is None


def test_grades_of_one_are_not_stored(tmp_path):
    ws = Workspace(tmp_path / "workspace")
    prepare(ws, [], files(tmp_path, [{**row, "grade": 1.0} for row in graded_pairs()]))
    assert dataset(ws).summary["graded"] is False
    assert dataset(ws).training().grades is None


def test_scores_as_grades_are_capped_and_said(tmp_path):
    ws = Workspace(tmp_path / "workspace")
    prepare(ws, [], files(tmp_path, [{**row, "grade": 100 * row["grade"]} for row in graded_pairs()]))
    assert dataset(ws).training().grades.max() == 30
    assert any("grades above 30: 36 of 36" in warning for warning in dataset(ws).summary["warnings"])
