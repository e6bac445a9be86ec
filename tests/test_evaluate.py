from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from awe_cli.config.evaluate import EvaluateSettings
from awe_cli.errors import DataError, MissingInputError, SettingsError, UsageError
from awe_cli.evaluation import held_out
from awe_cli.matrices.matrix import n_rows
from awe_cli.models import load
from awe_cli.ranking.ranker import Scores
from awe_cli.report.tables import comparison, verdict
from awe_cli.steps.evaluate import default_name, evaluate
from awe_cli.steps.train_baseline import train_baseline
from awe_cli.workspace import Recipe
from tests.small import annotation, recommendation


@pytest.fixture
def ws(tmp_path):
    ws = recommendation(tmp_path / "ws")
    train_baseline(ws, "popularity")
    return ws


class Constant:
    """Scores each label by a fixed number."""

    def __init__(self, row):
        self.row = np.array(row, dtype=np.float32)
        self.n_labels = len(row)

    def scores(self, x):
        return Scores(np.tile(self.row, (n_rows(x), 1)), None)


@pytest.fixture
def add_model(ws, monkeypatch):
    """Store a model that scores labels by a fixed row."""

    def add(name, row, fits=(("train",), ("train", "valid")), to=ws):
        monkeypatch.setitem(load.LOADERS, "constant", lambda ws, model, *_: Constant(model.settings["row"]))
        settings = {"model_type": "constant", "row": row, "fits": [list(fit) for fit in fits]}
        recipe = Recipe("model", 1, settings, {"dataset": to.find("dataset").digest})
        with to.stage("model", recipe) as staging:
            staging.file("empty").touch()
            return staging.publish(name)

    return add


def metrics_of(document, name="popularity"):
    return document["models"][name]["metrics"]


def test_popularity_by_hand(ws):
    """On test, with train and valid fitted: counts 3, 2, 2, 1, 0.

    10 has seen a, b, c and wants d, e: ranks 1, 2. 11 has seen a, b, c and wants e: rank 2 behind d.
    13 has seen nothing and wants a: rank 1.
    """
    document, _, fresh = evaluate(ws, ["popularity"], EvaluateSettings(at=(1, 2)))
    assert fresh
    assert document["n_examples"] == 3
    assert metrics_of(document) == pytest.approx(
        {
            "precision@1": (1 + 0 + 1) / 3,
            "precision@2": (2 / 2 + 1 / 2 + 1 / 2) / 3,
            "recall@1": (1 / 2 + 0 + 1) / 3,
            "recall@2": 1.0,
            "ndcg@1": (1 + 0 + 1) / 3,
            "ndcg@2": (1 + 1 / math.log2(3) + 1) / 3,
            "map": (1 + 1 / 2 + 1) / 3,
            "mrr": (1 + 1 / 2 + 1) / 3,
            "coverage@1": 2 / 5,  # d for 10 and 11, a for 13
            "coverage@2": 4 / 5,  # d and e, a and b
        }
    )


def test_valid_is_judged_by_the_fit_on_train(ws):
    """10 has seen a, b and wants c: rank 1. 12 has seen a and wants d, behind b and c: rank 3."""
    document, _, _ = evaluate(ws, ["popularity"], EvaluateSettings(split="valid", metric=("mrr",)))
    assert metrics_of(document) == pytest.approx({"mrr": (1 + 1 / 3) / 2})
    assert document["models"]["popularity"]["fit_on"] == ["train"]


def test_json_has_the_promised_shape_and_is_stored(ws):
    document, artifact, _ = evaluate(ws, ["popularity"])
    assert {"dataset", "split", "n_examples", "models"} <= set(document)
    assert document["dataset"] == ws.find("dataset").digest
    assert artifact.name == "popularity-test"
    assert json.loads(artifact.file("metrics.json").read_text()) == document
    assert artifact.parents["dataset"] == ws.find("dataset").digest


def test_a_second_run_is_up_to_date(ws, monkeypatch):
    document, artifact, _ = evaluate(ws, ["popularity"])
    monkeypatch.setattr(held_out, "map_blocks", None)
    again, same, fresh = evaluate(ws, ["popularity"])
    assert not fresh
    assert (again, same.digest) == (document, artifact.digest)
    assert json.dumps(again) == json.dumps(document)  # in the same order, too


def test_what_every_example_gave_is_stored_where_it_is_asked_for(ws, add_model):
    add_model("better", [0, 0, 0, 0, 1])
    models, settings = (
        ["popularity", "better"],
        EvaluateSettings(at=(1,), metric=("precision", "map", "coverage")),
    )
    _, without, _ = evaluate(ws, models, settings)
    assert not without.path.joinpath("examples.parquet").exists()
    document, artifact, fresh = evaluate(ws, models, replace(settings, per_example=True))
    assert fresh
    table = pq.read_table(artifact.file("examples.parquet"))
    assert table.column_names == ["model", "id", "precision@1", "map"]
    for name in models:
        mine = table.filter(pc.equal(table["model"], name))
        assert mine.num_rows == 3
        for measure in ("precision@1", "map"):
            mean = pc.mean(mine[measure]).as_py()
            assert mean == pytest.approx(metrics_of(document, name)[measure])


