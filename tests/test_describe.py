"""What `awe describe` says of files and artifacts, and that the commands it suggests work."""

from __future__ import annotations

import gzip
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from awe_cli.app import main
from awe_cli.config.build import BuildKnnSettings
from awe_cli.config.train import RetrainSettings, TrainSettings
from awe_cli.steps.build_knn import build_knn
from awe_cli.steps.describe import describe
from awe_cli.steps.retrain import retrain
from awe_cli.steps.train import train
from awe_cli.workspace import Workspace
from tests.small import recommendation

RNG = np.random.default_rng(0)
PEOPLE = [(p, (p % 3) * 4 + i) for p in range(1, 13) for i in range(1, 6)]
WORDS = ["paddle a boat", "strum the strings of a guitar", "win a game of chess", "climb the high mountain"]


def rows(write: Callable[[int, int, int], str], header: str = "") -> str:
    """A line for each interaction: person, item and number of the row."""
    return header + "".join(write(p, i, n) + "\n" for n, (p, i) in enumerate(PEOPLE))


def texts(write: Callable[[int, str, list[str]], str], header: str = "") -> str:
    """A line for each of forty texts with one or two tags."""
    tags = [["water"], ["music", "art"], ["games"], ["nature", "sport"]]
    return header + "".join(write(n, f"{WORDS[n % 4]} number {n}", tags[n % 4]) + "\n" for n in range(40))


FILES: dict[str, tuple[str, str, list[str]]] = {
    # name → content, task, options that the suggestion must have
    "ratings.csv": (
        rows(lambda p, i, n: f"{p},{i},{1 + n % 5},{1_000_000_000 + n}", "userId,movieId,rating,timestamp\n"),
        "recommendation",
        ["--user userId", "--item movieId", "--weight rating", "--time timestamp"],
    ),
    "u.data": (
        rows(lambda p, i, n: f"{p}\t{i}\t{1 + n % 5}\t{881250949 + n}"),
        "recommendation",
        ["--columns user,item,rating,time", "--user user", "--item item", "--weight rating"],
    ),
    "ratings.dat": (
        rows(lambda p, i, n: f"{p}::{i}::{1 + n % 5}::{978300760 + n}"),
        "recommendation",
        ["--columns user,item,rating,time"],
    ),
    "data.inter": (
        rows(lambda p, i, n: f"u{p}\ti{i}", "user_id:token\titem_id:token\n"),
        "recommendation",
        ["--user user_id", "--item item_id"],
    ),
    "pairs.csv": (
        rows(lambda p, i, n: f"n{p},m{i}", "left,right\n"),
        "recommendation",
        ["--user left", "--item right"],
    ),
    "movies.csv": (
        texts(lambda n, text, tags: f'{n},"{text}",{"|".join(tags)}', "movieId,title,genres\n"),
        "annotation",
        ["--text title", "--labels genres", "--label-separator '|'", "--id movieId"],
    ),
    "pages.jsonl": (
        texts(lambda n, text, tags: json.dumps({"url": f"http://{n}", "body": text, "tags": tags})),
        "annotation",
        ["--text body", "--labels tags", "--id url"],
    ),
    "dense.csv": (
        "".join(f"{a:.3f},{b:.3f},{n % 3}\n" for n, (a, b) in enumerate(RNG.normal(size=(40, 2)))),
        "annotation",
        ["--features f1,f2", "--labels class"],
    ),
    "mixed.libsvm": ("".join(f"{n % 3},4 {n % 7}:1 {7 + n % 5}:0.5\n" for n in range(40)), "annotation", []),
    "ft.txt": (texts(lambda n, text, tags: " ".join([*(f"__label__{t}" for t in tags), text])), "annotation", []),
}  # fmt: skip
FILES["dense.csv"] = (f"f1,f2,class\n{FILES['dense.csv'][0]}", *FILES["dense.csv"][1:])


