"""Columns of categories: each value a feature, alone, beside sparse features or text, and of labels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from awe_cli.app import main
from awe_cli.config.prepare import PrepareSettings
from awe_cli.dataset.dataset import Dataset
from awe_cli.dataset.encode import Encoder
from awe_cli.steps.prepare import prepare
from awe_cli.workspace import Workspace


def opened(ws: Workspace) -> Dataset:
    """The prepared dataset."""
    stored = ws.find("dataset")
    return Dataset.open(stored.path, stored.settings)


def features(dataset: Dataset) -> list[dict[str, float]]:
    """name → value of each training example, the constant feature left out."""
    x, names = dataset.training().x, dataset.features.to_pylist()
    return [
        {
            names[i]: float(v)
            for i, v in zip(x.indices[a:b], x.values[a:b], strict=True)
            if names[i] is not None
        }
        for a, b in zip(x.indptr, x.indptr[1:], strict=False)
    ]


def prepared(tmp_path: Path, table: pa.Table, **settings: object) -> Dataset:
    pq.write_table(table, tmp_path / "rows.parquet")
    ws = Workspace(tmp_path / "workspace")
    fixed = {"labels": "tag", "split": "split", "scaling": "none", **settings}
    prepare(ws, [str(tmp_path / "rows.parquet")], PrepareSettings(**fixed))
    return opened(ws)


ROWS = pa.table(
    {
        "country": ["DE", None, " FR ", ""],
        "floor": pa.array([1, 2, None, 1], pa.int64()),
        "new": [True, False, None, True],
        "words": [["a", "b"], [], ["b"], ["a"]],
        "values": [[0.5, 2.0], [], [3.0], [1.0]],
        "text": ["red red blue", "", "blue", "red"],
        "tag": ["x", "y", "x", "y"],
        "split": ["train"] * 4,
    }
)


def test_alone_missing_values_are_no_feature(tmp_path):
    data = prepared(tmp_path, ROWS, categories=("country", "floor", "new"))
    assert features(data) == [
        {"country=DE": 1, "floor=1": 1, "new=true": 1},
        {"floor=2": 1, "new=false": 1},
        {"country=FR": 1},
        {"floor=1": 1, "new=true": 1},
    ]


def test_beside_sparse_features_with_values(tmp_path):
    data = prepared(tmp_path, ROWS, sparse="words:values", categories=("country",))
    assert features(data) == [
        {"a": 0.5, "b": 2, "country=DE": 1}, {}, {"b": 3, "country=FR": 1}, {"a": 1},
    ]  # fmt: skip


def test_beside_text(tmp_path):
    data = prepared(tmp_path, ROWS, text="text", categories=("country",), idf=False, min_count=1)
    assert features(data)[0] == pytest.approx({"red": 1 + np.log(2), "blue": 1, "country=DE": 1})
    assert features(data)[2] == {"blue": 1, "country=FR": 1}


def test_whole_numbers_of_csv_and_of_pandas_are_the_same(tmp_path):
    table = ROWS.set_column(1, "floor", pa.array([1.0, 2.0, None, float("nan")]))
    assert [list(row) for row in features(prepared(tmp_path, table, categories=("floor",)))] == [
        ["floor=1"], ["floor=2"], [], [],
    ]  # fmt: skip
    encoder = Encoder(opened(Workspace(tmp_path / "workspace")))
    found = encoder.encode(pa.table({"floor": ["2", "", "7"]}), untyped=True)
    assert np.diff(found.examples.x.indptr).tolist() == [2, 1, 1], "the constant feature, and what is known"
    assert found.unknown == 1


def test_of_items(tmp_path):
    plays = pa.table({"user": [1, 1, 2, 2, 3, 3], "item": ["a", "b", "b", "c", "a", "c"]})
    pq.write_table(plays, tmp_path / "plays.parquet")
    (tmp_path / "items.csv").write_text("item,brand,size\na,acme,\nb,acme,L\nc,,S\n")
    ws = Workspace(tmp_path / "workspace")
    settings = PrepareSettings(
        user="user", item="item", label_file=str(tmp_path / "items.csv"), label_categories=("brand", "size")
    )
    prepare(ws, [str(tmp_path / "plays.parquet")], settings)
    data = opened(ws)
    assert set(data.described.space.names.to_pylist()) == {"brand=acme", "size=L", "size=S"}


REFUSED = {
    "beside numbers": (2, ["--categories", "country", "--features", "floor"], "names of ranges"),
    "no such column": (66, ["--categories", "contry"], "country"),
    "lists": (65, ["--categories", "words"], "found type"),
    "broken numbers": (65, ["--categories", "part"], "ranges of numbers"),
    "for interactions": (
        2,
        ["--categories", "country", "--user", "country", "--item", "tag"],
        "--categories is for",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_one_clear_message(tmp_path, capsys, case):
    code, options, words = REFUSED[case]
    pq.write_table(ROWS.append_column("part", pa.array([0.5, 1, 2, 3])), tmp_path / "rows.parquet")
    labels = [] if "--user" in options else ["--labels", "tag"]
    command = ["prepare", str(tmp_path / "rows.parquet"), "-w", str(tmp_path / "w"), *labels, *options]
    assert main(command) == code
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said


def test_options_of_other_words_refuse_categories_of_retrieval(tmp_path, capsys):
    command = ["prepare", "--queries", "q", "--documents", "d", "--relevance", "r", "--categories", "a"]
    assert main([*command, "-w", str(tmp_path)]) == 2
    assert "--categories" in capsys.readouterr().err


def test_the_manifest_of_other_datasets_is_as_it_was(tmp_path):
    data = prepared(tmp_path, ROWS, sparse="words")
    assert "categories" not in json.dumps(dict(data.settings))
