"""Features of people beside their items: prepared, learned, used for new people, and in every kind of model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from awe_cli.app import main
from awe_cli.config.prepare import PrepareSettings
from awe_cli.config.train import TrainSettings
from awe_cli.dataset.dataset import Dataset
from awe_cli.dataset.versions import row_translation
from awe_cli.matrices.bags import beside, split_at
from awe_cli.matrices.matrix import Bags
from awe_cli.models.load import open_ranker
from awe_cli.steps.build_knn import build_knn
from awe_cli.steps.prepare import prepare
from awe_cli.steps.retrain import retrain
from awe_cli.steps.train import train
from awe_cli.workspace import Workspace

COUNTRIES, PEOPLE, EACH = 4, 160, 8  # items of a country are chosen by its people


def plays(first: int = 0) -> dict[str, list[int]]:
    """Each person chose four of the eight items of their country; items are numbers."""
    rng = np.random.default_rng(0)
    users, items = [], []
    for person in range(first, first + PEOPLE):
        chosen = rng.permutation(EACH)[:4]
        users += [person] * 4
        items += [int(100 + EACH * (person % COUNTRIES) + item) for item in chosen]
    return {"user": users, "item": items}


def people(first: int = 0, n: int = PEOPLE) -> str:
    """A row for each person; every fourth has no age."""
    rows = [f"{p},C{p % COUNTRIES},{'' if p % 7 == 0 else 'young'}" for p in range(first, first + n)]
    return "user,country,age\n" + "\n".join(rows) + "\n"


def written(folder: Path, first: int = 0) -> list[str]:
    """The interactions and the options that name the user file, which has two people without interactions."""
    pq.write_table(pa.table(plays(first)), folder / "plays.parquet")
    (folder / "users.csv").write_text(people(first, PEOPLE + 2))
    return [
        str(folder / "plays.parquet"), "--user", "user", "--item", "item",
        "--user-file", str(folder / "users.csv"), "--user-categories", "country,age",
    ]  # fmt: skip


def opened(ws: Workspace) -> Dataset:
    stored = ws.find("dataset")
    return Dataset.open(stored.path, stored.settings)


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = tmp_path_factory.mktemp("users")
    where = ["-w", str(folder / "workspace")]
    assert main([*where, "prepare", *written(folder)]) == 0
    assert main([*where, "train", "--name", "wsabie", "--dim", "8", "--epochs", "8"]) == 0
    assert main([*where, "build-knn", "--model", "wsabie", "--k", "10"]) == 0
    assert main([*where, "retrain", "--model", "wsabie", "--name", "awe", "--epochs", "2"]) == 0
    return Workspace(folder / "workspace")


def test_people_from_python(ws, tmp_path):
    """A table of new people's features, with items or without: what the command says of the files."""
    from awe_cli import Workspace as Notebook
    from awe_cli.errors import MissingInputError, SettingsError, UsageError

    model = Notebook(ws.root).model("awe")
    described = {"user": ["x", "y", "z"], "country": ["C1", "C2", "C9"], "age": ["young", "", "young"]}
    items = {"user": ["y", "y", "w"], "item": [101, 102, 103]}
    for name, table in (("users", described), ("items", items)):
        pq.write_table(pa.table(table), tmp_path / f"{name}.parquet")
    out = tmp_path / "out.parquet"
    users, plays_ = str(tmp_path / "users.parquet"), str(tmp_path / "items.parquet")
    command = ["-w", str(ws.root), "predict", "--model", "awe", "--top-k", "3", "-o", str(out)]
    assert main([*command, "--user-file", users, plays_]) == 0
    with pytest.warns(UserWarning, match="left out: 1 entries"):
        found = model.recommend(items, 3, people=described)
    expected = pq.read_table(out)
    assert found.drop_columns("score").equals(expected.drop_columns("score"))
    assert list(dict.fromkeys(found.column("user").to_pylist())) == ["y", "w", "x", "z"]
    assert main([*command, "--user-file", users]) == 0
    with pytest.warns(UserWarning, match="left out: 1 entries"):
        alone = model.recommend(people=described, top_k=3)
    assert alone.drop_columns("score").equals(pq.read_table(out).drop_columns("score"))
    assert {country_of(label) for label in alone.column("label").to_pylist()[:3]} == {1}
    ids, places = Notebook(ws.root).model("wsabie").project(people=described)
    assert (list(ids), places.shape) == (["x", "y", "z"], (3, 8))
    with pytest.raises(UsageError, match="prepared ones are named"):
        model.recommend([3], people=described)
    with pytest.raises(UsageError, match="expected a table"):
        model.recommend(people="users.csv")
    with pytest.raises(UsageError, match="found a matrix"):
        model.recommend(np.ones((1, COUNTRIES * EACH)), people=described)
    with pytest.raises(MissingInputError, match="the table of people: expected a column 'age'"):
        model.recommend(people={"user": ["x"], "country": ["C1"]})
    plain = Notebook(tmp_path / "plain")
    plain.prepare(pa.table(plays()), user="user", item="item")
    with pytest.raises(SettingsError, match="prepared without"):
        plain.train("m", dim=4, epochs=1).recommend(people=described)