def test_same_digest_for_any_number_of_threads(ws, add_model):
    add_model("other", [0, 1, 2, 3, 4])
    digests = {
        evaluate(ws, ["popularity", "other"], EvaluateSettings(name=f"n{threads}"), threads=threads)[1].digest
        for threads in (1, 2, 3)
    }
    assert len(digests) == 1


def test_differences_from_the_first_model_or_the_one_named(ws, add_model):
    add_model("rare", [0, 1, 2, 3, 4])  # 10: ranks 1, 2; 11: 1; 13: 5
    settings = EvaluateSettings(metric=("mrr",))
    document, artifact, _ = evaluate(ws, ["popularity,rare"], settings)
    assert artifact.name == "popularity-rare-test"
    found = document["differences"]["rare"]["mrr"]
    assert found["difference"] == pytest.approx(((1 - 1) + (1 - 1 / 2) + (1 / 5 - 1)) / 3)
    assert found["low"] <= found["difference"] <= found["high"]
    settings = EvaluateSettings(metric=("mrr",), baseline_model="rare")
    document, _, _ = evaluate(ws, ["popularity", "rare"], settings)
    assert document["differences"]["popularity"]["mrr"]["difference"] == pytest.approx(-found["difference"])


def test_models_with_different_histories_are_compared_on_the_examples_both_have(ws, add_model):
    add_model("narrow", [0, 1, 2, 3, 4], fits=(("train",),))
    document, _, _ = evaluate(ws, ["popularity", "narrow"], EvaluateSettings(metric=("mrr",)))
    rules = [model["history"] for model in document["models"].values()]
    assert rules[0] != rules[1]
    notes = comparison(document)[0].notes
    assert notes[0].startswith("popularity: history: train and valid")
    assert notes[1].startswith("narrow: history: train;")


def test_examples_without_labels_are_left_out_and_counted(tmp_path):
    ws = annotation(tmp_path / "ws")
    train_baseline(ws, "popularity")
    document, _, _ = evaluate(ws, ["popularity"], EvaluateSettings(at=(1,)))
    assert document["n_examples"] == 2
    assert document["models"]["popularity"]["n_left_out"] == 1
    assert metrics_of(document)["mrr"] == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert comparison(document)[0].title == "test: 2 of 3 examples (1 without labels), all 3 labels ranked"


def test_people_with_nothing_held_out_are_counted(ws):
    """12 has nothing in test; nothing but c and d is held out as valid, for 10 and 12."""
    document, _, _ = evaluate(ws, ["popularity"])
    assert document["models"]["popularity"]["n_left_out"] == 1
    assert comparison(document)[0].title.startswith(
        "test: 3 of 4 people (1 with nothing held out), all 5 labels"
    )
    document, _, _ = evaluate(ws, ["popularity"], EvaluateSettings(split="valid"))
    assert comparison(document)[0].title.startswith("valid: 2 of 4 people (2 with nothing held out),")


@pytest.mark.parametrize(
    ("task", "counts", "says"),
    [
        ("recommendation", {"a": (4, 0)}, "4 examples"),
        ("annotation", {"a": (1, 0)}, "1 example"),
        ("annotation", {"a": (1, 2), "b": (1, 2)}, "1 of 3 examples (2 without labels)"),
        ("annotation", {"a": (3, 0), "b": (2, 1)}, "a: 3 examples; b: 2 of 3 examples (1 without labels)"),
    ],
)
def test_the_title_counts_the_examples_of_every_model(task, counts, says):
    models = {
        name: {"metrics": {}, "n_examples": n, "n_left_out": without, "history": ""}
        for name, (n, without) in counts.items()
    }
    told = {"split": "test", "task": task, "n_labels": 7, "models": models, "differences": {}}
    assert comparison({**told, "of_the_whole_set": []})[0].title == f"test: {says}, all 7 labels ranked"


def test_nothing_is_said_where_nothing_is_compared(ws, add_model):
    """Coverage has no interval, and novelty is neither better nor worse: that is no "no difference is clear"."""
    add_model("rare", [0, 1, 2, 3, 4])
    document, _, _ = evaluate(ws, ["popularity", "rare"], EvaluateSettings(metric=("coverage@1",)))
    (values,) = comparison(document)
    assert values.notes[-1] == "coverage@1: one number for the whole set, with no interval"
    document, _, _ = evaluate(ws, ["popularity", "rare"], EvaluateSettings(metric=("novelty@1",)))
    values, differences = comparison(document)
    assert [row[0] for row in differences.rows] == ["novelty@1"]
    assert differences.notes == ()
    assert not any("whole set" in note for note in values.notes)


