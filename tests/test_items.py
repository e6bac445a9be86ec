"""Items and labels with attributes through the real command line: what is learned, what is ranked, every message."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from awe_cli.app import main
from awe_cli.config.prepare import PrepareSettings
from awe_cli.config.train import TrainSettings
from awe_cli.dataset.dataset import Dataset
from awe_cli.models.load import open_ranker
from awe_cli.models.store import load_state
from awe_cli.steps.prepare import prepare
from awe_cli.steps.train import train
from awe_cli.workspace import Workspace

pytestmark = pytest.mark.slow

KINDS, EACH, PEOPLE = 4, 6, 40
NEW = [100 * kind for kind in range(1, KINDS + 1)]  # in the file alone
PLAIN = 77  # chosen, and not in the file
QUICK = TrainSettings(dim=8, epochs=6, margin=0.3, learning_rate=0.1)


def items() -> list[dict[str, object]]:
    """Items of a kind share a tag; each has one of its own, and there is a new one of each kind."""
    known = [
        {"item": 10 * kind + n, "tags": [f"kind{kind}", f"own{kind}{n}"], "n": [2.0, 1.0]}
        for kind in range(1, KINDS + 1)
        for n in range(EACH)
    ]
    return known + [{"item": 100 * k, "tags": [f"kind{k}"], "n": [1.0]} for k in range(1, KINDS + 1)]


def choices() -> list[dict[str, object]]:
    """Everyone likes one kind: four items of it to learn from, one of valid, one of test."""
    rows = []
    for person in range(PEOPLE):
        kind = person % KINDS + 1
        order = np.random.default_rng(person).permutation(EACH)
        for place, n in enumerate(order):
            split = ("train", "train", "train", "train", "valid", "test")[place]
            rows.append({"person": person, "item": 10 * kind + int(n), "split": split})
        if person % 5 == 0:
            rows.append({"person": person, "item": PLAIN, "split": "train"})
    return rows


def write(path: Path, rows: list[dict[str, object]]) -> str:
    """A Parquet file of rows; its name."""
    pq.write_table(pa.Table.from_pylist(rows), path)
    return str(path)


def prepared(folder: Path, **told: Any) -> Workspace:
    """People and their items."""
    folder.mkdir(exist_ok=True)
    plays, described = write(folder / "plays.parquet", choices()), write(folder / "items.parquet", items())
    settings = {"label_file": described, "label_sparse": "tags", **told}
    ws = Workspace(folder)
    prepare(ws, [plays], PrepareSettings(user="person", item="item", split="split", **settings))
    return ws


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    ws = prepared(tmp_path_factory.mktemp("items"))
    train(ws, QUICK, name="items", threads=1)
    return ws


def opened(ws: Workspace) -> Dataset:
    stored = ws.find("dataset")
    return Dataset.open(stored.path, stored.settings)


def awe(ws: Workspace, *arguments: str) -> int:
    return main(["-w", str(ws.root), *arguments, "--quiet"])


def test_what_prepare_finds(made):
    data, summary = opened(made), opened(made).summary
    assert summary["items"] == KINDS * EACH + 1 + KINDS
    assert (summary["described"], summary["described_never_chosen"]) == (KINDS * (EACH + 1), KINDS)
    assert summary["label_features"] == KINDS + KINDS * EACH
    assert "labels without a row in" in summary["warnings"][0]
    assert ": 1; they have their identity alone" in summary["warnings"][0]
    assert data.n_label_features == summary["label_features"] + data.n_labels
    assert set(NEW) <= set(data.labels.to_pylist())
    assert data.labels.type == pa.int64()


def test_a_label_is_its_features_and_itself(made):
    data = opened(made)
    labels, names = data.labels.to_pylist(), data.described.space.names.to_pylist()

    def row(item: int) -> dict[object, float]:
        label = labels.index(item)
        span = slice(*data.y.indptr[label : label + 2])
        found = zip(data.y.indices[span], data.y.values[span], strict=True)
        return {names[i] if i < len(names) else labels[i - len(names)]: float(v) for i, v in found}

    half = pytest.approx(0.5**0.5)
    assert row(12) == {"kind1": half, "own12": half, 12: 1.0}
    assert row(PLAIN) == {PLAIN: 1.0}
    assert row(200) == {"kind2": 1.0, 200: 1.0}


def test_what_was_never_chosen_is_no_negative_and_its_identity_stays_0(made):
    data = opened(made)
    labels, width = data.labels.to_pylist(), len(data.described.space)
    examples = data.training(("train",))
    assert {labels[y] for y in examples.drawn} == {
        row["item"] for row in choices() if row["split"] == "train"
    }
    assert examples.slice(3, 5).drawn is examples.take(np.arange(2)).drawn is examples.drawn
    for fit in (("train",), ("train", "valid")):
        V = load_state(made.find("model", "items"), fit).V
        assert len(V) == width + len(labels)
        for item in NEW:
            assert not V[width + labels.index(item)].any()
        assert np.abs(V[width + labels.index(12)]).max() > 0


def kinds_first(scores: np.ndarray, labels: list[int]) -> bool:
    """Whether the new item of the person's kind is the first of the new ones, person by person."""
    best = [NEW[int(np.argmax([row[labels.index(item)] for item in NEW]))] for row in scores]
    return [item // 100 for item in best] == [person % KINDS + 1 for person in range(len(scores))]


@pytest.mark.parametrize(
    "told",
    [{}, {"affinity": "low-rank"}, {"affinity": "sigmoid"}, {"affinity": "top-k"}, {"affinity": "gaussian"},
     {"affinity": "concat"}, {"loss": "owpc"}, {"loss": "auc"}, {"loss": "regression"}],
    ids=lambda told: "-".join(told.values()) or "constant",
)  # fmt: skip
def test_models_rank_new_items_by_their_tags(made, told, request):
    """In any affinity and loss that learns at all on so little; compiled with the same bytes on two threads."""
    if told:
        request.getfixturevalue("interpreted_kernels")
    name = "m-" + "-".join(told.values())
    settings = TrainSettings(
        **{
            "dim": 8,
            "epochs": 1 if "affinity" in told else 6,
            "learning_rate": 0.1,
            **({} if told.get("loss") == "regression" else {"margin": 0.3}),
            **told,
        }
    )
    model, _ = train(made, settings, name=name, threads=1)
    files = {path.name: path.read_bytes() for path in model.path.glob("fit-*")}
    data = opened(made)
    held = data.held_out("test", ("train", "valid"))
    scores = open_ranker(made, model, data, "test").ranker.scores(held.x).score
    assert np.isfinite(scores).all()
    if not told or "loss" in told:
        assert kinds_first(scores, data.labels.to_pylist())
    again = prepared(made.root.parent / f"again-{name}")
    other, _ = train(again, settings, name=name, threads=1 if told else 2)
    assert {path.name: path.read_bytes() for path in other.path.glob("fit-*")} == files


def predicted(ws: Workspace, model: str, tmp_path: Path, *more: str) -> dict[tuple[int, Any], float]:
    """(person, item) → score, of what predict writes."""
    out = tmp_path / "out.parquet"
    assert awe(ws, "predict", "--model", model, *more, "--top-k", "100", "--output", str(out)) == 0
    return {(row["person"], row["label"]): row["score"] for row in pq.read_table(out).to_pylist()}


SUMS = {"latent-rbf": ("--lambda", "2", "--lambda-y", "3"), "rbf": ("--lambda", "2", "--lambda-y", "1")}


def retrained(ws: Workspace, affinity: str, *told: str) -> None:
    assert awe(ws, "build-affinity", "--model", "items", "--affinity", affinity, *told) == 0
    asked = ("--affinity", affinity, "--epochs", "2", "--name", affinity)
    assert awe(ws, "retrain", "--model", "items", *asked) == 0


@pytest.mark.parametrize("name", ["items", "both", *SUMS])
def test_items_of_another_file(made, name, tmp_path):
    """Items of the dataset keep their scores and stay hidden from those who have them; new ones rank by their tags."""
    if name == "both":
        train(made, replace(QUICK, epochs=3), name="other", threads=1)
        assert awe(made, "ensemble", "--model", "items,other", "--weights", "1,1", "--name", "both") == 0
    if name in SUMS:
        retrained(made, name, *SUMS[name])
    others = [{**row, "item": row["item"] + 1000} if row["item"] in NEW else row for row in reversed(items())]
    new = write(tmp_path / "new.parquet", [*others, {"item": 5000, "tags": ["unheard"], "n": [1.0]}])
    before = predicted(made, name, tmp_path)
    after = predicted(made, name, tmp_path, "--label-file", new)
    assert after == predicted(made, name, tmp_path, "--documents", new)
    if name != "both":  # an ensemble standardises over its candidates
        shared = before.keys() & after.keys()
        assert len(shared) > PEOPLE
        for pair in shared:
            assert after[pair] == pytest.approx(before[pair], rel=1e-5, abs=1e-6)
        assert {after[person, 5000] for person in range(PEOPLE)} == {0.0}
    chosen = {(row["person"], row["item"]) for row in choices() if row["split"] != "test"}
    assert not chosen & after.keys()
    assert after.keys() >= {(person, item) for person, item in before if item not in (*NEW, PLAIN)}
    for person in range(PEOPLE):
        found = {item: after[person, item + 1000] for item in NEW}
        assert max(found, key=lambda item: found[item]) // 100 == person % KINDS + 1


def test_new_people_and_new_items_together(made, tmp_path):
    people = tmp_path / "people.csv"
    people.write_text("person,item\n9,21\n9,22\n9,99999\n")
    new = tmp_path / "new.csv"
    new.write_text("item,tags\n7001,kind2\n7002,kind3\n21,kind2 own21\n")
    out = tmp_path / "out.jsonl"
    assert (
        awe(made, "predict", "--model", "items", str(people), "--label-file", str(new), "-o", str(out)) == 0
    )
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["label"] for row in rows] == ["7001", "7002"]