def country_of(label: int) -> int:
    return (label - 100) // EACH


def test_what_is_prepared(ws):
    data = opened(ws)
    assert data.n_features == data.n_labels + COUNTRIES + 1
    assert data.features.to_pylist()[-1].startswith("user:")
    assert {"user:country=C0", "user:age=young"} <= set(data.features.to_pylist())
    assert (data.summary["people"], data.summary["described_people"], data.summary["user_features"]) == (
        162,
        162,
        5,
    )
    examples = data.training()
    assert len(examples) == PEOPLE, "who chose nothing is no training example"
    for e in (0, 1, 7):
        row = slice(*examples.x.indptr[e : e + 2])
        own = slice(*examples.positives.indptr[e : e + 2])
        items = examples.positives.indices[own]
        np.testing.assert_array_equal(examples.x.indices[row][: len(items)], items)
        values = examples.x.values[row]
        assert np.linalg.norm(values[: len(items)]) == pytest.approx(1), "items are scaled by themselves"
        assert np.linalg.norm(values[len(items) :]) == pytest.approx(1), "and so are features"
    held = data.held_out("test")
    assert held.seen.indices.max() < data.n_labels


@pytest.mark.parametrize("model", ["wsabie", "awe"])
def test_new_people_are_ranked_for_by_their_features_alone(ws, model, tmp_path):
    (tmp_path / "new.csv").write_text("user,country,age\nann,C2,young\nbob,C0,\neve,,\nzed,Nowhere,\n")
    target = tmp_path / "out.csv"
    command = ["-w", str(ws.root), "predict", "--model", model, "--user-file", str(tmp_path / "new.csv")]
    assert main([*command, "--top-k", "4", "--output", str(target)]) == 0
    rows = [line.split(",") for line in target.read_text().splitlines()[1:]]
    by_person = {p: [int(row[1]) for row in rows if row[0] == p] for p in ("ann", "bob", "eve", "zed")}
    assert [country_of(label) for label in by_person["ann"]] == [2] * 4
    assert [country_of(label) for label in by_person["bob"]] == [0] * 4
    fallback = {row[0]: row[-1] for row in rows}
    assert fallback == {"ann": "False", "bob": "False", "eve": "True", "zed": "True"}


