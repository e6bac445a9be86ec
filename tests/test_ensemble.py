"""`awe ensemble`: weights by validation, and a model like any other."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

from awe_cli.app import main
from awe_cli.config.evaluate import EnsembleSettings, EvaluateSettings
from awe_cli.config.predict import PredictSettings
from awe_cli.errors import DataError, MissingInputError, SettingsError, UsageError
from awe_cli.matrices.matrix import n_rows
from awe_cli.models import load
from awe_cli.models.store import load_result
from awe_cli.ranking.ranker import Scores
from awe_cli.steps.ensemble import ensemble
from awe_cli.steps.evaluate import evaluate
from awe_cli.steps.predict import predict
from awe_cli.steps.status import status
from awe_cli.steps.train_baseline import train_baseline
from awe_cli.workspace import Recipe
from tests.small import annotation, recommendation


class Constant:
    """Scores each label by a fixed number."""

    def __init__(self, row):
        self.row = np.array(row, dtype=np.float32)
        self.n_labels = len(row)

    def scores(self, x):
        return Scores(np.tile(self.row, (n_rows(x), 1)), None)


@pytest.fixture
def ws(tmp_path):
    ws = recommendation(tmp_path / "ws")
    for name in ("popularity", "item-knn", "ease"):
        train_baseline(ws, name)
    return ws


@pytest.fixture
def add_model(ws, monkeypatch):
    """Store a model that scores labels by a fixed row."""

    def add(name, row, fits=(("train",), ("train", "valid"))):
        monkeypatch.setitem(load.LOADERS, "constant", lambda ws, model, *_: Constant(model.settings["row"]))
        settings = {"model_type": "constant", "row": row, "fits": [list(fit) for fit in fits]}
        recipe = Recipe("model", 1, settings, {"dataset": ws.find("dataset").digest})
        with ws.stage("model", recipe) as staging:
            staging.file("empty").touch()
            return staging.publish(name)

    return add


def mrr(ws, name, split="valid"):
    document, _, _ = evaluate(ws, [name], EvaluateSettings(split=split, metric=("mrr",)))
    return document["models"][name]["metrics"]["mrr"]


def test_no_model_is_better_on_validation(ws):
    names = ["popularity", "item-knn", "ease"]
    model, fresh = ensemble(ws, names, EnsembleSettings(metric="mrr"), name="all")
    assert fresh
    result = load_result(model)
    assert sum(result["weights"]) == pytest.approx(1)
    assert result["validation"] == pytest.approx(mrr(ws, "all"))
    assert all(mrr(ws, "all") >= mrr(ws, name) - 1e-12 for name in names)
    assert not ensemble(ws, names, EnsembleSettings(metric="mrr"), name="all")[1]


def test_two_halves_of_the_answer_make_a_whole(ws, add_model):
    """On valid, 10 has a, b and wants c; 12 has a and wants d. Each model gets one of them right."""
    add_model("c", [0, 1, 9, 6, 7])
    add_model("d", [0, 5, 0, 9, 2])
    model, _ = ensemble(ws, ["c", "d"], EnsembleSettings(metric="mrr"), name="both")
    found = load_result(model)
    assert 0 < found["weights"][0] < 1
    assert mrr(ws, "c") == mrr(ws, "d") == pytest.approx((1 + 1 / 3) / 2)
    assert mrr(ws, "both") == found["validation"] == 1.0


def test_a_model_that_spoils_everything_gets_no_weight(ws, add_model):
    add_model("good", [0, 0, 9, 8, 0])
    add_model("bad", [1, 2, -9, -8, 3])
    model, _ = ensemble(ws, ["bad", "good"], EnsembleSettings(metric="mrr"), name="both")
    assert mrr(ws, "both") == mrr(ws, "good")
    assert load_result(model)["weights"][0] < 0.5


def test_it_evaluates_predicts_and_folds_in(ws, tmp_path):
    ensemble(ws, ["popularity,item-knn"], name="both")
    assert 0 < mrr(ws, "both", "test") <= 1
    new = tmp_path / "new.jsonl"
    new.write_text('{"person": 99, "thing": "a"}\n{"person": 98, "thing": "zz"}\n')
    stream = io.BytesIO()
    predict(ws, "both", str(new), stream, PredictSettings(top_k=2, format="jsonl"))
    rows = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [row["person"] for row in rows] == [99, 99, 98, 98]
    assert "a" not in [row["label"] for row in rows[:2]]


def test_same_digest_for_any_number_of_threads(ws):
    found = {ensemble(ws, ["ease", "item-knn"], name=f"n{n}", threads=n)[0].digest for n in (1, 2, 3)}
    assert len(found) == 1


def test_an_ensemble_of_ensembles(ws):
    ensemble(ws, ["popularity", "item-knn"], name="both")
    ensemble(ws, ["both", "ease"], name="all")
    assert 0 < mrr(ws, "all") <= 1


def test_weights_that_are_told(ws):
    model, _ = ensemble(ws, ["popularity", "ease"], EnsembleSettings(weights=(3.0, 1.0)), name="told")
    assert load_result(model)["weights"] == [0.75, 0.25]
    assert load_result(model)["validation"] is None


def test_without_validation_all_count_alike(tmp_path):
    ws = annotation(tmp_path / "ws")
    for name in ("popularity", "ease"):
        train_baseline(ws, name)
    said = []
    model, _ = ensemble(ws, ["popularity", "ease"], announce=said.append)
    assert model.name == "ensemble"
    assert load_result(model)["weights"] == [0.5, 0.5]
    assert "no validation" in said[0]


def test_stale_once_a_model_is_made_again(ws, add_model):
    add_model("one", [0, 1, 2, 3, 4])
    ensemble(ws, ["one", "ease"], name="both")
    add_model("one", [4, 1, 2, 3, 0])
    states = {entry.name: entry.state for entry in status(ws)}
    assert states["both"] == "stale"
    assert ensemble(ws, ["one", "ease"], name="both")[1]


@pytest.mark.parametrize(
    ("models", "options", "error", "says"),
    [
        ([], {}, UsageError, "found none"),
        (["ease"], {}, UsageError, "found 1 (ease)"),
        (["ease,ease"], {}, UsageError, "two different models"),
        (["ease", "twin"], {}, UsageError, "the same under two names"),
        (["ease", "popularity"], {"name": "ease"}, UsageError, "made from itself"),
        (["all", "popularity"], {"name": "both"}, UsageError, "made from it"),
        (["ease", "esae"], {}, MissingInputError, "did you mean 'ease'"),
        (["ease", "narrow"], {}, SettingsError, "no fit in common"),
        (["ease", "popularity"], {"settings": EnsembleSettings(weights=(1.0,))}, UsageError, "2 numbers"),
        (["ease", "popularity"], {"settings": EnsembleSettings(weights=(0.0, 0.0))}, UsageError, "not all 0"),
        (["ease", "popularity"], {"settings": EnsembleSettings(metric="psib@1")}, SettingsError, "choose by"),
        (["ease", "popularity"], {"name": "../x"}, SettingsError, "cannot be a name"),
    ],
)
def test_what_cannot_be_combined(ws, add_model, models, options, error, says):
    ws.call(ws.find("model", "ease"), "twin")
    add_model("narrow", [0, 1, 2, 3, 4], fits=(("valid",),))
    ensemble(ws, ["popularity", "item-knn"], name="both")
    ensemble(ws, ["both", "ease"], name="all")
    before = ws.find("model", "both").digest
    with pytest.raises(error) as caught:
        ensemble(ws, models, **options)
    assert says in f"{caught.value.message} {caught.value.hint}"
    assert ws.find("model", "both").digest == before


def test_models_of_another_dataset(ws):
    old = ws.find("dataset").digest[:12]
    recommendation(ws.root, weighted=True)
    train_baseline(ws, "popularity")
    with pytest.raises(DataError, match=old):
        ensemble(ws, ["popularity", "ease"])


def test_through_the_command_line(ws, capsys):
    told = ["-w", str(ws.root), "ensemble", "--model", "popularity", "-m", "ease", "--name", "both"]
    assert main(told) == 0
    err = capsys.readouterr().err
    assert "× ease" in err
    assert "ndcg@20 on validation" in err
    assert main(told) == 0
    assert "up to date" in capsys.readouterr().err
    assert main(["-w", str(ws.root), "ensemble", "--model", "ease"]) == 2
