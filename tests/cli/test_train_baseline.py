"""Settings of baselines through the real command line."""

from __future__ import annotations

import pytest

from awe_cli.app import main
from tests.small import recommendation


@pytest.fixture
def awe(tmp_path, capsys):
    ws = recommendation(tmp_path / "ws")

    def run(*arguments):
        code = main(["-w", str(ws.root), "train-baseline", *arguments])
        return code, capsys.readouterr().err

    run.workspace = ws
    return run


def test_what_was_tried_is_shown(awe):
    code, err = awe("item-knn")
    assert code == 0
    assert "ndcg@20 on validation" in err
    assert "chosen: k " in err
    assert "up to date" in awe("item-knn")[1]


def test_nothing_is_tried_where_it_is_told(awe):
    code, err = awe("svd", "--dim", "2", "--unweighted", "--name", "plain")
    assert code == 0
    assert "on validation" not in err
    model = awe.workspace.find("model", "plain")
    assert model.settings["told"] == {"metric": "ndcg@20", "dim": 2, "weighted": False}


def test_the_file_and_the_environment_may_tell_other_baselines_something(awe, monkeypatch):
    awe.workspace.settings_file.write_text("[train-baseline]\ndim = 3\n")
    monkeypatch.setenv("AWE_TRAIN_BASELINE_K", "7")
    assert awe("ease", "--l2", "1")[0] == 0
    assert awe("svd")[0] == 0
    assert awe.workspace.find("model", "svd").settings["told"]["dim"] == 3
    assert awe("item-knn")[0] == 0
    assert awe.workspace.find("model", "item-knn").settings["told"]["k"] == 7


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["popularity", "--dim", "3"], 2, "--dim is not a setting of popularity"),
        (["ease", "--unweighted"], 2, "it is for svd"),
        (["svd", "--neighbors", "x"], 2, "it is for knn"),
        (["svd", "--dim", "0"], 78, "at least 1"),
        (["svd", "--metric", "ndgc"], 78, "did you mean 'ndcg'"),
        (["ease", "--memory", "1e-9"], 78, "GB of memory"),
        (["knn", "--neighbors", "none"], 66, "there is no neighbour table named 'none'"),
        (["knn"], 66, "there is no neighbour table in the workspace"),
        (["sdv"], 2, "did you mean 'svd'"),
    ],
)
def test_what_cannot_be(awe, arguments, code, says):
    found, err = awe(*arguments)
    assert (found, says in err) == (code, True), err


def test_an_empty_name_is_refused(awe):
    assert awe("popularity")[0] == 0
    before = awe.workspace.find("model", "popularity").digest
    code, err = awe("popularity", "--fit-on", "train", "--name", "")
    assert (code, "'' cannot be a name" in err) == (78, True), "such as that of a variable that is not set"
    assert awe.workspace.find("model", "popularity").digest == before


def test_a_key_of_the_file_that_no_baseline_has(awe):
    awe.workspace.settings_file.write_text("[train-baseline]\ndims = 3\n")
    code, err = awe("svd")
    assert (code, "did you mean 'dim'" in err) == (78, True)


def test_a_baseline_that_was_never_made_is_named_with_its_command(awe, capsys):
    assert main(["-w", str(awe.workspace.root), "evaluate", "--model", "ease"]) == 66
    assert "train-baseline ease" in capsys.readouterr().err
