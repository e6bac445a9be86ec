from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from awe_cli.config.predict import PredictSettings
from awe_cli.errors import (
    CorruptArtifactError,
    DataError,
    MissingInputError,
    SettingsError,
    UsageError,
    WriteError,
)
from awe_cli.io.writers import WRITERS, row_writer
from awe_cli.prediction.output import output_format, whole_file
from awe_cli.prediction.rows import sample_table
from awe_cli.steps.predict import predict
from awe_cli.steps.train_baseline import train_baseline
from tests.small import annotation, recommendation


@pytest.fixture
def ws(tmp_path):
    ws = recommendation(tmp_path / "ws")
    train_baseline(ws, "popularity")
    return ws


def lines(ws, **options):
    """The rows predicted, as JSON lines."""
    settings = {name: options.pop(name) for name in list(options) if name in PredictSettings.__annotations__}
    stream = io.BytesIO()
    predict(ws, "popularity", output=stream, settings=PredictSettings(**settings), **options)
    return [json.loads(line) for line in stream.getvalue().decode().splitlines()]


def tops(rows, key="person"):
    """id → its labels in the order of the rows."""
    found: dict[object, str] = {}
    for row in rows:
        found[row[key]] = found.get(row[key], "") + row["label"]
        assert row["rank"] == len(found[row[key]])
    return found


def test_the_test_split_without_what_people_have_seen(ws):
    rows = lines(ws, split="test", top_k=2)
    assert rows[0] == {"person": 10, "label": "d", "rank": 1, "score": 1}
    assert tops(rows) == {10: "de", 11: "de", 13: "ab"}


def test_as_many_as_there_are_candidates_and_no_more(ws):
    assert tops(lines(ws, split="test", top_k=4)) == {10: "de", 11: "de", 13: "abcd"}


def test_with_what_people_have_seen(ws):
    assert tops(lines(ws, split="test", top_k=2, include_seen=True)) == {10: "ab", 11: "ab", 13: "ab"}


def test_valid_is_predicted_by_the_fit_on_train(ws):
    assert tops(lines(ws, split="valid", top_k=3)) == {10: "cde", 12: "bcd"}


def test_train_means_everyone_with_a_history(ws):
    assert tops(lines(ws, split="train", top_k=2)) == {10: "de", 11: "de", 12: "bc"}


def test_annotation_keeps_its_ids(tmp_path):
    ws = annotation(tmp_path / "ws")
    train_baseline(ws, "popularity")
    assert tops(lines(ws, split="test", top_k=2), "name") == {"song 3": "xy", "song 4": "xy", "song 5": "xy"}
    assert tops(lines(ws, top_k=1, split="train"), "name") == {"song 0": "x", "song 1": "x", "song 2": "x"}


def test_rows_of_one_id_must_have_the_same_features(tmp_path):
    ws = annotation(tmp_path / "ws")
    train_baseline(ws, "popularity")
    new, row = tmp_path / "new.jsonl", '{"name": "a", "p": 1, "q": 1}\n'
    new.write_text(2 * row)
    assert len(lines(ws, input=str(new), top_k=1)) == 1
    new.write_text(row + '{"name": "a", "p": 1, "q": 2}\n')
    with pytest.raises(DataError, match="row 2: expected the features that this id has in row 1"):
        lines(ws, input=str(new), top_k=1)


def test_people_never_seen_and_items_unknown(ws, tmp_path):
    new = tmp_path / "new.jsonl"
    new.write_text(
        '{"person": 99, "thing": "a"}\n{"person": 99, "thing": "zz"}\n{"person": 98, "thing": "zz"}\n'
    )
    output = tmp_path / "out.parquet"
    made = predict(ws, "popularity", str(new), output, PredictSettings(top_k=2))
    assert tops(pq.read_table(output).to_pylist()) == {99: "bc", 98: "ab"}
    assert (made.counts.examples, made.counts.rows) == (2, 4)
    assert (made.counts.unknown, made.counts.blank) == (2, 1)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("format", sorted(WRITERS))
def test_same_bytes_for_any_number_of_threads(ws, format, threads, monkeypatch):
    monkeypatch.setattr("awe_cli.prediction.stream.BLOCK_ROWS", 1)
    outputs = []
    for t in (1, threads):
        stream = io.BytesIO()
        predict(ws, "popularity", output=stream, settings=PredictSettings(format=format), threads=t)
        outputs.append(stream.getvalue())
    assert outputs[0] == outputs[1]


