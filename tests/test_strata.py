"""awe evaluate --by, by hand on four people and through the real command line."""

from __future__ import annotations

import json

import numpy as np
import pytest

from awe_cli.app import main
from awe_cli.config.evaluate import EvaluateSettings
from awe_cli.evaluation.strata import Values, with_owners_of
from awe_cli.steps.evaluate import evaluate
from awe_cli.steps.train_baseline import train_baseline
from tests.small import annotation, recommendation


@pytest.fixture(scope="module")
def ws(tmp_path_factory):
    ws = recommendation(tmp_path_factory.mktemp("strata") / "ws")
    train_baseline(ws, "popularity")
    train_baseline(ws, "popularity", name="twin")
    return ws


def groups(ws, by, *models, metric=("mrr",)):
    document, artifact, _ = evaluate(ws, models or ["popularity"], EvaluateSettings(by=by, metric=metric))
    assert document["strata"]["by"] == by
    assert artifact.name.endswith(f"-test-by-{by}")
    return {group["name"]: group for group in document["strata"]["groups"]}


def means(found, metric="mrr"):
    return {name: group["models"]["popularity"][metric]["mean"] for name, group in found.items()}


def test_by_label(ws):
    """10 wants d at rank 1 and e at rank 2, 11 wants e at rank 2, 13 wants a at rank 1."""
    found = groups(ws, "label")
    assert means(found) == {"a": 1.0, "d": 1.0, "e": 0.5}
    assert {name: group["n_examples"] for name, group in found.items()} == {"a": 1, "d": 1, "e": 2}
    assert {name: group["n_positives"] for name, group in found.items()} == {"a": 1, "d": 1, "e": 2}


def test_by_label_frequency(ws):
    """In train a has 3 people, d and e none: to find d first and e second is 1 for 10."""
    found = groups(ws, "label-frequency", metric=("mrr", "recall@1"))
    assert means(found) == {"0": (1 + 0.5) / 2, "3–9": 1.0}
    assert means(found, "recall@1") == {"0": (0.5 + 0) / 2, "3–9": 1.0}
    assert found["0"]["n_positives"] == 3


def test_by_history_length(ws):
    """10 and 11 have chosen a, b, c; 13 nothing."""
    found = groups(ws, "history-length")
    assert means(found) == {"0": 1.0, "3–9": (1 + 0.5) / 2}
    low, high = (found["3–9"]["models"]["popularity"]["mrr"][end] for end in ("low", "high"))
    assert (low, high) == (0.5, 1.0)


def test_differences_of_twins_are_none(ws):
    found = groups(ws, "label", "popularity", "twin")
    for group in found.values():
        assert group["differences"] == {"twin": {"mrr": {"mean": 0.0, "low": 0.0, "high": 0.0}}}


def test_the_whole_is_as_without(ws):
    apart, _, _ = evaluate(ws, ["popularity"], EvaluateSettings(by="label"))
    whole, _, _ = evaluate(ws, ["popularity"], EvaluateSettings())
    apart.pop("strata")
    assert apart == whole


def test_same_bytes_for_any_number_of_threads(ws):
    settings = EvaluateSettings(by="label-frequency")
    digests = {
        evaluate(ws, ["popularity"], EvaluateSettings(by=settings.by, name=f"t{n}"), threads=n)[1].digest
        for n in (1, 2, 3)
    }
    assert len(digests) == 1


def test_examples_are_paired_by_who_they_are():
    of = Values(np.array([0, 1, 2]), np.zeros(3, int), np.ones(3, int), np.zeros((3, 1)))
    moved = with_owners_of(of, np.array([0, 2]), np.array([4, 1]))
    assert moved.owner[[0, 2]].tolist() == [4, 1]
    assert moved.owner[1] > 4


def run(ws, capsys, *arguments):
    code = main(["-w", str(ws.root), "evaluate", "--model", "popularity", *arguments])
    found = capsys.readouterr()
    return code, found.out, found.err


def test_a_table_a_measure(ws, capsys):
    code, out, _ = run(ws, capsys, "--model", "twin", "--by", "label", "--metric", "mrr,recall@1")
    assert code == 0
    assert "mrr by label [interval], * where the difference from popularity is clear" in out
    assert "recall@1 by label" in out
    code, out, _ = run(ws, capsys, "--by", "label", "--metric", "mrr", "--json")
    assert [group["name"] for group in json.loads(out)["strata"]["groups"]] == ["a", "d", "e"]


def test_coverage_has_no_strata(ws, capsys):
    code, out, err = run(ws, capsys, "--by", "label", "--metric", "coverage@1,coverage@2")
    assert (code, out) == (78, "")
    assert "--by label: expected a measure of single examples, found only coverage@1, coverage@2" in err
    code, out, _ = run(ws, capsys, "--model", "twin", "--by", "label", "--metric", "coverage@1,mrr")
    assert code == 0
    assert "coverage@1: one number for the whole set, with no interval and no strata" in out
    assert "mrr by label" in out


def test_what_cannot_be(ws, tmp_path, capsys):
    code, _, err = run(ws, capsys, "--by", "labels")
    assert (code, "did you mean 'label'" in err) == (78, True), err
    songs = annotation(tmp_path / "songs")
    train_baseline(songs, "popularity")
    code, _, err = run(songs, capsys, "--by", "history-length")
    assert (code, "take --by label-frequency" in err) == (78, True)
    assert run(songs, capsys, "--by", "label", "--metric", "mrr")[0] == 0