def test_items_and_features_of_new_people_are_joined(ws, tmp_path):
    (tmp_path / "items.csv").write_text("user,item\nbob,100\nbob,101\ncy,116\n")
    (tmp_path / "new.csv").write_text("user,country,age\nann,C2,young\nbob,C0,\n")
    target = tmp_path / "out.jsonl"
    command = ["-w", str(ws.root), "predict", "--model", "wsabie", str(tmp_path / "items.csv")]
    command += ["--user-file", str(tmp_path / "new.csv"), "--top-k", "6", "--output", str(target)]
    assert main(command) == 0
    rows = [json.loads(line) for line in target.read_text().splitlines()]
    assert list(dict.fromkeys(row["user"] for row in rows)) == ["bob", "cy", "ann"], (
        "the input's order, then the others"
    )
    bob = [row["label"] for row in rows if row["user"] == "bob"]
    assert {country_of(label) for label in bob} == {0}
    assert not {100, 101} & set(bob)


def test_everyone_is_ranked_for_and_nothing_that_they_have(ws, tmp_path):
    target = tmp_path / "all.parquet"
    assert (
        main(["-w", str(ws.root), "predict", "--model", "awe", "--top-k", "3", "--output", str(target)]) == 0
    )
    rows = pq.read_table(target).to_pydict()
    has = set(zip(plays()["user"], plays()["item"], strict=True))
    assert not has & set(zip(rows["user"], rows["label"], strict=True))
    idle = {
        u: [country_of(y) for who, y in zip(rows["user"], rows["label"], strict=True) if who == u]
        for u in (160, 161)
    }
    assert idle == {160: [0, 0, 0], 161: [1, 1, 1]}


def test_attributes_help_where_histories_are_short(ws, tmp_path):
    """With one item each in train, half of the countries' items are never seen together with it."""
    where = ["-w", str(tmp_path / "w")]
    table = pa.table({**plays(), "split": ["train", "test", "test", "test"] * PEOPLE})
    pq.write_table(table, tmp_path / "plays.parquet")
    (tmp_path / "users.csv").write_text(people())
    command = ["prepare", str(tmp_path / "plays.parquet"), "--user", "user", "--item", "item", "--split", "split",
               "--user-file", str(tmp_path / "users.csv"), "--user-categories", "country",
               "--valid-fraction", "0"]  # fmt: skip
    assert main([*where, *command]) == 0
    assert main([*where, "train", "--name", "m", "--dim", "8", "--epochs", "10"]) == 0
    data = opened(Workspace(tmp_path / "w"))
    opened_model = open_ranker(
        Workspace(tmp_path / "w"), Workspace(tmp_path / "w").find("model", "m"), data, "test"
    )
    held = data.held_out("test")
    best = np.argsort(-opened_model.ranker.scores(held.x).score, axis=1)[:, :8]
    names = np.array(data.labels.to_pylist())
    right = [
        (country_of(names[row]) == person % COUNTRIES).mean()
        for row, person in zip(best, held.ids.to_pylist(), strict=True)
    ]
    assert np.mean(right) > 0.9


BASELINES = ["popularity", "item-knn", "input-knn", "ease", "svd", "nmf", "ials", "one-vs-rest", "linear-svm"]


@pytest.mark.parametrize("method", BASELINES)
def test_baselines_see_items_alone(ws, method, capsys):
    where = ["-w", str(ws.root)]
    assert main([*where, "train-baseline", method]) == 0
    data = opened(ws)
    found = open_ranker(ws, ws.find("model", method), data, "test").ranker
    x = data.held_out("test").x
    items, features = split_at(x, data.n_labels)
    np.testing.assert_array_equal(
        found.scores(x).score,
        found.scores(beside(items, features._replace(values=0 * features.values), data.n_labels)).score,
    )
    assert main([*where, "evaluate", "--model", method, "--at", "5"]) == 0


