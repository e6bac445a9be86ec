"""The next version of a dataset, and what models of the version before still do."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from awe_cli.app import main
from awe_cli.dataset.dataset import Dataset
from awe_cli.models.store import open_dataset
from awe_cli.workspace import Workspace

PEOPLE = "--user user --item item --holdout 2"
TINY = "--affinity constant --dim 4 --margin 0.3"
NEW = [("u0", "new", 1, 0), ("n1", "i1", 1, 0), ("n1", "i2", 1, 0), ("n1", "new", 1, 0), ("n1", "i5", 1, 0)]


def plays(people: int = 24, items: int = 12, each: int = 6) -> list[tuple[str, str, int, int]]:
    """Rows (user, item, weight, time)."""
    draw = random.Random(1)
    return [
        (f"u{u}", f"i{i}", draw.randint(1, 9), 1_600_000_000 + 86_400 * i)
        for u in range(people)
        for i in draw.sample(range(items), each)
    ]


def articles(n: int = 24, words: str = "red green blue old new big small") -> list[dict[str, Any]]:
    """Examples with an id, a text and labels, which are words of the text."""
    draw = random.Random(2)
    picked = [draw.sample(words.split(), 3) for _ in range(n)]
    return [{"id": f"a{i}", "text": " ".join(of), "labels": of[:2]} for i, of in enumerate(picked)]


class Bench:
    """A workspace and the folder of its input."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys = folder, capsys
        self.ws = Workspace(folder / "workspace")

    def awe(self, line: str, code: int = 0) -> str:
        """Run a command; what it printed. Words that name a file of the folder become its path."""
        words = [str(self.folder / word) if (self.folder / word).is_file() else word for word in line.split()]
        self.capsys.readouterr()
        found = main([words[0], "--workspace", str(self.ws.root), *words[1:]])
        out, err = self.capsys.readouterr()
        assert found == code, err
        return out + err

    def json(self, line: str) -> dict[str, Any]:
        """The document that --json prints."""
        words = self.awe(f"{line} --json -q")
        return json.loads(words[words.index("{") : words.rindex("}") + 1])

    def csv(self, rows: list[tuple], name: str = "plays.csv", header: str = "user,item,weight,time") -> str:
        """Write rows as a file; its name."""
        lines = [header, *(",".join(map(str, row)) for row in rows)]
        (self.folder / name).write_text("\n".join(lines) + "\n")
        return name

    def jsonl(self, rows: list[dict[str, Any]], name: str = "rows.jsonl") -> str:
        """Write rows as a file; its name."""
        (self.folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
        return name

    def dataset(self) -> Dataset:
        """The dataset there is."""
        return open_dataset(self.ws.find("dataset"))

    def splits(self) -> dict[tuple[Any, Any], str]:
        """(id, label) → its split; of examples with None in the place of the label."""
        found, dataset = {}, self.dataset()
        labels = dataset.labels.to_pylist()
        for row in pq.read_table(dataset.path / "examples.parquet").to_pylist():
            if "split" in row:
                found[row["id"], None] = row["split"]
            for split in ("train", "valid", "test") if "train" in row else ():
                found |= {(row["id"], labels[item]): split for item in row[split]}
        return found

    def predicted(self, line: str) -> dict[Any, list[Any]]:
        """id → the labels predicted for it."""
        self.awe(f"predict {line} --output {self.folder / 'out.parquet'} -q")
        found: dict[Any, list[Any]] = {}
        for row in pq.read_table(self.folder / "out.parquet").to_pylist():
            found.setdefault(next(iter(row.values())), []).append(row["label"])
        return found


@pytest.fixture
def bench(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Bench:
    return Bench(tmp_path, capsys)


@pytest.mark.parametrize(
    "rule", ["--holdout 2", "--holdout-last 2 --time time", "--test-fraction 0.3", "--valid-fraction 0"]
)
def test_old_rows_keep_their_split_and_labels_their_index(bench: Bench, rule: str) -> None:
    settings = f"--user user --item item {rule}"
    first = bench.json(f"prepare {bench.csv(plays())} {settings} --update")
    assert first["update"] == {"previous": None, "version": 1}
    assert any("no version before" in note for note in first["notes"])
    splits, labels = bench.splits(), bench.dataset().labels.to_pylist()
    more = [(f"u{u}", "hit", 1, 1_700_000_000) for u in range(20)]
    summary = bench.json(f"prepare {bench.csv(plays() + more + NEW)} {settings} --update")
    later = bench.splits()
    assert {pair: later[pair] for pair in splits} == splits
    assert bench.dataset().labels.to_pylist()[: len(labels)] == labels
    assert summary["update"]["people"] == {"added": 1, "dropped": 0, "changed": 20}
    assert summary["update"]["items"] == {"added": 2, "dropped": 0}
    assert summary["update"]["interactions"] == {"added": 25, "dropped": 0}
    assert {split for (person, _), split in later.items() if person == "n1"} > {"train"}


def test_an_equal_file_is_up_to_date_and_lineage_is_kept(bench: Bench) -> None:
    bench.awe(f"prepare {bench.csv(plays())} {PEOPLE} -q")
    first = bench.ws.find("dataset")
    assert bench.json(f"prepare plays.csv {PEOPLE} --update")["made"] is False
    second = bench.json(f"prepare {bench.csv(plays() + NEW)} {PEOPLE} --update")
    assert second["made"] is True
    assert bench.json(f"prepare plays.csv {PEOPLE} --update")["dataset"] == second["dataset"]
    bench.awe(f"prepare {bench.csv(plays() + NEW[:3])} {PEOPLE} --update -q")
    lineage = bench.ws.find("dataset").settings["lineage"]
    assert lineage == {"first": first.digest, "previous": second["dataset"], "version": 3}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ("--user user --item item --holdout 3", "split"),
        ("--user item --item user --holdout 2", "column user"),
        ("--user user --item item --weight weight --holdout 2", "column weight"),
        ("--features weight --labels item --id user", "task"),
    ],
)
def test_other_settings_are_refused(bench: Bench, settings: str, says: str) -> None:
    bench.awe(f"prepare {bench.csv(plays())} {PEOPLE} -q")
    told = bench.awe(f"prepare {bench.csv(plays() + NEW)} {settings} --update", code=78)
    assert re.search(f"expected the settings of the version before, with {says}:? ", told)