def test_a_k_beyond_the_last_label(ws):
    """There are five: only what divides by k tells 9 from 5."""
    settings = EvaluateSettings(
        at=(5, 9), metric=("precision", "recall", "ndcg", "coverage", "novelty", "popularity")
    )
    document, _, _ = evaluate(ws, ["popularity"], settings)
    assert document["warnings"] == [
        "precision@9: there are 5 labels only; places that stay empty count as misses",
        "recall@9, ndcg@9, coverage@9, novelty@9, popularity@9: there are 5 labels only; the same as @5",
    ]
    found = metrics_of(document)
    assert found["precision@9"] == pytest.approx(found["precision@5"] * 5 / 9)
    for name in ("recall", "ndcg", "coverage", "novelty", "popularity"):
        assert found[f"{name}@9"] == found[f"{name}@5"]


def test_tables(ws, add_model):
    add_model("rare", [0, 1, 2, 3, 4])
    document, _, _ = evaluate(ws, ["popularity", "rare"])
    values, differences = comparison(document)
    assert values.columns == ("metric", "popularity", "rare")
    assert len(values.rows) == 10
    assert differences.columns == ("metric", "rare")
    assert [row[0] for row in differences.rows] == [r[0] for r in values.rows if not r[0].startswith("cov")]
    assert "[" in differences.rows[0][1]


@pytest.mark.parametrize(
    ("differences", "says"),
    [
        ({"mean-rank": -1}, "beats it on mean-rank"),
        ({"mean-rank": 1}, "does not beat it: it is worse on mean-rank"),
        ({"mean-rank": 1, "map": 1}, "beats it on map, and is worse on mean-rank"),
        ({"mean-rank": -1, "map": 1}, "beats it on all 2 measures"),
        ({"popularity@5": 1, "map": 0}, "does not beat it: no difference is clear"),
        ({"popularity@5": -1, "map": 1}, "beats it on map"),
    ],
)
def test_better_is_what_the_metric_says(differences, says):
    of = {name: {"difference": d, "low": d - 0.5, "high": d + 0.5} for name, d in differences.items()}
    directions = {"mean-rank": "lower", "map": "higher", "popularity@5": None}
    assert says in verdict("model", "it", of, directions)


def test_names():
    assert default_name(["a", "b"], "test") == "a-b-test"
    long = default_name(["m" * 60, "n" * 60], "test")
    assert len(long) <= 100
    assert long != default_name(["m" * 60, "n" * 61], "test")


def test_without_a_valid_split_there_is_one_fit(tmp_path):
    ws = recommendation(tmp_path / "ws", valid=False)
    model, fresh = train_baseline(ws, "popularity", name="often")
    assert fresh
    assert model.settings["fits"] == [["train"]]
    assert not train_baseline(ws, "popularity", name="often")[1]


@pytest.mark.parametrize(
    ("models", "settings", "error", "says"),
    [
        ([], {}, UsageError, "no model"),
        (["popularty"], {}, MissingInputError, "did you mean 'popularity'"),
        (["popularity"], {"metric": ("ndgc",)}, SettingsError, "did you mean 'ndcg'"),
        (["popularity"], {"baseline_model": "awe"}, UsageError, "add --model awe"),
        (["popularity"], {"split": "train"}, SettingsError, "has seen the split 'train'"),
        (["popularity"], {"name": "../x"}, SettingsError, "cannot be a name"),
    ],
)
def test_what_cannot_be_judged(ws, models, settings, error, says):
    with pytest.raises(error) as caught:
        evaluate(ws, models, EvaluateSettings(**settings))
    assert says in f"{caught.value.message} {caught.value.hint}"


def test_popularity_that_was_never_made(tmp_path):
    with pytest.raises(MissingInputError) as caught:
        evaluate(recommendation(tmp_path / "ws"), ["popularity"])
    assert "awe train-baseline popularity" in caught.value.hint


def test_no_examples_in_the_split(tmp_path):
    ws = recommendation(tmp_path / "ws", valid=False)
    train_baseline(ws, "popularity")
    with pytest.raises(MissingInputError, match=r"'valid'.*train \(3\), test \(3\)"):
        evaluate(ws, ["popularity"], EvaluateSettings(split="valid"))


def test_a_model_of_another_dataset(ws):
    old = ws.find("dataset").digest[:12]
    recommendation(ws.root, weighted=True)
    with pytest.raises(DataError, match=old):
        evaluate(ws, ["popularity"])


def test_scores_that_are_no_numbers(ws, add_model):
    add_model("broken", [0, 1, 2, 3, 4])
    load.LOADERS["constant"] = lambda *_: Constant([0, 1, np.nan, 3, 4])
    with pytest.raises(DataError, match="'broken'"):
        evaluate(ws, ["broken"])


def test_unknown_baseline(ws):
    with pytest.raises(UsageError) as caught:
        train_baseline(ws, "populrity")
    assert caught.value.hint == "did you mean 'popularity'?"
