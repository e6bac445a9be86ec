"""`awe prepare`, from files to a dataset: formats, splits, what it says and what it refuses."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from awe_cli import app
from awe_cli.config.prepare import PrepareSettings
from awe_cli.dataset.dataset import Dataset
from awe_cli.dataset.encode import Encoder
from awe_cli.dataset.feature_columns import FeatureColumns, RawReader
from awe_cli.errors import DataError, MissingInputError, SettingsError, UsageError
from awe_cli.io.reader import read_batches
from awe_cli.io.sources import open_sources
from awe_cli.steps.prepare import prepare
from awe_cli.workspace import Workspace

FILES = ("labels.parquet", "examples.parquet")


@pytest.fixture
def awe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Runs `awe prepare ARGUMENTS…` in a folder of its own; returns the exit code."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: app.main(["prepare", *(str(argument) for argument in arguments)])


def interactions(n: int = 400, seed: int = 0) -> pa.Table:
    """Twenty people, thirty items, duplicates among them."""
    rng = np.random.default_rng(seed)
    users = pa.array([f"{u:03d}" for u in rng.integers(0, 20, n)])
    items = pa.array([f"item {i}" for i in rng.integers(0, 30, n)])
    return pa.table({"user": users, "item": items, "plays": rng.integers(1, 9, n), "when": np.arange(n)})


def examples() -> pa.Table:
    """Sixty sparse examples with lists of labels."""
    rng = np.random.default_rng(1)
    width = rng.integers(1, 6, 60)
    indices = [sorted(rng.choice(12, w, replace=False).tolist()) for w in width]
    values = [np.round(rng.random(w) + 0.1, 3).astype(np.float32).tolist() for w in width]
    labels = [sorted(rng.choice([*"pqrst"], rng.integers(1, 4), replace=False).tolist()) for _ in width]
    return pa.table(
        {"indices": indices, "values": pa.array(values, pa.list_(pa.float32())), "labels": labels}
    )


def made(root: Path, names: list[Path], **settings: Any) -> tuple[dict[str, Any], Dataset]:
    """The summary and the dataset."""
    told = PrepareSettings(**settings)
    summary, artifact, _ = prepare(Workspace(root), [str(name) for name in names], told)
    return summary, Dataset.open(artifact.path, artifact.settings)


def content(dataset: Dataset) -> list[bytes]:
    """The files that hold the data."""
    return [(dataset.path / name).read_bytes() for name in FILES]


def write(table: pa.Table, path: Path) -> Path:
    """A table in the format that the suffix says; libsvm for examples."""
    plain = path.with_suffix("") if path.suffix == ".gz" else path
    if plain.suffix == ".parquet":
        pq.write_table(table, plain)
    elif plain.suffix == ".csv":
        pa_csv.write_csv(table, plain)
    elif plain.suffix == ".svm":
        rows = table.to_pylist()
        pairs = [" ".join(f"{i}:{v!r}" for i, v in zip(r["indices"], r["values"], strict=True)) for r in rows]
        plain.write_text("".join(f"{','.join(r['labels'])} {p}\n" for r, p in zip(rows, pairs, strict=True)))
    else:
        plain.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    if path != plain:
        path.write_bytes(gzip.compress(plain.read_bytes()))
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.jsonl.gz", "a.csv.gz", "a.parquet.gz"])
def test_interactions_of_every_format_are_the_same(tmp_path: Path, name: str) -> None:
    told = {"user": "user", "item": "item", "weight": "plays", "holdout": 2}
    _, one = made(tmp_path / "1", [write(interactions(), tmp_path / "b.parquet")], **told)
    _, other = made(tmp_path / "2", [write(interactions(), tmp_path / name)], **told)
    assert content(one) == content(other)


@pytest.mark.parametrize("name", ["a.svm", "a.jsonl.gz", "a.svm.gz"])
def test_examples_of_every_format_are_the_same(tmp_path: Path, name: str) -> None:
    told = {"sparse": "indices:values", "labels": "labels", "test_fraction": 0.25}
    _, one = made(tmp_path / "1", [write(examples(), tmp_path / "b.parquet")], **told)
    _, other = made(
        tmp_path / "2", [write(examples(), tmp_path / name)], **(told if "svm" not in name else {})
    )
    if "svm" in name:
        _, other = made(tmp_path / "3", [tmp_path / name], test_fraction=0.25)
    assert content(one) == content(other)


def test_labels_as_a_list_a_text_or_repeated_rows(tmp_path: Path) -> None:
    table = examples().append_column("id", pa.array(range(60)))
    lists = table["labels"].to_pylist()
    index = table.column_names.index("labels")
    text = table.set_column(index, "labels", pa.array([" ; ".join(one) for one in lists]))
    rows = np.repeat(np.arange(60), [len(one) for one in lists])
    flat = pa.array([label for one in lists for label in one])
    repeated = table.take(pa.array(rows)).set_column(index, "labels", flat)
    told = {"sparse": "indices:values", "labels": "labels", "id": "id", "test_fraction": 0.25}
    _, one = made(tmp_path / "1", [write(table, tmp_path / "1.parquet")], **told)
    _, two = made(tmp_path / "2", [write(text, tmp_path / "2.parquet")], **told, label_separator=";")
    summary, three = made(tmp_path / "3", [write(repeated, tmp_path / "3.parquet")], **told)
    assert content(one) == content(two) == content(three)
    assert summary["merged"] == len(rows) - 60
    assert summary["examples_per_label"]["max"] == max(flat.value_counts().field(1).to_pylist())


@pytest.mark.parametrize(
    "split", [{"holdout": 2}, {"test_fraction": 0.3}, {"holdout_last": 2, "time": "when"}, {}], ids=str
)
def test_the_order_of_rows_and_files_has_no_part(tmp_path: Path, split: dict[str, Any]) -> None:
    table = interactions()
    order = np.random.default_rng(5).permutation(table.num_rows)
    moved = table.take(pa.array(order))
    one = write(table, tmp_path / "one.parquet")
    parts = [
        write(moved.slice(0, 100), tmp_path / "two.csv"),
        write(moved.slice(100), tmp_path / "three.jsonl"),
    ]
    _, first = made(tmp_path / "1", [one], user="user", item="item", **split)
    _, second = made(tmp_path / "2", parts, user="user", item="item", **split)
    assert content(first) == content(second)


def test_pairs_are_merged_and_splits_are_disjoint_and_complete(tmp_path: Path) -> None:
    table = interactions()
    path = write(table, tmp_path / "a.parquet")
    told = {
        "user": "user",
        "item": "item",
        "weight": "plays",
        "test_fraction": 0.3,
        "weight_transform": "none",
    }
    summary, dataset = made(tmp_path / "w", [path], **told, scaling="none")
    expected: dict[tuple[str, str], float] = {}
    for row in table.to_pylist():
        key = (row["user"], row["item"])
        expected[key] = expected.get(key, 0) + row["plays"]
    names = dataset.labels.to_pylist()
    found: list[tuple[tuple[str, str], float]] = []
    for split in ("train", "valid", "test"):
        for row in pq.read_table(dataset.path / "examples.parquet").to_pylist():
            assert row[split] == sorted(row[split])
            pairs = zip(row[split], row[f"{split}_weights"], strict=True)
            found += [((row["id"], names[label]), weight) for label, weight in pairs]
    assert len(found) == len(expected)
    assert dict(found) == expected
    assert (summary["rows"], summary["merged"]) == (400, 400 - len(expected))


def test_the_latest_are_held_out_ties_by_row(tmp_path: Path) -> None:
    rows = {
        "user": [1] * 4 + [2] * 4 + [3],
        "item": [*"abcd"] * 2 + ["a"],
        "when": [3, 1, 2, 4, 5, 5, 5, 5, 1],
    }
    path = write(pa.table(rows), tmp_path / "a.parquet")
    told = {"user": "user", "item": "item", "time": "when", "holdout_last": 2, "valid_fraction": 0.0}
    summary, dataset = made(tmp_path / "w", [path], **told)
    names = dataset.labels.to_pylist()
    held = [
        sorted(names[i] for i in row["test"]) for row in pq.read_table(dataset.path / FILES[1]).to_pylist()
    ]
    assert held == [["a", "d"], ["c", "d"], []]
    assert any("2 of 3 people have 4 items or more" in note for note in summary["notes"])
    ends = [(summary[name]["min"], summary[name]["max"]) for name in ("items_per_person", "people_per_item")]
    assert ends == [(1, 4), (2, 3)], "both of all splits"


@pytest.mark.parametrize("values", [["007", "7", "é x"], [7, -7, 2**40]])
def test_ids_come_back_unchanged(tmp_path: Path, values: list[Any]) -> None:
    table = pa.table({"user": values * 3, "item": np.repeat(values, 3), "split": ["train"] * 9})
    _, dataset = made(
        tmp_path / "w",
        [write(table, tmp_path / "a.parquet")],
        user="user",
        item="item",
        split="split",
        valid_fraction=0.0,
    )
    assert dataset.labels.to_pylist() == sorted(values)
    assert dataset.training(("train",)).ids.to_pylist() == sorted(values)


def test_ids_that_differ_only_in_type_are_refused(tmp_path: Path) -> None:
    one = write(pa.table({"user": [7], "item": ["a"]}), tmp_path / "one.parquet")
    two = write(pa.table({"user": ["7"], "item": ["a"]}), tmp_path / "two.parquet")
    with pytest.raises(DataError, match=r"integers such as 7 in .*one.* strings such as '7' in .*two.*row 1"):
        made(tmp_path / "w", [one, two], user="user", item="item")


def test_up_to_date_until_the_file_or_a_setting_changes(awe: Any, tmp_path: Path, capfd: Any) -> None:
    write(interactions(), tmp_path / "a.parquet")
    command = ("a.parquet", "--user", "user", "--item", "item", "--json", "--quiet")
    digests = []
    for extra in ((), (), ("--seed", "1"), ("--holdout", "2")):
        assert awe(*command, *extra) == 0
        digests.append((json.loads(capfd.readouterr().out)["dataset"], extra))
    assert digests[0] == digests[1]
    assert len({digest for digest, _ in digests}) == 3
    pointer = (tmp_path / "workspace/dataset.json").stat().st_mtime_ns
    assert awe(*command, "--holdout", "2") == 0
    assert json.loads(capfd.readouterr().out)["made"] is False
    assert (tmp_path / "workspace/dataset.json").stat().st_mtime_ns == pointer
    write(interactions(seed=2), tmp_path / "a.parquet")
    assert awe(*command, "--holdout", "2") == 0
    assert json.loads(capfd.readouterr().out)["made"] is True


def test_what_is_said(awe: Any, tmp_path: Path, capfd: Any) -> None:
    table = interactions().append_column("split", pa.array(["train"] * 300 + ["test"] * 100))
    write(table, tmp_path / "a.parquet")
    assert awe("a.parquet", "--user", "user", "--item", "item", "--split", "split") == 0
    out, err = capfd.readouterr()
    assert out == ""
    for words in (
        "20 people, 30 items", "density", "people per item", "rows that repeat a pair: ",
        "pairs in two splits: ", "no valid split was named", "stored: dataset.json", "next: awe train",
    ):  # fmt: skip
        assert words in err
    assert awe("a.parquet", "--user", "user", "--item", "item") == 0
    err = capfd.readouterr().err
    assert "no split was named: 20% is held out" in err
    assert "there is a column 'split'" in err


def test_warnings_about_examples(tmp_path: Path) -> None:
    table = pa.table(
        {
            "id": [*"abcdefg"],
            "i": [["p", "k"], ["q", "k", "k"], ["k"], ["k", "z"], ["k"], [], ["p", "k"]],
            "v": [[1.0, 2.0], [1.0, 1.0, 1.0], [2.0], [2.0, 1.0], [2.0], [], [1.0, 2.0]],
            "y": [["l"], ["l", "once"], ["l"], ["new"], None, ["l"], ["l"]],
            "split": ["train"] * 3 + ["test"] * 4,
        }
    )
    told = {"sparse": "i:v", "labels": "y", "id": "id", "split": "split", "valid_fraction": 0.0}
    summary, _ = made(tmp_path / "w", [write(table, tmp_path / "a.parquet")], **told)
    expected = (
        "examples without labels: 1;", "examples without features: 1;",
        "examples of valid or test with the features of one in an earlier split: 2",
        "feature values left out, the feature being rare or not in train: 1",
        "features named twice in one example: 1;", "features with one value in all of train: 1 (k)",
        "labels seen once in train: 1 of 3;", "labels in valid or test only: 1;",
        "one of the labels is on 100 % of train",
    )  # fmt: skip
    assert len(summary["warnings"]) == len(expected)
    for words, warning in zip(expected, summary["warnings"], strict=True):
        assert warning.startswith(words)


def test_leaking_ids_and_pairs_stay_in_the_earliest_split(tmp_path: Path) -> None:
    table = pa.table({"id": [1, 2, 1], "x": [0.5, 1.5, 0.5], "z": [1.0, 0.0, 1.0], "y": ["a", "b", "c"],
                      "split": ["test", "train", "train"]})  # fmt: skip
    path = write(table, tmp_path / "a.parquet")
    told = {"features": ("x", "z"), "labels": "y", "id": "id", "split": "split", "valid_fraction": 0.0}
    summary, dataset = made(tmp_path / "1", [path], **told)
    assert (summary["leaked"], dataset.splits) == (1, {"train": 2, "valid": 0, "test": 0})
    pairs = pa.table({"u": [1, 1, 2], "i": ["a", "a", "a"], "w": [4, 1, 2], "s": ["test", "train", "train"]})
    told = {"user": "u", "item": "i", "weight": "w", "split": "s"}
    summary, dataset = made(tmp_path / "2", [write(pairs, tmp_path / "b.parquet")], **told)
    assert (summary["leaked"], dataset.splits["test"]) == (1, 0)
    stored = pq.read_table(dataset.path / FILES[1])
    assert stored["train_weights"].to_pylist() == [[1], [2]]


def test_stdin(awe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    path = write(interactions(), tmp_path / "a.csv.gz")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(path.read_bytes())))
    assert awe("-", "--user", "user", "--item", "item", "--json") == 0
    assert json.loads(capfd.readouterr().out)["people"] == 20


WRITTEN = {
    "a.csv": "user,item,w,split,t\nu,i,1,train,2024-01-01\nu,j,-2,valid,2024-01-02\nv,i,0.5,dev,x\n",
    "x.csv": "id,f1,f2,name,y,split\n1,0.5,1,n,a;b,train\n2,nan,1,n,a,train\n3,1,2,n,b,test\n",
    "ok.csv": "id,f1,f2,name,y,split\n1,0.5,1,n,a;b,train\n2,0,1,n,a,train\n3,1,2,n,b,test\n3,2,2,n,a,test\n",
    "head.csv": "user,item\n",
    "empty.csv": "",
    "tiny.csv": "user,item,w\na,b,1\na,c,1e-60\n",
    "none.jsonl": '{"t": "red", "y": []}\n{"t": "blue", "y": []}\n',
}
INTERACTIONS = "a.csv --user user --item item "
EXAMPLES = "--labels y --label-separator ; "
REFUSED = [
    (INTERACTIONS + "--weight w", 65, "a.csv: column 'w', row 2: expected a weight above 0, found -2.0"),
    (INTERACTIONS + "--split split", 65, "row 3: expected one of train, valid, test, found 'dev'"),
    (INTERACTIONS + "--time t --holdout-last 1", 65, "row 3: expected a number, a date or a time, found 'x'"),
    ("a.csv --user usr --item item", 66, "expected a column 'usr', found user, item, w, split, t"),
    ("head.csv --user user --item item", 65, "the input has no rows"),
    ("empty.csv --user user --item item", 65, "empty.csv: the file is empty"),
    ("gone.csv --user user --item item", 66, "gone.csv: there is no such file"),
    ("tiny.csv --user user --item item --weight w", 65, "row 2: expected a weight of at least 1.2e-38, found 1e-60"),
    ("none.jsonl --text t --labels y", 65, "column 'y': expected labels, found none in any of 2 rows"),
    (INTERACTIONS + "--split split --holdout 2", 2, "--split and --holdout are two ways to split"),
    (INTERACTIONS + "--holdout-last 2", 2, "--holdout-last needs --time"),
    (INTERACTIONS + "--labels split", 2, "--labels is for annotated examples"),
    (INTERACTIONS + "--weight item", 2, "one column is named for two purposes"),
    ("a.csv --user user", 2, "--item is needed"),
    ("a.csv", 2, "expected --user and --item, or --labels with one of"),
    ("", 2, "no input is named"),
    (INTERACTIONS + "--test-fraction 1.5", 78, "--test-fraction"),
    (INTERACTIONS + "--scaling standard", 78, "--scaling"),
    (INTERACTIONS + "--format cvs", 78, "--format"),
    ("x.csv --features f* " + EXAMPLES, 65, "x.csv: column 'f1', row 2: expected a finite number, found nan"),
    ("x.csv --features f2,name " + EXAMPLES, 65, "column 'name', row 1: expected a number, found 'n'"),
    ("x.csv --features g* " + EXAMPLES, 66, "expected columns like 'g*'"),
    ("x.csv --features f1,f3 " + EXAMPLES, 66, "expected a column 'f3'"),
    ("x.csv --features f1 --text name " + EXAMPLES, 2, "found --features, --text, --labels"),
    ("x.csv --sparse f1: " + EXAMPLES, 2, "--sparse: expected INDICES:VALUES or INDICES, found 'f1:'"),
    ("x.csv --sparse f2:id --holdout 2 " + EXAMPLES, 2, "--holdout is for interactions"),
    ("x.csv --text name --scaling standard " + EXAMPLES, 78, "standard is for dense features"),
    ("x.csv --text name --stop-words gone.txt " + EXAMPLES, 66, "--stop-words"),
    ("x.csv --text name --token-characters \\p{No} " + EXAMPLES, 65, "no training example has a feature"),
    ("ok.csv --features f* --id id " + EXAMPLES, 65, "row 4: expected the features that the id '3' has"),
    ("ok.csv --features f1 --split split --valid-fraction 0.99 " + EXAMPLES, 0, ""),
]  # fmt: skip


@pytest.mark.parametrize(("command", "code", "message"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_refused(awe: Any, tmp_path: Path, capfd: Any, command: str, code: int, message: str) -> None:
    for name, text in WRITTEN.items():
        (tmp_path / name).write_text(text)
    assert awe(*command.split()) == code
    out, err = capfd.readouterr()
    assert message in err
    assert out == ""
    assert "Traceback" not in err
    assert code == 0 or ("hint: " in err and not (tmp_path / "workspace/dataset.json").exists())


def test_switches_can_be_turned_off(awe: Any, tmp_path: Path) -> None:
    write(pa.table({"t": ["red red car", "blue car"], "y": ["a", "b"]}), tmp_path / "a.parquet")
    off = ("--no-bias", "--no-idf", "--no-sublinear", "--scaling", "none", "--min-count", "1")
    assert (
        awe(
            "a.parquet",
            "--text",
            "t",
            "--labels",
            "y",
            "--test-fraction",
            "0.1",
            "--valid-fraction",
            "0",
            *off,
        )
        == 0
    )
    artifact = Workspace(tmp_path / "workspace").find("dataset")
    dataset = Dataset.open(artifact.path, artifact.settings)
    assert dataset.features.to_pylist() == ["car", "blue", "red"]
    assert dataset.training(("train",)).x.values.tolist() == [1, 2, 1, 1]


def test_a_refused_file_leaves_the_dataset_in_place(awe: Any, tmp_path: Path, capfd: Any) -> None:
    write(interactions(), tmp_path / "a.parquet")
    assert awe("a.parquet", "--user", "user", "--item", "item") == 0
    before = (tmp_path / "workspace/dataset.json").read_bytes()
    (tmp_path / "a.csv").write_text("user,item\na,\n")
    assert awe("a.csv", "--user", "user", "--item", "item") == 65
    assert (tmp_path / "workspace/dataset.json").read_bytes() == before
    assert list((tmp_path / "workspace/staging").iterdir()) == []


def test_stop_words_of_a_file_are_stored(tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text("Apple\n\nof\n")
    table = pa.table({"t": ["apple pie of", "pie tart"], "y": ["a", "b"]})
    told = {"text": "t", "labels": "y", "test_fraction": 0.01, "valid_fraction": 0.0, "min_count": 1}
    _, dataset = made(tmp_path / "w", [write(table, tmp_path / "a.parquet")], **told, stop_words=str(words))
    words.unlink()
    assert dataset.features.to_pylist() == ["pie", "tart", None]
    assert Encoder(dataset).encode(pa.table({"t": ["apple of zebra"]})).unknown == 1


def test_new_text_is_cut_to_the_stems_of_the_dataset(tmp_path: Path) -> None:
    table = pa.table({"t": ["laminar flows", "flowing backwards"], "y": ["a", "b"]})
    told = {"text": "t", "labels": "y", "test_fraction": 0.01, "valid_fraction": 0.0, "min_count": 1}
    path = write(table, tmp_path / "a.parquet")
    _, plain = made(tmp_path / "plain", [path], **told)
    _, dataset = made(tmp_path / "w", [path], **told, stem="english")
    assert dataset.features.to_pylist() == ["flow", "backward", "laminar", None]
    assert Encoder(dataset).encode(pa.table({"t": ["flow flowed backward"]})).unknown == 0
    assert Encoder(plain).encode(pa.table({"t": ["flow flowed backward"]})).unknown == 3


def test_errors_of_the_python_interface(tmp_path: Path) -> None:
    path = write(interactions(), tmp_path / "a.parquet")
    with pytest.raises(UsageError):
        made(tmp_path / "w", [], user="user", item="item")
    with pytest.raises(SettingsError):
        made(tmp_path / "w", [path], features=("plays",), labels="item", idf=True)
    with pytest.raises(MissingInputError):
        made(tmp_path / "w", [path], text="txt", labels="item")


def test_large_numbers_that_differ_little_are_told_apart(tmp_path: Path) -> None:
    rows = [{"f": 1600000000 + i % 3, "g": 1e6 + i % 2, "y": f"l{i % 3}"} for i in range(60)]
    write(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    ws = Workspace(tmp_path / "ws")
    found, artifact, _ = prepare(
        ws, [str(tmp_path / "a.parquet")], PrepareSettings(features=("f", "g"), labels="y")
    )
    assert not any("one value in all of train" in warning for warning in found["warnings"])
    x = Dataset.open(artifact.path, artifact.settings).training(("train", "valid", "test")).x.values
    assert [len(np.unique(x[:, column])) for column in (0, 1)] == [3, 2]


def test_what_is_told_apart_is_not_the_same(awe: Any, tmp_path: Path, capfd: Any) -> None:
    rows = [{"id": "a", "f": 1600000000.0, "y": "l"}, {"id": "a", "f": 1600000050.0, "y": "m"}]
    write(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    assert awe("a.parquet", "--features", "f", "--labels", "y", "--id", "id") == 65
    assert "row 2: expected the features that the id 'a' has" in capfd.readouterr().err


def test_a_number_does_not_depend_on_its_neighbours(tmp_path: Path) -> None:
    number = 1048560.05
    for name, others in (("a", [1.0]), ("b", [2e9])):
        rows = [{"f": value, "y": "l"} for value in [number, *others]]
        write(pa.Table.from_pylist(rows), tmp_path / f"{name}.parquet")
    found = []
    for name in "ab":
        columns = FeatureColumns(("f",))
        with open_sources([str(tmp_path / f"{name}.parquet")]) as (source,):
            reader = RawReader(columns, None)
            for batch in read_batches(source, columns.roles()):
                reader.add(batch)
        found.append(float(reader.raw().values[0, 0]))
    assert found[0] == found[1]