def test_ensembles_neighbors_and_the_knn_baseline(ws, capsys):
    where = ["-w", str(ws.root)]
    assert main([*where, "train-baseline", "knn", "--neighbors", "wsabie", "--name", "emb-knn"]) == 0
    assert main([*where, "train-baseline", "popularity"]) == 0
    assert main([*where, "ensemble", "--model", "wsabie,emb-knn,popularity", "--name", "all"]) == 0
    assert main([*where, "evaluate", "--model", "all,wsabie", "--at", "5"]) == 0
    capsys.readouterr()
    asked = ["neighbors", "--model", "wsabie", "--of", "features", "--feature", "user:country=C1", "--json"]
    assert main([*where, *asked]) == 0
    near = json.loads(capsys.readouterr().out)["features"][0]["neighbors"][:4]
    assert {country_of(int(entry["feature"])) for entry in near if entry["feature"].isdigit()} == {1}


@pytest.mark.parametrize("affinity", ["sigmoid", "max", "gaussian", "low-rank", "pair-weights", "mix"])
def test_other_affinities(ws, affinity, interpreted_kernels):
    more = {"mix": ("constant:0.5", "sigmoid:0.5")} if affinity == "mix" else {}
    settings = TrainSettings(affinity=affinity, dim=4, epochs=1, **more)
    model, _ = train(ws, settings, name=f"of-{affinity}", threads=1)
    data = opened(ws)
    assert np.isfinite(
        open_ranker(ws, model, data, "test").ranker.scores(data.held_out("test").x).score
    ).all()


