"""Recommendations for everyone that is known, for some of them, and of some of the labels."""

from __future__ import annotations

import io
import json
import os

import pyarrow.parquet as pq
import pytest

from awe_cli.app import main
from awe_cli.config.baselines import PopularitySettings
from awe_cli.config.predict import NeighborsSettings, PredictSettings
from awe_cli.config.train import TrainSettings
from awe_cli.dataset.dataset import Dataset
from awe_cli.errors import DataError, MissingInputError, SettingsError, UsageError
from awe_cli.models.load import choose_fit
from awe_cli.prediction.narrow import Only
from awe_cli.prediction.output import whole_file
from awe_cli.steps.neighbors import neighbors
from awe_cli.steps.predict import predict
from awe_cli.steps.train import train
from awe_cli.steps.train_baseline import train_baseline
from awe_cli.workspace import Workspace
from tests.small import annotation, recommendation


@pytest.fixture
def ws(tmp_path):
    ws = recommendation(tmp_path / "ws")
    train_baseline(ws, "popularity")
    return ws


def lists(ws, source=None, only=None, **settings):
    """id → its labels, in the order of the rows."""
    stream = io.BytesIO()
    predict(ws, "popularity", source, stream, PredictSettings(**settings), only=only)
    found: dict[object, str] = {}
    for line in stream.getvalue().decode().splitlines():
        row = json.loads(line)
        found[next(iter(row.values()))] = found.get(next(iter(row.values())), "") + row["label"]
    return found


def test_everyone_is_ranked_with_all_that_is_known(ws):
    assert lists(ws) == {11: "d", 12: "bce", 13: "bcde"}  # 10 has everything
    assert lists(ws, include_seen=True, top_k=1) == {10: "a", 11: "a", 12: "a", 13: "a"}


def test_who_gets_fewer_is_counted(ws, tmp_path):
    made = predict(ws, "popularity", output=tmp_path / "out.csv", settings=PredictSettings(top_k=2))
    assert (made.counts.examples, made.counts.fewer, made.counts.nothing) == (4, 2, 1)


def test_everything_that_was_prepared_is_annotated(tmp_path):
    ws = annotation(tmp_path / "ws")
    train_baseline(ws, "popularity")
    assert list(lists(ws, top_k=1)) == [f"song {i}" for i in range(6)]


