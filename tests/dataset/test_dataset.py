"""The dataset: who is trained on, who is judged, and what new input becomes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from awe_cli.config.prepare import PrepareSettings
from awe_cli.dataset.dataset import Dataset
from awe_cli.dataset.encode import Encoder, read_encoded
from awe_cli.dataset.examples import Examples
from awe_cli.errors import CorruptArtifactError, DataError, MissingInputError
from awe_cli.matrices.matrix import Bags, Lists
from awe_cli.steps.prepare import prepare
from awe_cli.workspace import Workspace

INTERACTIONS = {
    "user": ["u1"] * 5 + ["u2"] * 3 + ["u3"] + ["u4"],
    "item": [*"abcde", *"abc", "a", "e"],
    "plays": [1.0, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    "split": ["train", "train", "valid", "test", "test", "train", "train", "test", "train", "test"],
}
TEXTS = ["red apple pie", "apple pie recipe", "red car", "fast red car race", "car race", "apple race zebra"]
LABELS = [["food"], ["food", "howto"], ["cars"], ["cars", "sport"], ["cars"], []]


def made(root: Path, columns: dict[str, list[Any]], **settings: Any) -> Dataset:
    """A dataset from these columns."""
    root.mkdir(exist_ok=True)
    path = root / "input.parquet"
    pq.write_table(pa.table(columns), path)
    _, artifact, _ = prepare(Workspace(root / "workspace"), [str(path)], PrepareSettings(**settings))
    return Dataset.open(artifact.path, artifact.settings)


def people(root: Path, **settings: Any) -> Dataset:
    """INTERACTIONS as a dataset."""
    return made(root, INTERACTIONS, user="user", item="item", split="split", **settings)


def texts(root: Path, **settings: Any) -> Dataset:
    """TEXTS as a dataset; the last two are for test."""
    columns = {"id": list("abcdef"), "text": TEXTS, "labels": LABELS, "split": ["train"] * 4 + ["test"] * 2}
    told = {"min_count": 1, "valid_fraction": 0.0, **settings}
    return made(root, columns, text="text", labels="labels", id="id", split="split", **told)


def lists(dataset: Dataset, found: Lists) -> list[str]:
    """Each list as the letters of its labels."""
    names = dataset.labels.to_pylist()
    return [
        "".join(names[i] for i in found.indices[a:b])
        for a, b in zip(found.indptr, found.indptr[1:], strict=False)
    ]


def same_x(one: Examples, other: Examples) -> bool:
    """Whether ids and features are the same, bit for bit."""
    return one.ids.equals(other.ids) and all(
        np.array_equal(a, b) for a, b in zip(one.x, other.x, strict=True)
    )


def test_labels_and_counts(tmp_path: Path) -> None:
    dataset = people(tmp_path)
    assert dataset.labels.to_pylist() == list("abcde")
    assert dataset.label_counts(("train",)).tolist() == [3, 2, 0, 0, 0]
    assert dataset.label_counts(("train", "valid", "test")).tolist() == [3, 2, 2, 1, 2]
    assert dataset.splits == {"train": 3, "valid": 1, "test": 3}
    assert (dataset.task, dataset.n_labels, dataset.n_features, dataset.dense) == (
        "recommendation",
        5,
        5,
        False,
    )
    assert dataset.features.equals(dataset.labels)


def test_training_on_histories(tmp_path: Path) -> None:
    dataset = people(tmp_path)
    found = dataset.training(("train",))
    assert found.ids.to_pylist() == ["u1", "u2", "u3"]
    assert lists(dataset, found.positives) == ["ab", "ab", "a"]
    assert isinstance(found.x, Bags)
    assert found.x.indices is found.positives.indices
    assert np.allclose(found.x.values, [2**-0.5] * 4 + [1])
    assert found.own
    assert found.seen is None
    assert lists(dataset, dataset.training(("train", "valid")).positives) == ["abc", "ab", "a"]


def test_held_out_people(tmp_path: Path) -> None:
    dataset = people(tmp_path)
    for fit_on, seen in ((("train",), ["ab", "ab", ""]), (("train", "valid"), ["abc", "ab", ""])):
        found = dataset.held_out("test", fit_on)
        assert found.ids.to_pylist() == ["u1", "u2", "u4"]
        assert lists(dataset, found.positives) == ["de", "c", "e"]
        assert found.seen is not None
        assert lists(dataset, found.seen) == seen
        assert not found.own
    assert len(dataset.held_out("valid", ("train", "valid"))) == 0
    assert dataset.held_out("valid", ("train",)).ids.to_pylist() == ["u1"]
    assert dataset.held_out("test", ()).x.values.tolist() == []


def test_weights_are_summed_and_scaled(tmp_path: Path) -> None:
    log = people(tmp_path / "log", weight="plays").training(("train", "valid"))
    raw = np.log1p([1.0, 2, 3])
    assert np.allclose(log.x.values[:3], raw / np.linalg.norm(raw))
    plain = people(tmp_path / "none", weight="plays", weight_transform="none", scaling="l1").training(
        ("train",)
    )
    assert np.allclose(plain.x.values, [1 / 3, 2 / 3, 6 / 13, 7 / 13, 1])
    binary = people(tmp_path / "binary", weight="plays", weight_transform="binary").training(("train",))
    assert np.allclose(binary.x.values, [2**-0.5] * 4 + [1])


@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize("make", [people, texts])
def test_batches_are_the_held_out_rows(tmp_path: Path, size: int, make: Any) -> None:
    dataset = make(tmp_path)
    whole = dataset.held_out("test", ("train",))
    start = 0
    for batch in dataset.held_out_batches("test", ("train",), size):
        assert 0 < len(batch) <= size
        expected = whole.slice(start, start + len(batch))
        assert same_x(batch, expected)
        assert lists(dataset, batch.positives) == lists(dataset, expected.positives)
        start += len(batch)
    assert start == len(whole)


def test_annotation(tmp_path: Path) -> None:
    dataset = texts(tmp_path)
    assert dataset.labels.to_pylist() == ["cars", "food", "howto", "sport"]
    assert dataset.features.to_pylist()[:2] == ["red", "apple"]
    assert dataset.features.to_pylist()[-1] is None
    train, test = dataset.training(("train",)), dataset.held_out("test", ("train",))
    assert train.ids.to_pylist() == list("abcd")
    assert lists(dataset, test.positives) == ["cars", ""]
    assert (train.own, train.seen, test.seen) == (False, None, None)
    assert dataset.splits == {"train": 4, "valid": 0, "test": 1}


def test_a_split_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="found 'tset'") as caught:
        people(tmp_path).held_out("tset", ("train",))
    assert caught.value.hint == "did you mean test?"


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    dataset = people(tmp_path)
    path = dataset.path / "examples.parquet"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CorruptArtifactError, match=r"examples\.parquet"):
        dataset.training(("train",))


def test_a_new_person_is_encoded_as_in_training(tmp_path: Path) -> None:
    dataset = people(tmp_path, weight="plays")
    table = pa.table(INTERACTIONS).filter(pa.array([split == "train" for split in INTERACTIONS["split"]]))
    encoded = Encoder(dataset).encode(table)
    assert same_x(encoded.examples, dataset.training(("train",)))
    assert encoded.examples.seen is not None
    assert lists(dataset, encoded.examples.seen) == ["ab", "ab", "a"]
    assert encoded.unknown == 0
    grouped = table.group_by("user").aggregate([("item", "list"), ("plays", "list")]).sort_by("user")
    listed = pa.table({"user": grouped["user"], "item": grouped["item_list"], "plays": grouped["plays_list"]})
    assert same_x(Encoder(dataset).encode(listed).examples, encoded.examples)


def test_unknown_items_are_counted(tmp_path: Path) -> None:
    encoder = Encoder(people(tmp_path))
    encoded = encoder.encode(pa.table({"user": [1, 2, 1, 1], "item": ["zzz", "qq", "b", "b"]}))
    assert encoded.unknown == 2
    assert encoded.examples.ids.to_pylist() == [1, 2]
    assert encoded.examples.x.values.tolist() == [1.0]
    assert (
        encoder.encode(
            pa.table({"user": pa.array([], pa.string()), "item": pa.array([], pa.string())})
        ).unknown
        == 0
    )


def test_new_text_is_encoded_as_in_training(tmp_path: Path) -> None:
    dataset = texts(tmp_path)
    everything = Encoder(dataset).encode(pa.table({"id": list("abcdef"), "text": TEXTS}))
    assert same_x(everything.examples.slice(0, 4), dataset.training(("train",)))
    assert same_x(everything.examples.slice(4, 6), dataset.held_out("test", ("train",)))
    assert everything.unknown == 1  # zebra; a stop word is not unknown
    assert Encoder(dataset).encode(pa.table({"id": [9], "text": ["the"]})).unknown == 0


@pytest.mark.parametrize("wide", [True, False])
def test_new_dense_and_sparse_rows(tmp_path: Path, wide: bool) -> None:
    values = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    columns: dict[str, Any] = {"f0": values[:, 0], "f1": values[:, 1], "f2": values[:, 2]}
    told: dict[str, Any] = {"features": ("f*",)}
    if not wide:
        columns = {"names": [["p", "q"], ["q"], ["r"], []] * 2, "v": [[1.0, 2], [3.0], [0.5], []] * 2}
        told = {"sparse": "names:v"}
    labels = {"y": [1, 2, 3, 4] * 2}
    dataset = made(tmp_path, columns | labels, labels="y", test_fraction=0.3, valid_fraction=0.0, **told)
    encoded = Encoder(dataset).encode(pa.table(columns), first_row=1)
    for split in ("train", "test"):
        stored = dataset.held_out(split, ())
        rows = [int(i) - 1 for i in stored.ids.to_pylist()]
        for place, row in enumerate(rows):
            assert same_x(stored.slice(place, place + 1), encoded.examples.slice(row, row + 1))


BAD_INPUT = [
    ({"user": ["a"], "itme": ["a"]}, "expected a column 'item'", MissingInputError),
    ({"user": ["a"], "item": [7]}, "expected strings such as 'a'.* found integers such as 7", DataError),
    ({"user": ["a"], "item": [None]}, "expected", DataError),
    (
        {"user": ["a", None], "item": ["a", "b"]},
        "column 'user', row 102: expected strings or integers",
        DataError,
    ),
]


@pytest.mark.parametrize(("columns", "message", "error"), BAD_INPUT, ids=range(len(BAD_INPUT)))
def test_new_input_that_cannot_be(tmp_path: Path, columns: dict[str, Any], message: str, error: type) -> None:
    with pytest.raises(error, match=message):
        Encoder(people(tmp_path)).encode(pa.table(columns), "new.parquet", 101)


def test_weights_of_new_input_are_checked(tmp_path: Path) -> None:
    encoder = Encoder(people(tmp_path, weight="plays"))
    with pytest.raises(DataError, match=r"column 'plays', row 2: expected a weight above 0, found 0\.0"):
        encoder.encode(pa.table({"user": ["a", "b"], "item": ["a", "b"], "plays": [1, 0]}))
    with pytest.raises(DataError, match="row 1: expected a weight for each of 2 items, found 1"):
        encoder.encode(pa.table({"user": ["a"], "item": [["a", "b"]], "plays": [[1.0]]}))


def test_a_file_is_read_in_batches(tmp_path: Path) -> None:
    dataset = people(tmp_path)
    rng = np.random.default_rng(0)
    users, items = np.repeat(np.arange(300), 5), rng.choice(list("abcdexyz"), 1500)
    whole = Encoder(dataset).encode(pa.table({"user": users, "item": items}))
    order = rng.permutation(1500)
    for name, rows in (("consecutive", np.arange(1500)), ("scattered", order)):
        path = tmp_path / f"{name}.parquet"
        pq.write_table(pa.table({"user": users[rows], "item": items[rows]}), path)
        batches = list(read_encoded(Encoder(dataset), str(path), size=64))
        assert max(len(batch.examples) for batch in batches) <= 64
        assert sum(batch.unknown for batch in batches) == whole.unknown
        ids = [i for batch in batches for i in batch.examples.ids.to_pylist()]
        seen = dict(zip(ids, (one for b in batches for one in lists(dataset, b.examples.seen)), strict=True))
        assert whole.examples.seen is not None
        expected = zip(whole.examples.ids.to_pylist(), lists(dataset, whole.examples.seen), strict=True)
        assert seen == dict(expected)


def test_people_are_not_cut_at_the_end_of_a_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("awe_cli.dataset.encode._ROWS", 2)
    dataset = people(tmp_path)
    table = pa.table({"user": [1, 1, 1, 2, 3, 3, 3, 3, 3], "item": [*"abc", "a", *"abcde"]})
    pq.write_table(table, tmp_path / "new.parquet")
    batches = list(read_encoded(Encoder(dataset), str(tmp_path / "new.parquet")))
    found = [one for batch in batches for one in lists(dataset, batch.examples.seen)]
    assert found == ["abc", "a", "abcde"]
    assert len(batches) > 1


def test_csv_has_no_types(tmp_path: Path) -> None:
    columns = {"user": [1, 1, 2, 2], "item": [10, 20, 10, 30], "split": ["train"] * 4}
    dataset = made(tmp_path, columns, user="user", item="item", split="split", valid_fraction=0.0)
    pa_csv.write_csv(pa.table({"user": ["x", "x"], "item": ["10", "x10"]}), tmp_path / "new.csv")
    (encoded,) = read_encoded(Encoder(dataset), str(tmp_path / "new.csv"))
    assert (encoded.unknown, encoded.examples.x.indices.tolist()) == (1, [0])