def test_a_file_of_additions_alone_is_warned_of(bench: Bench) -> None:
    bench.awe(f"prepare {bench.csv(plays())} {PEOPLE} -q")
    told = bench.awe(f"prepare {bench.csv(NEW)} {PEOPLE} --update")
    assert "the files must hold all of the data" in told


def test_a_split_column_does_not_move_old_rows(bench: Bench) -> None:
    rows = [(user, item, "test" if n % 3 == 0 else "train") for n, (user, item, *_) in enumerate(plays())]
    settings = "--user user --item item --split split --update"
    bench.awe(f"prepare {bench.csv(rows, header='user,item,split')} {settings} -q")
    before = bench.splits()
    moved = [(user, item, "train") for user, item, _ in rows]
    summary = bench.json(f"prepare {bench.csv(moved, header='user,item,split')} {settings}")
    assert bench.splits() == before
    assert summary["update"]["splits_kept"] == 48


def test_a_model_of_the_version_before_ranks_what_it_knows(bench: Bench) -> None:
    bench.awe(f"prepare {bench.csv(plays())} {PEOPLE} -q")
    for method in ("popularity", "item-knn", "ease"):
        bench.awe(f"train-baseline {method} -q")
    bench.awe("ensemble --model popularity,ease --name both -q")
    bench.csv([("x", "i3"), ("x", "i7")], "new.csv", "user,item")
    before = {model: bench.predicted(f"--model {model} new.csv") for model in ("item-knn", "ease", "both")}
    gone = [row for row in plays() if row[1] not in ("i0", "i11")]
    bench.awe(f"prepare {bench.csv(gone + NEW)} {PEOPLE} --update -q")
    for model, was in before.items():
        now = bench.predicted(f"--model {model} new.csv")
        assert now["x"] == [item for item in was["x"] if item not in ("i0", "i11")]
    assert "never recommended by it: 1 " in bench.awe("predict --model ease new.csv --output -")
    bench.awe("train-baseline popularity --name tonight -q")
    bench.awe("ensemble --model ease,tonight --name mixed -q")
    assert "new" in bench.predicted("--model mixed new.csv --top-k 20")["x"]
    document = bench.json("evaluate --model ease,both,tonight,mixed --metric ndcg@5 --by label-frequency")
    assert document["models"]["ease"]["unscored_labels"] == 1
    assert "unscored_labels" not in document["models"]["tonight"]
    assert any("ranked last by it: 1" in line for line in document["warnings"])
    bench.awe("evaluate --model ease,tonight --no-worse ndcg@20 --require ndcg@20>=0.99", code=79)


def test_a_new_label_is_ranked_last_by_an_earlier_model(bench: Bench) -> None:
    rows = [(f"u{u}", f"i{i}", "train") for u in range(6) for i in range(4) if (u + i) % 3]
    settings = "--user user --item item --split split --valid-fraction 0 --update"
    bench.awe(f"prepare {bench.csv(rows, header='user,item,split')} {settings} -q")
    bench.awe("train-baseline popularity -q")
    later = [*rows, ("u0", "z", "test")]
    bench.awe(f"prepare {bench.csv(later, header='user,item,split')} {settings} -q")
    n = 5 - sum(user == "u0" for user, *_ in rows)
    found = bench.json("evaluate --model popularity --metric mean-rank --per-example")
    assert found["models"]["popularity"]["metrics"]["mean-rank"] == n