def test_ids_in_the_order_asked_for(ws, tmp_path, monkeypatch):
    monkeypatch.setattr("awe_cli.prediction.stream.SELECTED_ROWS", 2)
    ids = tmp_path / "ids.txt"
    ids.write_text("11\n\n13\n77\n")
    only = Only(ids=["13", "12"], ids_file=str(ids))
    assert list(lists(ws, only=only)) == [13, 12, 11]
    with pytest.raises(MissingInputError, match="no person '100'") as refused:
        lists(ws, only=Only(ids=["100"]))
    assert "'10'" in str(refused.value.hint)
    with pytest.raises(UsageError, match="--id and --ids"):
        lists(ws, "new.csv", only=Only(ids=["10"]))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("l.txt", "c\nb\n"),
        ("l.csv", "x,thing\n1,c\n2,b\n"),
        ("l.csv", "c\nb\n"),
        ("l.tsv", "anything\tn\nc\t1\nb\t1\n"),
        ("l.jsonl", '{"n": 1, "label": "c"}\n{"n": 1, "label": "b"}\n'),
        ("l", "item\nc\nb\nzz\n"),
    ],
)
def test_allow_and_deny(ws, tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    assert lists(ws, only=Only(allow=str(path)), top_k=9) == {12: "bc", 13: "bc"}
    assert lists(ws, only=Only(deny=str(path)), top_k=9) == {11: "d", 12: "e", 13: "de"}
    assert lists(ws, only=Only(allow=str(path)), top_k=1) == {12: "b", 13: "b"}
    with pytest.raises(DataError, match="leaves no label"):
        lists(ws, only=Only(allow=str(path), deny=str(path)))


def test_an_empty_allow_list_is_refused(ws, tmp_path):
    (tmp_path / "none.txt").write_text("\n")
    with pytest.raises(DataError, match="no label at all"):
        lists(ws, only=Only(allow=str(tmp_path / "none.txt")))
    assert lists(ws, only=Only(deny=str(tmp_path / "none.txt"))) == lists(ws)


def test_people_of_whom_nothing_is_known_get_what_is_popular(ws, tmp_path):
    new = tmp_path / "new.csv"
    new.write_text("thing,extra,person\nzz,1,99\na,2,98\nzz,3,99\n")
    predict(ws, "popularity", str(new), tmp_path / "out.parquet", PredictSettings(top_k=2))
    rows = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert [(str(row["person"]), row["label"], row["fallback"]) for row in rows] == [
        ("99", "a", True), ("99", "b", True), ("98", "b", False), ("98", "c", False),
    ]  # fmt: skip
    assert next(iter(rows[0])) == "person"


def test_new_people_need_no_weights(tmp_path):
    ws = recommendation(tmp_path / "ws", weighted=True)
    train_baseline(ws, "popularity")
    (tmp_path / "new.csv").write_text("person,thing\n5,a\n6,b\n5,b\n")
    made = predict(ws, "popularity", str(tmp_path / "new.csv"), io.BytesIO(), PredictSettings(top_k=1))
    assert made.counts.unweighted
    assert made.counts.examples == 2


def test_tsv_and_trec_hold_any_label(tmp_path):
    import pyarrow as pa

    from awe_cli.io.writers import row_writer

    rows = pa.table({"id": ["a b"], "label": ["x\ty\\\n"], "rank": pa.array([1], pa.int32()), "score": [0.5]})
    written = {}
    for format in ("tsv", "trec"):
        stream = io.BytesIO()
        writer = row_writer(format, stream, rows.schema, tag="m")
        writer.write(rows)
        writer.close()
        written[format] = stream.getvalue().decode()
    assert written["tsv"] == "id\tlabel\trank\tscore\na b\tx\\ty\\\\\\n\t1\t0.5\n"
    assert written["trec"] == "a%20b Q0 x%09y\\%0A 1 0.5 m\n"


def test_a_killed_run_leaves_nothing_for_ever(tmp_path):
    target = tmp_path / "p.csv"
    left = [
        tmp_path / ".p.csv.0123abcd.new",
        tmp_path / ".other.csv.0123abcd.new",
        tmp_path / ".p.csv.mine.new",
    ]
    for path in left:
        path.write_text("half")
    with whole_file(target) as stream, whole_file(target) as other:
        other.write(b"first")
        stream.write(b"last")
    assert target.read_bytes() == b"last"
    assert sorted(os.listdir(tmp_path)) == [".other.csv.0123abcd.new", ".p.csv.mine.new", "p.csv"]


@pytest.mark.parametrize("task", ["popularity", "constant"])
def test_the_final_fit_has_seen_everything_and_is_not_judged_on_test(ws, task):
    all_splits = ("train", "valid", "test")
    if task == "constant":
        made, _ = train(
            ws, TrainSettings(affinity="constant", epochs=1, dim=2, fit_on=all_splits), name="final"
        )
    else:
        made, _ = train_baseline(ws, task, PopularitySettings(fit_on=all_splits), name="final")
    assert made.settings["fits"] == [["train"], ["train", "valid", "test"]]
    assert choose_fit(made, None) == all_splits
    assert choose_fit(made, "valid") == ("train",)
    with pytest.raises(DataError, match="test"):
        choose_fit(made, "test")
    assert main(["-w", str(ws.root), "evaluate", "--model", "final", "-q"]) == 65
    assert main(["-w", str(ws.root), "evaluate", "--model", "final", "--split", "valid", "-q"]) == 0


def test_test_without_valid_is_no_final_fit(ws):
    with pytest.raises(SettingsError, match="--fit-on"):
        train_baseline(ws, "popularity", PopularitySettings(fit_on=("train", "test")), name="x")


def test_neighbors_of_people_and_features(ws):
    train(ws, TrainSettings(affinity="constant", epochs=1, dim=2), name="m")
    found = neighbors(ws, ["10"], "m", NeighborsSettings(of="users", top_k=2))
    assert [entry["id"] for entry in found["users"]] == [10]
    assert len(found["users"][0]["neighbors"]) == 2
    found = neighbors(ws, ["a"], "m", NeighborsSettings(of="features", top_k=9))
    assert {entry["feature"] for entry in found["features"][0]["neighbors"]} == {"b", "c", "d"} - {"a"}
    with pytest.raises(MissingInputError, match="no id '99'"):
        neighbors(ws, ["99"], "m", NeighborsSettings(of="users"))
    assert main(["-w", str(ws.root), "neighbors", "--model", "m", "--of", "users", "--label", "a"]) == 2


def test_the_stream_of_everyone_is_bounded(ws):
    stored = Workspace(ws.root).find("dataset")
    sizes = [len(part) for part in Dataset.open(stored.path, stored.settings).everyone_batches(3)]
    assert sizes == [3, 1]