def test_the_chain_goes_on_from_there(made):
    assert awe(made, "build-knn", "--model", "items", "--k", "5", "--lambda", "2") == 0
    assert awe(made, "retrain", "--model", "items", "--epochs", "2", "--name", "awe") == 0
    retrained(made, "latent-rbf", *SUMS["latent-rbf"])
    retrained(made, "cluster", "--leaves", "3", "--top", "6")
    for name in ("popularity", "ease", "item-knn"):
        assert awe(made, "train-baseline", name) == 0
    assert awe(made, "ensemble", "--model", "items,awe", "--name", "sum") == 0
    models = "popularity,ease,item-knn,items,awe,latent-rbf,cluster,sum"
    assert awe(made, "evaluate", "--model", models) == 0
    assert awe(made, "neighbors", "--model", "items", "--label", "100") == 0


def test_what_knows_labels_by_themselves_says_so(made, tmp_path, capsys):
    new = write(tmp_path / "new.parquet", items())
    assert awe(made, "train-baseline", "popularity") == 0
    assert awe(made, "predict", "--model", "popularity", "--label-file", new) == 78
    assert "by their features alone, found" in " ".join(capsys.readouterr().err.split())
    for told, message in (
        (("--tie",), "--tie: expected inputs and labels with the same features"),
        (("--affinity", "overlap"), "one vocabulary"),
        (
            ("--affinity", "pair-weights", "--pairs", "pmi", "--pair-form", "add", "--fixed-pairs"),
            "items with attributes",
        ),
    ):
        assert awe(made, "train", *told) == 78
        assert message in " ".join(capsys.readouterr().err.split())