def test_unrelated_datasets_stay_apart(bench: Bench) -> None:
    bench.awe(f"prepare {bench.csv(plays())} {PEOPLE} -q")
    bench.awe("train-baseline popularity -q")
    bench.awe(f"prepare {bench.csv(plays() + NEW)} {PEOPLE} -q")
    assert "no later version" in bench.awe("predict --model popularity --output -", code=65)


def test_ids_that_become_text_are_the_same_ids(bench: Bench) -> None:
    rows = [{"user": user, "item": int(item[1:])} for user, item, *_ in plays()]
    bench.awe(f"prepare {bench.jsonl(rows)} {PEOPLE} -q")
    before = {(user, str(item)): split for (user, item), split in bench.splits().items()}
    bench.awe("train-baseline popularity -q")
    was = bench.predicted("--model popularity --split test")
    as_text = [{**row, "item": str(row["item"])} for row in rows]
    summary = bench.json(
        f"prepare {bench.jsonl([*as_text, {'user': 'u0', 'item': 'brand-new'}])} {PEOPLE} --update"
    )
    assert summary["update"]["items"] == {"added": 1, "dropped": 0}
    assert {pair: bench.splits()[pair] for pair in before} == before
    now = bench.predicted("--model popularity --split test")
    assert now == {person: [str(item) for item in items] for person, items in was.items()}


@pytest.fixture
def nights(bench: Bench) -> Bench:
    """A model of the first night, and the dataset of the third."""
    bench.awe(f"prepare {bench.csv(plays())} {PEOPLE} -q")
    bench.awe(f"train {TINY} --epochs 3 --name yesterday -q")
    bench.awe(f"prepare {bench.csv(plays() + NEW[:1])} {PEOPLE} --update -q")
    bench.awe(f"prepare {bench.csv(plays() + NEW)} {PEOPLE} --update -q")
    return bench


def state(bench: Bench, model: str, fit: str = "train") -> dict[str, Any]:
    """The arrays of a fit."""
    with np.load(bench.ws.find("model", model).file(f"fit-{fit}.npz")) as arrays:
        return dict(arrays)


def test_a_start_of_an_earlier_version_grows_and_keeps_adagrad(nights: Bench) -> None:
    labels = nights.dataset().labels.to_pylist()
    nights.awe(f"train {TINY} --start yesterday --epochs 1 --name tonight -q")
    before, after = state(nights, "yesterday"), state(nights, "tonight")
    assert after["V"].shape == (13, 4)
    assert (after["v_history"][:12] >= before["v_history"]).all()
    assert after["v_history"][12] < before["v_history"].min()
    nights.awe(f"train {TINY} --start yesterday --epochs 1 --name again --threads 1 -q")
    assert nights.ws.find("model", "again").digest == nights.ws.find("model", "tonight").digest
    told = nights.awe("neighbors --model yesterday --label new", code=66)
    assert "came to the dataset after it was trained" in told
    nights.awe("neighbors --model tonight --label new -q")
    nearest = nights.json("neighbors --model yesterday --label i1")["labels"][0]["neighbors"]
    assert {entry["label"] for entry in nearest} <= set(labels)
    for command in ("build-knn --model yesterday", "retrain --model yesterday"):
        assert "--start yesterday" in nights.awe(command, code=65)
    assert nights.awe("evaluate --model yesterday,tonight --metric ndcg@5 -q")


def test_a_retrained_model_goes_on_too(nights: Bench) -> None:
    nights.awe("gc -q")
    nights.awe(f"train {TINY} --start yesterday --epochs 1 --name base -q")
    nights.awe("build-knn --model base --k 3 --lambda 1 -q")
    nights.awe("retrain --model base --start yesterday --epochs 1 --power 1 --name awe -q")
    nights.awe("train-baseline knn --neighbors base -q")
    nights.awe(f"prepare {nights.csv(plays() + NEW + [('n2', 'later', 1, 0)])} {PEOPLE} --update -q")
    assert nights.predicted("--model awe --top-k 3")
    assert nights.predicted("--model knn --top-k 3")
    nights.awe("train-baseline knn --neighbors base --name again", code=65)
    nights.awe("retrain --model awe --start base --cold", code=65)


def text_settings(**more: str) -> str:
    return "--text text --labels labels --id id --min-count 1 --test-fraction 0.3 --stop-words none --update"


