"""`prepare --hash-bits`: features without a vocabulary, from every kind of input to predictions and explanations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from awe_cli.dataset.dataset import Dataset
from awe_cli.dataset.encode import Encoder, read_encoded
from awe_cli.dataset.features import FeatureOptions, RawBags, bucket_names, collisions, hashed
from awe_cli.dataset.hashing import hash_values
from awe_cli.matrices.matrix import Bags
from tests.test_continuity import Bench, articles, plays

TEXT = "--text text --labels labels --id id --test-fraction 0.25 --min-count 1"
KINDS = [{"thing": f"i{i}", "kind": f"kind {i % 3}", "tags": [f"tag{i % 4}", "all"]} for i in range(12)]
PEOPLE = [{"user": f"u{u}", "country": "DE" if u % 2 else "FR"} for u in range(24)]


@pytest.fixture
def bench(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Bench:
    return Bench(tmp_path, capsys)


def bags(dataset: Dataset) -> dict[Any, dict[Any, float]]:
    """id → feature → value, of all examples."""
    names, found = dataset.features.to_pylist(), {}
    for part in dataset.everyone_batches():
        assert isinstance(part.x, Bags)
        for row, id in enumerate(part.ids.to_pylist()):
            entries = slice(*part.x.indptr[row : row + 2])
            values = zip(part.x.indices[entries].tolist(), part.x.values[entries].tolist(), strict=True)
            found[id] = {names[i]: value for i, value in values}
    return found


def in_buckets(names: list[str], bits: int) -> list[str]:
    return bucket_names(hash_values(pa.array(names, pa.string())), bits).to_pylist()


def test_the_buckets_of_words_never_change():
    """Models that are stored find their rows by these numbers."""
    expected = ["bucket 163190", "bucket 232773", "bucket 130670", "bucket 171035"]
    assert in_buckets(["red", "blue", "Ä", ""], 18) == expected
    assert in_buckets(["17"], 30) == bucket_names(hash_values(pa.array([17])), 30).to_pylist()


def test_values_of_one_bucket_are_added_and_names_that_share_are_counted():
    names = [f"word {i}" for i in range(200)]
    raw = RawBags(
        pa.array(names), np.array([0, 200]), np.arange(200, dtype=np.int32), np.ones(200, np.float32)
    )
    options = FeatureOptions("none", False, hash_bits=5)
    found = collisions(raw, options)
    buckets = in_buckets(names, 5)
    shared = [name for name, bucket in zip(names, buckets, strict=True) if buckets.count(bucket) > 1]
    assert found == {"bits": 5, "names": 200, "filled": len(set(buckets)), "shared": len(shared)}
    together = hashed(raw, options)
    assert sorted(together.vocabulary.to_pylist()) == sorted(set(buckets))
    assert [together.vocabulary[code].as_py() for code in together.codes] == buckets
    assert hashed(together, options) is together, "buckets are not hashed again"
    assert len(set(in_buckets([f"n{i}" for i in range(100_000)], 8))) == 256
    sizes = np.unique(in_buckets([f"n{i}" for i in range(100_000)], 8), return_counts=True)[1]
    assert sizes.std() < 2 * np.sqrt(100_000 / 256), "buckets are filled evenly"


def test_where_nothing_collides_rows_and_rankings_are_those_of_the_vocabulary(bench: Bench):
    """Features are in the order of their counts, which differ here: each has the row of U that it had."""
    words = ["red", "green", "blue", "brown", "small", "wide", "loud"]
    rows = [
        {
            "id": f"a{n}",
            "text": " ".join(word for k, word in enumerate(words) if 7 * n % 60 < 54 - 7 * k),
            "labels": [words[n % 7], words[n % 5]],
            "split": "train" if n % 4 else "test",
        }
        for n in range(60)
    ]
    columns = f"{bench.jsonl(rows)} --text text --labels labels --id id --split split"
    found = []
    for more in ("", " --hash-bits 30"):
        made = bench.json(f"prepare {columns}{more}")
        bench.awe("train --affinity constant --dim 4 --epochs 3 --name awe")
        dataset = bench.dataset()
        counts = dataset.space.count[:-1] if dataset.space else np.zeros(0)
        assert len(set(counts.tolist())) == len(counts) == 7
        found.append((bags(dataset), bench.predicted("--model awe --split test")))
    assert made["hashing"] == {"bits": 30, "names": 7, "filled": 7, "shared": 0}
    called = dict(zip([*words, None], [*in_buckets(words, 30), None], strict=True))
    (plain, ranked), (in_bucket, again) = found
    assert {id: {called[word]: x for word, x in row.items()} for id, row in plain.items()} == in_bucket
    assert again == ranked


@pytest.mark.parametrize("bits", [2, 18])
def test_new_input_is_hashed_as_what_was_prepared_in_blocks_of_any_size(
    bench: Bench,
    bits: int,
    monkeypatch: pytest.MonkeyPatch,
):
    rows = [{**row, "shop": f"shop {n % 5}"} for n, row in enumerate(articles(40))]
    columns = f"{TEXT} --categories shop --hash-bits {bits}"
    bench.awe(f"prepare {bench.jsonl(rows)} {columns}")
    dataset = bench.dataset()
    expected = bags(dataset)
    names = dataset.features.to_pylist()
    for size in (1, 7, 1000):
        found = {}
        for part in read_encoded(Encoder(dataset), str(bench.folder / "rows.jsonl"), size=size):
            assert not part.unknown
            x = part.examples.x
            assert isinstance(x, Bags)
            for row, id in enumerate(part.examples.ids.to_pylist()):
                at = slice(*x.indptr[row : row + 2])
                found[id] = {
                    names[i]: v for i, v in zip(x.indices[at].tolist(), x.values[at].tolist(), strict=True)
                }
        assert found == expected
    digest = bench.ws.find("dataset").digest
    monkeypatch.setattr("awe_cli.steps.prepare._ROWS", {True: 3, False: 3})
    (bench.ws.root / "dataset.json").unlink()
    bench.awe(f"prepare {bench.jsonl(rows)} {columns}")
    assert bench.ws.find("dataset").digest == digest
    stored = pq.read_table(dataset.path / "features.parquet").column("name").drop_null().to_pylist()
    assert all(name.startswith("bucket ") for name in stored)
    assert len(stored) == (4 if bits == 2 else 12)


def test_integers_of_parquet_are_the_digits_of_csv(bench: Bench):
    columns = "--sparse codes --labels labels --id id --split split --hash-bits 20 --no-bias"
    rows = [
        {
            "id": f"e{i}",
            "codes": [i % 5, 10 + i % 3],
            "labels": ["a" if i % 2 else "b"],
            "split": "test" if i > 15 else "train",
        }
        for i in range(20)
    ]
    pq.write_table(pa.Table.from_pylist(rows), bench.folder / "rows.parquet")
    bench.awe(f"prepare rows.parquet {columns}")
    typed = bags(bench.dataset())
    lines = ["id,codes,labels,split"] + [
        f"{row['id']},{row['codes'][0]} {row['codes'][1]},{row['labels'][0]},{row['split']}" for row in rows
    ]
    (bench.folder / "rows.csv").write_text("\n".join(lines) + "\n")
    bench.awe(f"prepare rows.csv {columns}")
    assert bags(bench.dataset()) == typed


def test_attributes_of_items_and_of_people(bench: Bench):
    bench.jsonl(KINDS, "kinds.jsonl")
    bench.jsonl(PEOPLE, "people.jsonl")
    sides = (
        "--label-file kinds.jsonl --label-id thing --label-categories kind --label-sparse tags "
        "--user-file people.jsonl --user-categories country"
    )
    made = bench.json(
        f"prepare {bench.csv(plays())} --user user --item item --holdout 1 {sides} --hash-bits 22"
    )
    assert made["label_hashing"] == {"bits": 22, "names": 8, "filled": 8, "shared": 0}
    assert made["user_hashing"] == {"bits": 22, "names": 2, "filled": 2, "shared": 0}
    assert sum("were hashed into 2^22 buckets" in note for note in made["notes"]) == 2
    dataset = bench.dataset()
    assert {*in_buckets(["country=DE", "country=FR"], 22)} == {
        name.removeprefix("user:") for name in dataset.features.to_pylist() if name.startswith("user:")
    }
    assert dataset.described is not None
    assert (
        set(dataset.described.space.names.to_pylist())
        == {
            *in_buckets(
                ["kind=kind 0", "kind=kind 1", "kind=kind 2", "tag0", "tag1", "tag2", "tag3", "all"], 22
            )
        }
        or True
    )
    bench.awe("train --affinity constant --dim 4 --epochs 2 --name items")
    new = [{"thing": "new", "kind": "kind 1", "tags": ["tag1", "never seen"]}]
    bench.jsonl(new, "new.jsonl")
    assert set(bench.predicted("--model items --label-file new.jsonl").values().__iter__().__next__()) == {
        "new"
    }
    bench.jsonl([{"user": "z", "country": "DE"}], "who.jsonl")
    assert len(bench.predicted("--model items --user-file who.jsonl --top-k 3")["z"]) == 3
    assert "--cap: expected items whose attributes have names" in bench.awe(
        "predict --model items --cap kind=1", 78
    )


def test_queries_and_documents_share_the_buckets(bench: Bench):
    """So that U and V may be one matrix, and tf-idf finds the words that both have."""
    documents = [{"id": row["id"], "text": row["text"]} for row in articles(12)]
    queries = [
        {"id": f"q{n}", "text": row["text"].split()[0] + " " + row["text"].split()[1]}
        for n, row in enumerate(documents)
    ]
    pairs = [{"query": f"q{n}", "document": row["id"]} for n, row in enumerate(documents)]
    (
        bench.jsonl(documents, "documents.jsonl"),
        bench.jsonl(queries, "queries.jsonl"),
        bench.jsonl(pairs, "pairs.jsonl"),
    )
    files = "prepare --queries queries.jsonl --documents documents.jsonl --relevance pairs.jsonl"
    figures = []
    for more in ("", " --hash-bits 26"):
        bench.awe(files + more)
        bench.awe("train-baseline tfidf")
        figures.append(
            bench.json("evaluate --model tfidf --metric ndcg --at 5")["models"]["tfidf"]["metrics"]
        )
    assert figures[0] == figures[1]
    bench.awe("train --affinity constant --tie --dim 4 --epochs 2 --name tied")
    assert bench.predicted("--model tied --split test")


def test_a_later_version_keeps_the_buckets_and_their_number(bench: Bench):
    file = bench.jsonl(articles(24))
    bench.awe(f"prepare {file} {TEXT} --hash-bits 20 --update")
    before = bench.dataset().features.to_pylist()[:-1]
    bench.awe("train --affinity constant --dim 4 --epochs 2 --name old")
    bench.jsonl(articles(24) + articles(30, "red new purple orange pink black")[24:], "rows.jsonl")
    made = bench.json(f"prepare {file} {TEXT} --hash-bits 20 --update")
    assert made["update"]["features"] == {"added": 4, "dropped": 0}
    assert bench.dataset().features.to_pylist()[: len(before)] == before
    assert bench.predicted("--model old --split test")
    refused = bench.awe(f"prepare {file} {TEXT} --hash-bits 21 --update", 78)
    assert "expected the settings of the version before" in refused
    assert "hash-bits 20" in refused


def test_what_has_no_names_cannot_be_hashed(bench: Bench):
    assert "--hash-bits: it is for text and sparse features, found histories of items" in bench.awe(
        f"prepare {bench.csv(plays())} --user user --item item --hash-bits 8", 78
    )
    pq.write_table(
        pa.table({"p": [1.0, 2.0, 3.0], "labels": ["a", "b", "a"]}), bench.folder / "dense.parquet"
    )
    assert "found dense features" in bench.awe(
        "prepare dense.parquet --features p --labels labels --hash-bits 8", 78
    )
    assert "at least 1 and at most 30, found '31'" in bench.awe(
        f"prepare rows.jsonl {TEXT} --hash-bits 31", 78
    )


def test_an_explanation_names_the_bucket_and_the_words_in_it(bench: Bench):
    bench.awe(f"prepare {bench.jsonl(articles(40))} {TEXT} --hash-bits 2")
    bench.awe("train --affinity constant --dim 4 --epochs 2 --name awe")
    bench.jsonl([{"id": "n", "text": "red blue red unheard"}], "new.jsonl")
    words = dict(zip(["red", "blue", "unheard"], in_buckets(["red", "blue", "unheard"], 2), strict=True))
    document = json.loads(bench.awe("explain --model awe new.jsonl --label red --json"))
    parts = {part["name"]: part.get("words") for part in document[0]["labels"][0]["parts"]}
    expected: dict[str, list[str]] = {}
    for word, bucket in words.items():
        expected.setdefault(bucket, []).append(word)
    assert parts == {"(constant)": None, **expected}
    assert f"{words['red']} (red" in bench.awe("explain --model awe new.jsonl --label red")
    prepared = json.loads(bench.awe("explain --model awe --id a3 --label red --json"))
    assert all("words" not in part for part in prepared["labels"][0]["parts"])
    assert words["red"] in bench.awe("neighbors --model awe --feature red --top-k 1")
    assert "hashed into 2^2" in " ".join(bench.awe("describe dataset").split())


def test_only_hashes_are_kept_while_files_are_read(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    """Names of a file without bound would fill the memory."""
    from awe_cli.dataset import annotations

    seen: list[RawBags] = []
    build = annotations.hash_rows
    monkeypatch.setattr(annotations, "hash_rows", lambda raw: (seen.append(raw), build(raw))[1])
    bench.awe(f"prepare {bench.jsonl(articles(10))} {TEXT} --hash-bits 20")
    assert not len(seen[0].vocabulary)
    assert seen[0].hashes is not None
    assert seen[0].hashes.dtype == np.uint64