def test_a_model_of_yesterday_ranks_today(tmp_path, capsys):
    where = ["-w", str(tmp_path / "w")]
    assert main([*where, "prepare", *written(tmp_path)]) == 0
    assert main([*where, "train", "--name", "m", "--dim", "8", "--epochs", "6"]) == 0
    before = opened(Workspace(tmp_path / "w"))
    with (tmp_path / "users.csv").open("a") as file:
        file.write("500,C9,old\n501,C3,young\n")
    table = pa.table({"user": [*plays()["user"], 500], "item": [*plays()["item"], 999]})
    pq.write_table(table, tmp_path / "plays.parquet")
    command = ["prepare", str(tmp_path / "plays.parquet"), "--user", "user", "--item", "item", "--update",
               "--user-file", str(tmp_path / "users.csv"), "--user-categories", "country,age"]  # fmt: skip
    assert main([*where, *command]) == 0
    after = opened(Workspace(tmp_path / "w"))
    assert after.summary["update"]["user features"]["added"] == 2
    translate = row_translation(after, before)
    moved = translate(after.held_out("test").x)
    assert isinstance(moved, Bags)
    np.testing.assert_array_equal(moved.indices, before.held_out("test").x.indices)
    np.testing.assert_allclose(moved.values, before.held_out("test").x.values, rtol=1e-6)
    assert main([*where, "predict", "--model", "m", "--id", "501", "--top-k", "4", "--output", "-"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [country_of(row["label"]) for row in rows] == [3] * 4
    assert main([*where, "train", "--start", "m", "--name", "m2", "--epochs", "2"]) == 0


def test_numeric_features_of_people(tmp_path):
    where = ["-w", str(tmp_path / "w")]
    pq.write_table(pa.table(plays()), tmp_path / "plays.parquet")
    rng = np.random.default_rng(1)
    rows = {"id": list(range(PEOPLE)), "a": rng.normal(size=PEOPLE), "b": [p % 4 for p in range(PEOPLE)]}
    pq.write_table(pa.table(rows), tmp_path / "users.parquet")
    command = ["prepare", str(tmp_path / "plays.parquet"), "--user", "user", "--item", "item",
               "--user-file", str(tmp_path / "users.parquet"), "--user-features", "a,b"]  # fmt: skip
    assert main([*where, *command]) == 0
    data = opened(Workspace(tmp_path / "w"))
    assert data.features.to_pylist()[-2:] == ["user:a", "user:b"]
    assert main([*where, "train", "--name", "m", "--dim", "4", "--epochs", "1"]) == 0
    pq.write_table(pa.table({"id": [900], "a": [0.5], "b": [3]}), tmp_path / "new.parquet")
    assert (
        main(
            [*where, "predict", "--model", "m", "--user-file", str(tmp_path / "new.parquet"), "--output", "-"]
        )
        == 0
    )


REFUSED = {
    "options without the file": (2, ["--user-categories", "country"], "needs --user-file"),
    "no such file": (66, ["--user-file", "nobody.csv"], "nobody.csv"),
    "no such column": (66, ["--user-file", "{users}", "--user-categories", "contry"], "country"),
    "nobody known": (65, ["--user-file", "{others}", "--user-categories", "country"], "--user-id"),
    "twice": (65, ["--user-file", "{twice}", "--user-categories", "country"], "there once"),
    "no feature": (65, ["--user-file", "{blank}", "--user-categories", "country"], "no person has a feature"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_one_clear_message(tmp_path, capsys, case):
    code, options, words = REFUSED[case]
    written(tmp_path)
    (tmp_path / "others.csv").write_text(people(5000, 3))
    (tmp_path / "twice.csv").write_text(people(0, 3) + "1,C2,\n")
    (tmp_path / "blank.csv").write_text("user,country\n0,\n1,\n")
    options = [option.format(**{name: tmp_path / f"{name}.csv" for name in ("users", "others", "twice", "blank")})
               for option in options]  # fmt: skip
    command = [
        "-w",
        str(tmp_path / "w"),
        "prepare",
        str(tmp_path / "plays.parquet"),
        "--user",
        "user",
        "--item",
        "item",
    ]
    assert main([*command, *options]) == code
    said = " ".join(capsys.readouterr().err.split())
    assert words in said
    assert "Traceback" not in said


def test_a_user_file_without_use_is_refused(tmp_path, capsys):
    pq.write_table(pa.table(plays()), tmp_path / "plays.parquet")
    (tmp_path / "new.csv").write_text(people(0, 2))
    where = ["-w", str(tmp_path / "w")]
    ws = Workspace(tmp_path / "w")
    prepare(ws, [str(tmp_path / "plays.parquet")], PrepareSettings(user="user", item="item"))
    train(ws, TrainSettings(dim=4, epochs=1), name="m", threads=1)
    assert main([*where, "predict", "--model", "m", "--user-file", str(tmp_path / "new.csv")]) == 78
    assert "prepared without" in capsys.readouterr().err


def test_neighbors_do_not_know_the_item_that_is_learned(ws):
    """G of a training example is the same whatever place a left-out item has; its features stay in each query."""
    build_knn(ws, "wsabie")
    retrain(ws, "wsabie", name="again")
    assert ws.find("model", "again").settings["model_type"] == "embedding"


@pytest.mark.parametrize("affinity", ["rbf", "latent-rbf", "cluster"])
def test_built_affinities(ws, affinity):
    where = ["-w", str(ws.root)]
    assert main([*where, "build-affinity", "--affinity", affinity, "--model", "wsabie"]) == 0
    name = f"re-{affinity}"
    assert (
        main(
            [*where, "retrain", "--model", "wsabie", "--affinity", affinity, "--name", name, "--epochs", "1"]
        )
        == 0
    )
    data = opened(ws)
    x = data.held_out("test").x
    assert np.isfinite(open_ranker(ws, ws.find("model", name), data, "test").ranker.scores(x).score).all()


def test_strata_count_items(ws, capsys):
    command = [
        "-w",
        str(ws.root),
        "evaluate",
        "--model",
        "wsabie",
        "--at",
        "5",
        "--by",
        "history-length",
        "--json",
    ]
    capsys.readouterr()
    assert main(command) == 0
    strata = json.dumps(json.loads(capsys.readouterr().out), ensure_ascii=False)
    found = {name for name in ("1–2", "3–9", "10–29") if f'"{name}"' in strata}
    assert found <= {"1–2", "3–9"}, "at most four items are the history, and features are no items"
    assert found
