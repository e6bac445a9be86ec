"""awe compare, by hand on four people and through the real command line."""

from __future__ import annotations

import json

import numpy as np
import pytest

from awe_cli.app import main
from awe_cli.config.evaluate import CompareSettings
from awe_cli.errors import SettingsError, UsageError
from awe_cli.evaluation.strata import wins
from awe_cli.metrics.metrics import measures
from awe_cli.steps.compare import compare
from awe_cli.steps.train_baseline import train_baseline
from tests import test_evaluate
from tests.small import annotation

ws, add_model = test_evaluate.ws, test_evaluate.add_model


@pytest.fixture
def rare(ws, add_model):
    """On test popularity ranks what 10 wants 1, 2, what 11 wants 2, what 13 wants 1; rare 2 and 1, 1, 5."""
    add_model("rare", [0, 1, 2, 3, 4])
    return ws


def test_wins_and_the_examples_that_differ_most(rare):
    settings = CompareSettings(metric=("mrr", "recall"), at=(1,), differ_by="mrr", top_k=2)
    document, artifact, fresh = compare(rare, ["popularity", "rare"], settings)
    assert fresh
    assert artifact.name == "compare-popularity-rare-test"
    assert document["wins"] == {
        "rare": {"mrr": {"won": 1, "lost": 1, "tied": 1}, "recall@1": {"won": 1, "lost": 1, "tied": 1}}
    }
    assert document["differ"]["measure"] == "mrr"
    [won], [lost] = (document["differ"]["models"]["rare"][side] for side in ("won", "lost"))
    assert won == {
        "id": 11,
        "values": {"popularity": 0.5, "rare": 1.0},
        "wanted": ["e"],
        "top": {"popularity": ["d", "e"], "rare": ["e", "d"]},
    }
    assert lost == {
        "id": 13,
        "values": {"popularity": 1.0, "rare": 0.2},
        "wanted": ["a"],
        "top": {"popularity": ["a", "b"], "rare": ["e", "d"]},
    }
    assert not compare(rare, ["popularity,rare"], settings)[2], "it is up to date"


def test_strata_have_wins_of_their_own(rare):
    """Of the wanted labels a has 3 people in train, d and e none."""
    document, _, _ = compare(
        rare, ["popularity", "rare"], CompareSettings(metric=("mrr",), by="label-frequency")
    )
    found = {group["name"]: group["wins"]["rare"]["mrr"] for group in document["strata"]["groups"]}
    assert found == {"0": {"won": 1, "lost": 0, "tied": 1}, "3–9": {"won": 0, "lost": 1, "tied": 0}}
    assert document["differ"]["measure"] == "mrr"


def test_the_last_ndcg_chooses_and_examples_can_be_left_out(rare):
    document, _, _ = compare(rare, ["popularity", "rare"], CompareSettings(at=(1, 3), examples=0))
    assert document["differ"] == {"measure": "ndcg@3", "models": {}}


def test_a_smaller_mean_rank_wins():
    taken = measures(["mean-rank", "mrr"], (1,))
    found = wins(np.array([[-2.0, 0.5], [0.0, 0.0], [-1.0, -0.5]]), taken)
    assert found == {
        "mean-rank": {"won": 2, "lost": 0, "tied": 1},
        "mrr": {"won": 1, "lost": 1, "tied": 1},
    }


def test_the_example_that_a_smaller_mean_rank_wins_is_shown_as_won(rare):
    settings = CompareSettings(metric=("mean-rank",))
    sides = compare(rare, ["popularity", "rare"], settings)[0]["differ"]["models"]["rare"]
    assert [entry["id"] for entry in sides["won"]] == [11]
    assert [entry["id"] for entry in sides["lost"]] == [13]


def test_models_with_different_histories_are_compared_on_what_both_have(rare, add_model):
    """A fit on train alone knows no history of valid: then c is a candidate for 10."""
    add_model("narrow", [0, 1, 2, 3, 4], fits=(("train",),))
    document, _, _ = compare(rare, ["popularity", "narrow"], CompareSettings(metric=("mrr",)))
    assert sum(document["wins"]["narrow"]["mrr"].values()) == 3
    assert [entry["id"] for entry in document["differ"]["models"]["narrow"]["lost"]] == [13]


def test_tables_say_who_wins_and_where(rare, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    root = str(rare.root)
    told = ["-w", root, "compare", "popularity", "rare", "--metric", "mrr", "--by", "label-frequency"]
    assert main(told) == 0
    out, err = capsys.readouterr()
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "examples ranked better / worse than by popularity / as well" in lines
    assert "mrr 1 / 1 / 1" in lines
    assert "3–9 0 / 1 / 0" in lines
    assert "examples that rare ranks better than popularity by most, * wanted" in lines
    assert "rare 1.0000 e*, d" in lines
    assert max(len(line) for line in out.split("examples ranked", 1)[1].splitlines()) <= 80
    assert "stored: metrics/compare-popularity-rare-test-by-label-frequency.json" in err
    assert main([*told, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["wins"]["rare"]["mrr"]["won"] == 1


def test_annotated_examples_are_compared_too(tmp_path, capsys):
    ws = annotation(tmp_path / "ws")
    train_baseline(ws, "popularity")
    train_baseline(ws, "popularity", name="twin")
    document, _, _ = compare(ws, ["popularity", "twin"], CompareSettings(metric=("mrr",)))
    assert document["wins"]["twin"]["mrr"] == {"won": 0, "lost": 0, "tied": 2}
    assert document["differ"]["models"]["twin"] == {"won": [], "lost": []}


def test_what_cannot_be_compared_is_refused(rare, capsys):
    with pytest.raises(UsageError, match="two models or more"):
        compare(rare, ["popularity"])
    with pytest.raises(SettingsError, match="--differ-by: expected one of") as refused:
        compare(rare, ["popularity", "rare"], CompareSettings(metric=("mrr",), differ_by="mr"))
    assert refused.value.hint == "did you mean 'mrr'?"
    with pytest.raises(SettingsError, match="--metric coverage"):
        compare(rare, ["popularity", "rare"], CompareSettings(metric=("coverage",)))
    assert main(["-w", str(rare.root), "compare", "popularity", "raer"]) == 66
    assert "raer" in capsys.readouterr().err
    assert not [name for name in rare.names("metrics") if name.startswith("compare")]