@pytest.mark.usefixtures("interpreted_kernels")
def test_pairs_of_items_and_attributes(made, tmp_path):
    """A file of item, attribute, weight: f has Σ θ_ij x_i y_j, for new items as well."""
    rows = [
        {"feature": 10 * k + n, "label": f"kind{k}", "weight": 1.0}
        for k in range(1, KINDS + 1)
        for n in range(EACH)
    ]
    pairs = write(tmp_path / "pairs.parquet", rows)
    told = (
        "--affinity",
        "pair-weights",
        "--pairs",
        pairs,
        "--pair-form",
        "add",
        "--fixed-pairs",
        "--epochs",
        "2",
    )
    assert awe(made, "train", *told, "--name", "pairs") == 0
    data = opened(made)
    held = data.held_out("test", ("train", "valid"))
    model = made.find("model", "pairs")
    assert kinds_first(
        open_ranker(made, model, data, "test").ranker.scores(held.x).score, data.labels.to_pylist()
    )


def test_without_identities(tmp_path):
    ws = prepared(tmp_path / "w", label_identity=False)
    data = opened(ws)
    assert data.n_label_features == len(data.described.space)
    assert any("; they score 0 for every example" in line for line in data.summary["warnings"])
    train(ws, QUICK, name="tags", threads=1)
    held = data.held_out("test", ("train", "valid"))
    scores = open_ranker(ws, ws.find("model", "tags"), data, "test").ranker.scores(held.x).score
    assert kinds_first(scores, data.labels.to_pylist())
    assert not scores[:, data.labels.to_pylist().index(PLAIN)].any()