def test_rows_are_written_in_groups(ws, tmp_path, monkeypatch):
    monkeypatch.setattr("awe_cli.prediction.stream.BLOCK_ROWS", 1)
    monkeypatch.setattr("awe_cli.steps.predict.ROW_GROUP", 4)
    output = tmp_path / "out.parquet"
    predict(ws, "popularity", output=output, settings=PredictSettings(split="test", top_k=2))
    assert [pq.ParquetFile(output).metadata.row_group(i).num_rows for i in range(2)] == [4, 2]


def test_without_output_it_is_stored(ws):
    made = predict(ws, "popularity", settings=PredictSettings(split="test", top_k=2))
    assert made.artifact.name == "popularity-test"
    assert tops(pq.read_table(made.artifact.file("predictions.parquet")).to_pylist()) == {
        10: "de",
        11: "de",
        13: "ab",
    }
    assert made.sample[0] == {"id": 10, "labels": ["d", "e"]}
    assert made.sample[2] == {"id": 13, "labels": ["a", "b"]}
    again = predict(ws, "popularity", settings=PredictSettings(split="test", top_k=2))
    assert not again.fresh
    assert (again.counts, again.sample, again.id_name) == (made.counts, made.sample, "person")
    assert predict(ws, "popularity", settings=PredictSettings(split="test", top_k=3)).fresh
    assert predict(ws, "popularity", settings=PredictSettings(top_k=3)).fresh


def test_new_input_is_stored_by_its_content(ws, tmp_path):
    new = tmp_path / "new.csv"
    new.write_text("person,thing\n7,a\n")
    assert predict(ws, "popularity", str(new)).fresh
    assert not predict(ws, "popularity", str(new)).fresh
    new.write_text("person,thing\n7,b\n")
    assert predict(ws, "popularity", str(new)).fresh


def test_what_was_there_stays_where_it_fails(ws, tmp_path):
    output, bad = tmp_path / "out.csv", tmp_path / "bad.csv"
    output.write_text("old")
    bad.write_text("person,thong\n7,a\n")
    with pytest.raises(MissingInputError, match="'thing'"):
        predict(ws, "popularity", str(bad), output)
    assert output.read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["bad.csv", "out.csv", "ws"]


@pytest.mark.parametrize(
    ("name", "format"), [("a.parquet", "parquet"), ("a.jsonl", "jsonl"), ("a.CSV", "csv"), ("a", "parquet")]
)
def test_the_format_by_the_name(name, format):
    assert output_format(None, Path(name)) == format
    assert output_format("jsonl", Path(name)) == "jsonl"


@pytest.mark.parametrize(
    ("model", "input", "output", "settings", "error", "says"),
    [
        ("popularty", None, None, {}, MissingInputError, "did you mean 'popularity'"),
        ("popularity", "none.csv", None, {}, MissingInputError, "no such file"),
        ("popularity", "none.csv", "out.csv", {}, MissingInputError, "no such file"),
        ("popularity", "none.csv", None, {"split": "test"}, UsageError, "leave out one"),
        ("popularity", None, "out.csv.gz", {}, UsageError, "--format"),
        ("popularity", None, "missing/out.csv", {}, WriteError, "no folder"),
        ("popularity", None, "", {}, WriteError, "folder"),
        ("popularity", None, None, {"name": "a/b"}, SettingsError, "cannot be a name"),
    ],
)
def test_what_cannot_be(ws, tmp_path, model, input, output, settings, error, says):
    path = None if output is None else tmp_path / output
    with pytest.raises(error) as caught:
        predict(ws, model, input, path, PredictSettings(**settings))
    assert says in f"{caught.value.message} {caught.value.hint}"


def test_a_model_of_another_dataset(ws):
    recommendation(ws.root, weighted=True)
    with pytest.raises(DataError, match="trained on the dataset"):
        predict(ws, "popularity")


def test_a_dataset_of_another_format(ws, monkeypatch):
    monkeypatch.setattr("awe_cli.models.store.DATASET_VERSION", 2)
    with pytest.raises(
        CorruptArtifactError, match="expected a dataset of format 2, found format 1"
    ) as caught:
        predict(ws, "popularity")
    assert "another version of awe" in caught.value.hint


def test_of_examples_that_the_model_was_fitted_on_it_is_said(ws, tmp_path):
    assert not predict(
        ws, "popularity", settings=PredictSettings(split="train")
    ).own  # fold-in leaves a person out
    other = annotation(tmp_path / "songs")
    train_baseline(other, "popularity")
    assert [
        predict(other, "popularity", settings=PredictSettings(split=split)).own for split in ("train", "test")
    ] == [
        True,
        False,
    ]