@pytest.mark.parametrize("name", FILES)
def test_the_suggested_command_prepares_the_file(tmp_path, monkeypatch, capsys, name):
    content, task, options = FILES[name]
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AWE_WORKSPACE", raising=False)
    Path(name).write_text(content)
    assert main(["describe", name, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (
        document["rows"]
        == document["rows_read"]
        == len(content.splitlines()) - (document["header"] and document["format"] in ("csv", "tsv"))
    )
    assert document["suggestion"]["task"] == task
    command = document["suggestion"]["command"]
    assert not [one for one in options if one not in command], command
    assert main([*shlex.split(command)[1:], "--json"]) == 0, capsys.readouterr().err
    assert json.loads(capsys.readouterr().out)["task"] == task


def test_packed_files_folders_and_lists(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("ratings.csv.gz").write_bytes(gzip.compress(FILES["ratings.csv"][0].encode()))
    [document] = describe(Workspace(tmp_path / "ws"), "ratings.csv.gz")
    assert (document["format"], document["packing"], document["rows"]) == ("csv", "gzip", 60)
    Path("folder").mkdir()
    table = pa.table(
        {
            "indices": [["a", "b"], ["b"], []] * 5,
            "values": [[1.0, 2.0], [0.5], []] * 5,
            "tags": [["x"], ["y", "x"], ["z"]] * 5,
            "about": [{"length": 3, "when": None}] * 15,
        }
    )
    for part in ("one", "two"):
        pq.write_table(table, f"folder/{part}.parquet")
    [document] = describe(Workspace(tmp_path / "ws"), "folder")
    assert (document["files"], document["rows"]) == (2, 30)
    kinds = {column["name"]: column["type"] for column in document["columns"]}
    assert kinds == {
        "indices": "list of text",
        "values": "list of numbers",
        "tags": "list of text",
        "about.length": "whole number",
        "about.when": "empty",
    }
    assert "--sparse indices:values --labels tags" in document["suggestion"]["command"]
    assert main([*shlex.split(document["suggestion"]["command"])[1:]]) == 0
    capsys.readouterr()


def test_a_folder_in_the_form_of_beir_is_prepared_as_a_whole(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("beir/qrels").mkdir(parents=True)
    for name, letter in (("corpus", "d"), ("queries", "q")):
        lines = [json.dumps({"_id": f"{letter}{n}", "title": "", "text": f"word{n} all"}) for n in range(12)]
        Path(f"beir/{name}.jsonl").write_text("\n".join(lines))
    pairs = [f"q{n}\td{n}\t1" for n in range(12)]
    Path("beir/qrels/train.tsv").write_text("query-id\tcorpus-id\tscore\n" + "\n".join(pairs))
    assert main(["describe", "beir", "--json"]) == 0
    documents = json.loads(capsys.readouterr().out)
    assert [one["rows"] for one in documents] == [12, 12, 12]
    assert {one["suggestion"]["command"] for one in documents} == {"awe prepare beir"}
    assert main(["prepare", "beir"]) == 0
    assert main(["describe", "beir"]) == 0
    assert capsys.readouterr().err.count("next: awe prepare beir") == 1


@pytest.mark.parametrize(
    ("columns", "note"),
    [
        ({"query": [1, 1, 2], "document": [7, 8, 7], "relevance": [0, 2, 1]}, "--relevance"),
        ({"document": [1, 2, 3], "text": ["a b c d e f", "g h i j k l", "m n o p q r"]}, "--documents"),
        ({"query": [1, 2, 3], "text": ["a b c d e f", "g h i j k l", "m n o p q r"]}, "--queries"),
        ({"artist": [1, 2, 3], "name": ["x", "y", "z"]}, "--label-file"),
    ],
)
def test_files_beside_others_are_told_by_their_option(tmp_path, columns, note):
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    [document] = describe(Workspace(tmp_path / "ws"), str(tmp_path / "a.parquet"))
    assert document["suggestion"]["command"] is None
    assert f"name the file with {note}" in document["suggestion"]["notes"][0]


def test_ids_are_no_features(tmp_path):
    pq.write_table(pa.table({"artist": [1, 1, 2, 2], "tag": ["x", "y", "x", "y"]}), tmp_path / "a.parquet")
    [document] = describe(Workspace(tmp_path / "ws"), str(tmp_path / "a.parquet"))
    assert document["suggestion"]["command"].endswith("--user artist --item tag")
    assert document["suggestion"]["notes"][0].startswith("guessed: ")


def test_columns_are_counted_as_they_are(tmp_path):
    path = tmp_path / "odd.csv"
    path.write_text(
        "id,amount,when,ok,note\n1,0.5,2024-01-02,true,\n2,-3,2023-05-06,false,NA\n2,,2024-01-02,true,x y\n"
    )
    [document] = describe(Workspace(tmp_path / "ws"), str(path))
    found = {column.pop("name"): column for column in document["columns"]}
    assert found["id"] | {"examples": 0} == {
        "type": "whole number", "missing": 0, "distinct": 2, "least": 1, "greatest": 2, "examples": 0,
    }  # fmt: skip
    assert (found["amount"]["type"], found["amount"]["missing"]) == ("number", 1)
    assert (found["amount"]["least"], found["amount"]["greatest"]) == (-3, 0.5)
    assert found["when"]["type"] == "time"
    assert (found["when"]["least"], found["when"]["greatest"]) == ("2023-05-06", "2024-01-02")
    assert found["ok"]["type"] == "true or false"
    assert (found["note"]["missing"], found["note"]["examples"]) == (2, ["x y"])
    assert document["suggestion"]["command"] is None
    assert document["suggestion"]["notes"]


def test_more_rows_than_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr("awe_cli.steps.describe.profile.__defaults__", (25,))
    (tmp_path / "a.csv").write_text(FILES["ratings.csv"][0])
    pq.write_table(pa.table({"user": [1, 2] * 30, "item": [1, 1, 2] * 20}), tmp_path / "b.parquet")
    [text], [typed] = (
        describe(Workspace(tmp_path / "ws"), str(tmp_path / name)) for name in ("a.csv", "b.parquet")
    )
    assert (text["rows"], text["rows_read"]) == (None, 25)
    assert (typed["rows"], typed["rows_read"]) == (60, 25)


def test_a_damaged_file_is_described_as_far_as_it_goes(tmp_path, capsys):
    path = tmp_path / "cut.jsonl"
    path.write_text('{"user": 1, "item": "a"}\n' * 3 + '{"user": 1, "it')
    assert main(["describe", str(path)]) == 65
    out, err = capsys.readouterr()
    assert "user" in out
    assert "error: " in err
    path.write_bytes(b"\x89HDF\r\n\x1a\n more")
    assert main(["describe", str(path)]) == 65
    assert "HDF5" in capsys.readouterr().err


def test_rows_that_cannot_be_read_are_counted(tmp_path, capsys):
    path = tmp_path / "bad.csv"
    path.write_text("user,item\n1,2\n3\n4,5,6\n7,8\n")
    assert main(["describe", str(path), "--json"]) == 65
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert (document["rows_read"], document["rows_skipped"]) == (2, 2)
    assert "row 2: expected 2 cells" in document["problem"]["message"]
    assert document["problem"]["message"] in err


def test_every_type_of_parquet_is_described(tmp_path, capsys):
    """Also those that cannot be prepared, or compared, and numbers that JSON cannot hold."""
    columns = {
        "nan": ([1.0, float("nan"), float("inf"), None], "whole number", 2, "inf"),
        "half": (pa.array(np.array([0.5, 1, 2, 2], np.float16)), "number", 0, 2.0),
        "bytes": ([b"a", b"\xff", None, b"a"], "binary", 1, None),
        "span": (pa.array([1, 2, 3, 3], pa.duration("s")), "time", 0, None),
        "map": (
            pa.array([[("a", 1)]] * 4, pa.map_(pa.string(), pa.int64())),
            "map<string, int64 ('map')>",
            0,
            None,
        ),
        "lists": ([[[1]], [], None, [[2], [3]]], "list of list<element: int64>", 2, None),
        "coded": (pa.array(["x", "y", None, "x"]).dictionary_encode(), "text", 1, None),
        "none": (pa.nulls(4), "empty", 4, None),
        "two\nlines": (["a", "b", "a", "b"], "text", 0, None),
    }
    path = tmp_path / "odd.parquet"
    pq.write_table(pa.table({name: values for name, (values, *_) in columns.items()}), path)
    assert main(["describe", str(path), "--json"]) == 0
    found = {one["name"]: one for one in json.loads(capsys.readouterr().out)["columns"]}
    for name, (_, kind, missing, greatest) in columns.items():
        one = found[name]
        assert (one["type"], one["missing"], one.get("greatest")) == (kind, missing, greatest), name
    assert main(["describe", str(path)]) == 0
    pq.write_table(pq.read_table(path).slice(0, 0), tmp_path / "empty.parquet")
    [document] = describe(Workspace(tmp_path / "ws"), str(tmp_path / "empty.parquet"))
    assert (document["rows"], len(document["columns"])) == (0, len(columns))
    assert document["suggestion"]["command"] is None


def test_the_command_reads_the_file_as_describe_was_told_to(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"K{n % 9}\tTür {n % 7}\n" for n in range(30))
    Path("orders.txt").write_text(rows, encoding="cp1252")
    told = ["--encoding", "cp1252", "--separator", "tab", "--columns", "user,item"]
    assert main(["describe", "orders.txt", *told, "--json"]) == 0
    command = shlex.split(json.loads(capsys.readouterr().out)["suggestion"]["command"])
    assert command[3:9] == ["--separator", "tab", "--columns", "user,item", "--encoding", "cp1252"]
    assert main(command[1:]) == 0


def test_a_name_that_begins_with_a_dash_is_no_option(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("-a b.csv").write_text(FILES["ratings.csv"][0])
    assert main(["describe", "--json", "--", "-a b.csv"]) == 0
    command = shlex.split(json.loads(capsys.readouterr().out)["suggestion"]["command"])
    assert command[2] == "./-a b.csv"
    assert main(command[1:]) == 0


def test_what_is_not_there_suggests_the_nearest(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    ws = recommendation(tmp_path / "ws")
    train(ws, TrainSettings(affinity="constant", epochs=1, dim=2), name="linear", threads=1)
    assert main(["-w", "ws", "describe", "linaer"]) == 66
    assert "did you mean 'linear'?" in capsys.readouterr().err
    Path("plays.csv").write_text("user,item\n1,2\n")
    assert main(["-w", "ws", "describe", "play.csv"]) == 66
    assert "did you mean 'plays.csv'?" in capsys.readouterr().err
    assert main(["-w", "nowhere", "describe", "awe"]) == 66
    assert "traceback" not in capsys.readouterr().err.lower()


@pytest.fixture
def full(tmp_path: Path, capsys: Any) -> Workspace:
    """A workspace with an artifact of every kind."""
    ws = recommendation(tmp_path / "ws")
    train(ws, TrainSettings(affinity="constant", epochs=2, dim=2), name="linear", threads=1)
    build_knn(ws, "linear", BuildKnnSettings(k=2), threads=1)
    retrain(ws, "linear", RetrainSettings(epochs=0), name="awe", threads=1)
    for told in (
        ["train-baseline", "popularity"],
        ["ensemble", "--model", "awe,popularity", "--weights", "1,2", "--name", "both"],
        ["build-affinity", "--model", "linear", "--affinity", "cluster", "--leaves", "2", "--name", "leaves"],
        ["evaluate", "--model", "awe,popularity", "--name", "judged"],
        ["predict", "--model", "awe", "--name", "listed"],
    ):
        assert main(["-w", str(ws.root), *told, "-q"]) == 0
    capsys.readouterr()
    return ws


def test_a_damaged_artifact_ends_with_74(full, capsys):
    file = full.find("model", "awe").path / "result.json"
    file.chmod(0o644)
    file.write_text("{}")
    assert main(["-w", str(full.root), "describe", "awe"]) == 74
    assert "result.json" in capsys.readouterr().err


def test_every_kind_of_artifact_is_described(full, capsys):
    said = {
        "dataset": ["recommendation", "5; most frequent in train: a (3), b (2), c (1)"],
        "models/linear": ["U 5 × 2, V 5 × 2", "constant"],
        "awe": ["kept: model × pair weights G", "model linear, neighbors linear"],
        "popularity": ["popularity", "nothing to choose"],
        "both": ["0.3333 × awe, 0.6667 × popularity"],
        "neighbors/linear": ["k = 2"],
        "leaves": ["affinity cluster", "leaves 1"],
        "judged": ["precision@1"],
        "listed": ["for 4 examples", "labels, best first"],
    }
    for name, wanted in said.items():
        assert main(["-w", str(full.root), "describe", name]) == 0
        out = " ".join(capsys.readouterr().out.split())
        assert not [one for one in wanted if one not in out], (name, out)
        assert main(["-w", str(full.root), "describe", name, "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert document["what"] == "artifact"
        assert document["state"] == "current"
    assert main(["-w", str(full.root), "describe", str(full.root / "models" / "awe.json"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "model"
    assert main(["-w", str(full.root), "promote", "awe", "--as", "champion", "-q"]) == 0
    assert main(["-w", str(full.root), "describe", "champion"]) == 0
    assert "kept: model × pair weights G" in " ".join(capsys.readouterr().out.split())
    assert main(["-w", str(full.root), "describe", "linear", "--json"]) == 0
    assert [one["kind"] for one in json.loads(capsys.readouterr().out)] == ["model", "neighbors"]