@pytest.mark.parametrize(
    "told",
    [
        {"label_sparse": "tags:n"},
        {"label_text": "words", "label_sparse": None},
        {"label_features": ("p*",), "label_sparse": None},
    ],
)
def test_kinds_of_features(tmp_path, told):
    described = [
        {
            **row,
            "words": " ".join(row["tags"]),
            **{f"p{k}": float(f"kind{k}" in row["tags"]) for k in range(1, KINDS + 1)},
        }
        for row in items()
    ]
    tmp_path.mkdir(exist_ok=True)
    ws = prepared(tmp_path / "w", label_file=write(tmp_path / "more.parquet", described), **told)
    train(ws, QUICK, name="items", threads=1)
    data = opened(ws)
    held = data.held_out("test", ("train", "valid"))
    scores = open_ranker(ws, ws.find("model", "items"), data, "test").ranker.scores(held.x).score
    assert kinds_first(scores, data.labels.to_pylist())
    new = write(tmp_path / "new.parquet", described[-KINDS:])
    assert len(predicted(ws, "items", tmp_path, "--label-file", new)) == PEOPLE * KINDS
    if "label_features" in told:
        narrow = write(tmp_path / "narrow.parquet", [{"item": 1, "p1": 0.5}])
        assert awe(ws, "predict", "--model", "items", "--label-file", narrow) == 66


def test_annotation_with_label_features(tmp_path):
    """Labels of examples, described in a CSV file: text that digits of ids are read from."""
    rows = [
        {
            "id": n,
            "a": float(n % 3 == 0),
            "b": float(n % 3 == 1),
            "c": float(n % 3 == 2),
            "labels": [n % 3 + 1],
        }
        for n in range(60)
    ]
    (tmp_path / "labels.csv").write_text("label,text\n1,red warm\n2,green cold\n3,blue cold\n4,red bright\n")
    told = [
        "--features",
        "a,b,c",
        "--labels",
        "labels",
        "--id",
        "id",
        "--label-file",
        str(tmp_path / "labels.csv"),
    ]
    ws = Workspace(tmp_path / "w")
    examples = write(tmp_path / "examples.parquet", rows)
    assert awe(ws, "prepare", examples, *told) == 0
    data = opened(ws)
    assert (data.n_labels, data.labels.type) == (4, pa.int64())
    assert awe(ws, "train", "--affinity", "constant", "--epochs", "30", "--patience", "0", "--name", "m") == 0
    held = data.held_out("test", ("train", "valid"))
    scores = open_ranker(ws, ws.find("model", "m"), data, "test").ranker.scores(held.x).score
    labels = data.labels.to_pylist()
    best = [max((1, 2, 3), key=lambda y: row[labels.index(y)]) for row in scores]
    assert best == [labels[y] for y in held.positives.indices]
    red = [e for e, y in enumerate(best) if y == 1]
    assert all(scores[e][labels.index(4)] > scores[e][labels.index(3)] for e in red), "4 is red, as 1 is"
    (tmp_path / "new.csv").write_text("label,text\n8,red\n9,blue\n")
    new = tmp_path / "x.parquet"
    write(new, rows[:1])
    out = tmp_path / "out.jsonl"
    assert (
        awe(
            ws, "predict", "--model", "m", str(new), "--label-file", str(tmp_path / "new.csv"), "-o", str(out)
        )
        == 0
    )
    assert json.loads(out.read_text().splitlines()[0])["label"] == "8"