def test_a_full_disk(tmp_path):
    with pytest.raises(WriteError, match="/dev/full"), whole_file(Path("/dev/full")) as stream:
        stream.write(b"x" * 100_000)


def test_a_file_is_whole_or_not_there(tmp_path):
    path = tmp_path / "out"
    with pytest.raises(ZeroDivisionError), whole_file(path) as stream:
        stream.write(bytes([1, 2, 3, 1 // 0]))
    assert os.listdir(tmp_path) == []
    with whole_file(path) as stream:
        stream.write(b"whole")
    assert path.read_bytes() == b"whole"
    assert os.listdir(tmp_path) == ["out"]


AWKWARD = pa.table(
    {
        'id, "quoted"': pa.array(["7", 'a "b"', "line\nbreak", "é\x01"]),
        "label": pa.array([7, -1, 2**53 + 1, 0]),
        "rank": pa.array([1, 2, 3, 4], pa.int32()),
        "score": pa.array([0.1, float("inf"), -1e-30, 3.0], pa.float32()),
    }
)


def written(format):
    stream = io.BytesIO()
    writer = row_writer(format, stream, AWKWARD.schema)
    writer.write(AWKWARD.slice(0, 1))
    writer.write(AWKWARD.slice(1))
    writer.close()
    return stream.getvalue()


def test_parquet_comes_back():
    assert pq.read_table(io.BytesIO(written("parquet"))).equals(AWKWARD)


def test_json_lines_come_back():
    rows = [json.loads(line) for line in written("jsonl").decode().split("\n")[:-1]]
    assert [list(row) for row in rows] == [AWKWARD.column_names] * 4
    expected = AWKWARD.to_pylist()
    expected[1]["score"] = None  # JSON has no infinity
    for row, wanted in zip(rows, expected, strict=True):
        assert row.pop("score") == pytest.approx(wanted.pop("score"))
        assert row == wanted


def test_csv_comes_back():
    rows = list(csv.reader(io.StringIO(written("csv").decode(), newline="")))
    assert rows[0] == AWKWARD.column_names
    assert [row[0] for row in rows[1:]] == AWKWARD.column(0).to_pylist()
    assert [int(row[1]) for row in rows[1:]] == AWKWARD.column(1).to_pylist()
    assert [float(row[3]) for row in rows[1:]] == pytest.approx(AWKWARD.column(3).to_pylist())
    assert written("csv").startswith(b'"id, ""quoted""",label,rank,score\n7,7,1,0.1\n"a ""b""",-1,')


def test_no_rows():
    for format in WRITERS:
        stream = io.BytesIO()
        writer = row_writer(format, stream, AWKWARD.schema)
        writer.write(AWKWARD.slice(0, 0))
        writer.close()
        if format == "parquet":
            assert pq.read_table(io.BytesIO(stream.getvalue())).num_rows == 0


def test_csv_of_missing_and_of_empty_text_and_of_times():
    table = pa.table(
        {"id": pa.array(["", None, "NA"]), "when": pa.array([0, None, 86400], pa.timestamp("s"))}
    )
    stream = io.BytesIO()
    row_writer("csv", stream, table.schema).write(table)
    assert stream.getvalue().decode() == 'id,when\n"",1970-01-01 00:00:00\n,\nNA,1970-01-02 00:00:00\n'


@pytest.mark.parametrize("format", sorted(WRITERS))
def test_new_input_without_rows(ws, tmp_path, format):
    """A header alone is an input of no rows; nothing at all is none."""
    new, out = tmp_path / "new.csv", tmp_path / f"out.{format}"
    new.write_text("person,thing\n")
    made = predict(ws, "popularity", str(new), out)
    assert (made.counts.examples, made.counts.rows, made.sample) == (0, 0, [])
    if format == "csv":
        assert out.read_text() == "person,label,rank,score,fallback\n"
    new.write_text("")
    with pytest.raises(DataError, match="is empty"):
        predict(ws, "popularity", str(new), out)


def test_a_table_of_long_lists_shows_how_they_begin():
    long, short = [f"i{n}" for n in range(100)], ["i7", 8]
    table = sample_table("person", [{"id": 1, "labels": long}, {"id": 2, "labels": short}])
    assert table.rows == (("1", ", ".join([*long[:20], "… 80 more"])), ("2", "i7, 8"))