def test_annotations_grow_by_labels_and_words(bench: Bench) -> None:
    first = articles()
    bench.awe(f"prepare {bench.jsonl(first)} {text_settings()} -q")
    before, labels, features = bench.splits(), *names(bench)
    bench.awe("train-baseline popularity -q")
    bench.awe("train-baseline input-knn -q")
    was = bench.predicted("--model input-knn rows.jsonl --top-k 3")
    more = [{"id": f"b{i}", "text": f"purple word{i} red old", "labels": ["purple", "old"]} for i in range(8)]
    changed = [{**first[0], "labels": ["purple"]}, *first[1:]]
    summary = bench.json(f"prepare {bench.jsonl(changed + more)} {text_settings()}")
    assert {key: bench.splits()[key] for key in before} == before
    assert summary["update"]["examples"] == {"added": 8, "dropped": 0, "changed": 1}
    assert summary["update"]["labels"] == {"added": 1, "dropped": 0}
    assert names(bench)[0][: len(labels)] == labels
    kept = [word for word in names(bench)[1][:-1] if word in features]
    assert kept == [word for word in features[:-1] if word in kept]
    assert names(bench)[1][-1] is None
    bench.jsonl(first)
    assert bench.predicted("--model input-knn rows.jsonl --top-k 3") == was
    assert bench.json("evaluate --model popularity,input-knn --metric ndcg@3")["n_labels"] == len(labels) + 1


def names(bench: Bench) -> tuple[list[Any], list[Any]]:
    """Labels and features of the dataset."""
    return bench.dataset().labels.to_pylist(), bench.dataset().features.to_pylist()


def test_annotations_without_ids_keep_their_split_by_content(bench: Bench) -> None:
    rows = [{"text": row["text"] + f" w{i}", "labels": row["labels"]} for i, row in enumerate(articles(60))]
    settings = text_settings().replace("--id id ", "")
    bench.awe(f"prepare {bench.jsonl(rows)} {settings} -q")
    before = [bench.splits()[n + 1, None] for n in range(60)]
    more = [{"text": f"extra e{i} red", "labels": ["red"]} for i in range(25)]
    bench.awe(f"prepare {bench.jsonl(rows + more)} {settings} -q")
    assert [bench.splits()[n + 1, None] for n in range(60)] == before
    assert {bench.splits()[n + 61, None] for n in range(25)} >= {"train", "test"}


def dense(n: int, columns: int = 3, shift: float = 0.0) -> list[dict[str, Any]]:
    """Examples with a list of numbers."""
    draw = np.random.default_rng(3)
    return [
        {"id": i, "x": (draw.normal(size=columns) + shift * (i >= 20)).tolist(), "labels": [f"l{i % 3}"]}
        for i in range(n)
    ]


def test_dense_features_are_standardised_as_the_model_knows_them(bench: Bench) -> None:
    settings = "--features x --labels labels --id id --test-fraction 0.3 --update"
    bench.awe(f"prepare {bench.jsonl(dense(20))} {settings} -q")
    bench.awe("train-baseline input-knn -q")
    was = bench.predicted("--model input-knn rows.jsonl")
    bench.awe(f"prepare {bench.jsonl(dense(40, shift=9.0))} {settings} -q")
    bench.jsonl(dense(20))
    assert bench.predicted("--model input-knn rows.jsonl") == was
    told = bench.awe(f"prepare {bench.jsonl(dense(20, 4))} {settings}", code=65)
    assert "expected the 3 numeric features" in told


def test_half_life_halves_weights_whatever_the_unit_of_time(bench: Bench) -> None:
    found = []
    for unit in (1, 1000, 10**6, None):
        rows = [
            (f"u{u}", f"i{i}", 4, t * unit if unit else f"2020-09-{13 + i:02d}T12:26:40")
            for u in range(4)
            for i in range(8)
            for t in [1_600_000_000 + 86_400 * i]
        ]
        settings = (
            "--user user --item item --weight weight --time time --valid-fraction 0 --test-fraction 0.2"
        )
        bench.awe(f"prepare {bench.csv(rows)} {settings} --half-life 2 -q")
        table = pq.read_table(bench.dataset().path / "examples.parquet").to_pylist()
        labels = bench.dataset().labels.to_pylist()
        found.append(
            {labels[i]: w for r in table for i, w in zip(r["train"], r["train_weights"], strict=True)}
        )
    expected = {f"i{i}": pytest.approx(4 * 2 ** (-(7 - i) / 2)) for i in range(8)}
    assert found == [expected] * 4
    bench.awe("prepare plays.csv --user user --item item --half-life 2", code=2)
    bench.awe(
        "prepare plays.csv --user user --item item --time time --half-life 2 --weight-transform binary",
        code=78,
    )