ITEM = {"item": 11, "tags": ["a"], "n": [1.0], "p": 1.0, "word": "a"}
REFUSED: dict[str, tuple[int, list[dict[str, object]] | None, str, str]] = {
    "no such column": (66, None, "--label-sparse tag", "expected a column 'tag', found item, tags, n"),
    "no such id": (66, None, "--label-sparse tags --label-id artist", "expected a column 'artist', found item"),
    "an id twice": (65, [ITEM, ITEM], "--label-sparse tags", "column 'item', row 2: expected ids that are there once"),
    "ids of nothing": (65, [{**ITEM, "item": 12345}], "--label-sparse tags", "expected labels of the data such as"),
    "ids of another type": (65, [{**ITEM, "item": "11"}], "--label-sparse tags", "'item': expected integers"),
    "no features at all": (65, [{**ITEM, "tags": []}], "--label-sparse tags", "no label has a feature that is left"),
    "rare features": (65, [ITEM], "--label-sparse tags --min-count 2", "no label has a feature that is left"),
    "no numbers": (65, [ITEM], "--label-features word", "column 'word': expected numbers or a list of them"),
    "no list": (65, [ITEM], "--label-sparse p", "column 'p': expected a list of strings or integers"),
    "no text": (65, [ITEM], "--label-text p", "column 'p'"),
    "not a number": (
        65, [ITEM, {**ITEM, "item": 12, "p": float("nan")}], "--label-features p", "row 2: expected a finite number",
    ),
    "lists of other lengths": (65, [{**ITEM, "n": [1.0, 2.0]}], "--label-sparse tags:n", "as many numbers as"),
    "no id": (65, [ITEM, {**ITEM, "item": None}], "--label-sparse tags", "column 'item', row 2"),
    "two kinds": (2, [ITEM], "--label-sparse tags --label-features p", "expected one of --label-text, --label-sparse"),
    "no kind": (2, [ITEM], "", "expected a column 'text', found item, tags"),
    "a column twice": (2, [ITEM], "--label-features item", "one column is named for two purposes"),
    "three columns": (2, [ITEM], "--label-sparse a:b:c", "--label-sparse: expected INDICES:VALUES or INDICES"),
    "standard": (78, [ITEM], "--label-sparse tags --label-scaling standard", "--label-scaling: standard is for dense"),
    "another scaling": (78, [ITEM], "--label-sparse tags --label-scaling l3", "--label-scaling"),
    "no file": (66, [], "--label-sparse tags", "items.parquet: there is no such file"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case, tmp_path, capsys):
    code, rows, more, message = REFUSED[case]
    plays, path = write(tmp_path / "plays.parquet", choices()), tmp_path / "items.parquet"
    if rows != []:
        write(path, rows or items())
    told = ["prepare", plays, "--user", "person", "--item", "item", "--label-file", str(path), *more.split()]
    found = main(["-w", str(tmp_path / "w"), *told])
    said = " ".join(capsys.readouterr().err.split())
    assert found == code, said
    assert message in said
    assert "hint: " in said
    assert not (tmp_path / "w" / "dataset.json").exists()


@pytest.mark.parametrize("option", ["--label-text a", "--label-id a", "--no-label-identity"])
def test_options_of_a_label_file_need_one(option, tmp_path, capsys):
    plays = write(tmp_path / "plays.parquet", choices())
    told = ["prepare", plays, "--user", "person", "--item", "item", *option.split()]
    assert main(["-w", str(tmp_path / "w"), *told]) == 2
    assert f"{option.split()[0]} needs --label-file" in capsys.readouterr().err
