"""Weights of annotated examples: in learning they count as often as they say, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from awe_cli.app import main
from awe_cli.config.prepare import PrepareSettings
from awe_cli.config.train import TrainSettings
from awe_cli.dataset.dataset import Dataset
from awe_cli.dataset.examples import stack
from awe_cli.models.load import open_ranker
from awe_cli.steps.prepare import prepare
from awe_cli.steps.train import train
from awe_cli.workspace import Workspace

N = 40


def workspace(folder: Path, weights: list[float] | None, **settings: object) -> Workspace:
    """Examples with one word each: those of "red" have the label a or b in turn, and b weighs as given."""
    folder.mkdir(exist_ok=True)
    table = {
        "id": list(range(N)),
        "text": ["red" if i < N - 4 else "blue" for i in range(N)],
        "tag": [("a" if i % 2 else "b") if i < N - 4 else "c" for i in range(N)],
        "split": ["train"] * N,
    }
    if weights is not None:
        table["w"] = weights
    pq.write_table(pa.table(table), folder / "rows.parquet")
    ws = Workspace(folder / "workspace")
    fixed = {"text": "text", "labels": "tag", "split": "split", "id": "id", "valid_fraction": 0.0, **settings}
    prepare(ws, [str(folder / "rows.parquet")], PrepareSettings(**fixed, weight="w" if weights else None))
    return ws


def opened(ws: Workspace) -> Dataset:
    stored = ws.find("dataset")
    return Dataset.open(stored.path, stored.settings)


def best_for_red(ws: Workspace) -> str:
    """The label ranked first for the word red."""
    model, _ = train(ws, TrainSettings(dim=4, epochs=12, margin=0.5), name="m", threads=1)
    data = opened(ws)
    examples = data.training()
    F = open_ranker(ws, model, data, None).ranker.scores(examples.x).score
    labels = data.labels.to_pylist()
    return labels[int(F[0].argmax())]


@pytest.mark.parametrize(("heavy", "wanted"), [("a", "a"), ("b", "b")])
def test_the_heavier_examples_win(tmp_path, heavy, wanted):
    weights = [20.0 if (("a" if i % 2 else "b") == heavy) else 1.0 for i in range(N)]
    assert best_for_red(workspace(tmp_path, weights)) == wanted


def test_equal_weights_are_none(tmp_path):
    models = [
        train(workspace(tmp_path / name, weights), TrainSettings(dim=4, epochs=2), name="m", threads=1)[0]
        for name, weights in (("none", None), ("three", [3.0] * N))
    ]
    fits = [sorted(path.name for path in model.path.glob("fit-*")) for model in models]
    assert fits[0] == fits[1]
    for name in fits[0]:
        assert (models[0].path / name).read_bytes() == (models[1].path / name).read_bytes()


def test_weights_follow_their_examples(tmp_path):
    weights = [float(1 + i) for i in range(N)]
    examples = opened(workspace(tmp_path, weights)).training()
    assert examples.weight.tolist() == weights
    assert examples.slice(2, 5).weight.tolist() == [3, 4, 5]
    assert examples.take(np.array([7, 1])).weight.tolist() == [8, 2]
    assert stack([examples.slice(0, 1), examples.slice(9, 10)]).weight.tolist() == [1, 10]


def test_rows_of_one_id_have_the_largest(tmp_path):
    table = pa.table({"id": [5, 5, 6], "text": ["red", "red", "blue"], "tag": ["a", "b", "c"], "w": [1.0, 4.0, 2.0],
                      "split": ["train"] * 3})  # fmt: skip
    pq.write_table(table, tmp_path / "rows.parquet")
    ws = Workspace(tmp_path / "workspace")
    settings = PrepareSettings(text="text", labels="tag", id="id", weight="w", split="split", min_count=1)
    prepare(ws, [str(tmp_path / "rows.parquet")], settings)
    assert opened(ws).training().weight.tolist() == [4.0, 2.0]


@pytest.mark.parametrize(
    ("value", "words"), [(0.0, "a weight above 0"), (-1.0, "a weight above 0"), (float("nan"), "finite")]
)
def test_a_weight_that_cannot_be(tmp_path, capsys, value, words):
    table = pa.table({"text": ["a", "b"], "tag": ["x", "y"], "w": [1.0, value]})
    pq.write_table(table, tmp_path / "rows.parquet")
    command = [
        "prepare",
        str(tmp_path / "rows.parquet"),
        "--text",
        "text",
        "--labels",
        "tag",
        "--weight",
        "w",
    ]
    assert main(["-w", str(tmp_path / "w"), *command]) == 65
    said = capsys.readouterr().err
    assert words in said
    assert "row 2" in said
