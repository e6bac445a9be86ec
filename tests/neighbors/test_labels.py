"""Labels near a label: by hand, and through the real command line."""

from __future__ import annotations

import json

import numpy as np
import pytest

from awe_cli.app import main
from awe_cli.config.train import TrainSettings
from awe_cli.models.store import load_state
from awe_cli.steps.neighbors import nearest_labels
from awe_cli.steps.train import train
from tests.small import recommendation

V = np.array([[1, 0], [2, 0], [1, 1], [-1, 0], [0, 0], [0, 3]], np.float32)


def test_by_hand():
    rows, cosines = nearest_labels(V, np.ones(6, bool), 0, 4)
    assert rows.tolist() == [1, 2, 4, 5]  # equal cosines of 0 by index
    assert cosines.tolist() == pytest.approx([1, 0.5**0.5, 0, 0])


def test_what_is_not_known_is_left_out_and_the_label_itself():
    rows, _ = nearest_labels(V, np.array([1, 0, 1, 1, 0, 0], bool), 0, 9)
    assert rows.tolist() == [2, 3]


def test_a_row_of_zeros_is_near_to_none_and_far_from_none():
    assert nearest_labels(V, np.ones(6, bool), 4, 2)[1].tolist() == [0, 0]


@pytest.fixture(scope="module")
def ws(tmp_path_factory):
    ws = recommendation(tmp_path_factory.mktemp("neighbors") / "ws")
    train(ws, TrainSettings(affinity="constant", epochs=1, dim=3, margin=0.5), name="small")
    return ws


@pytest.fixture
def awe(ws, capsys):
    def run(*arguments):
        code = main(["-w", str(ws.root), "neighbors", *arguments])
        found = capsys.readouterr()
        return code, found.out, found.err

    return run


def test_json_has_what_v_says(ws, awe):
    code, out, _ = awe("--label", "b", "--label", "a", "--top-k", "2", "--json")
    assert code == 0
    document = json.loads(out)
    assert (document["model"], document["fit_on"]) == ("small", ["train", "valid"])
    assert [entry["label"] for entry in document["labels"]] == ["b", "a"]
    W = load_state(ws.find("model", "small"), ("train", "valid")).V
    rows, cosines = nearest_labels(W, np.array([1, 1, 1, 1, 0], bool), 1, 2)  # no example has e
    near = document["labels"][0]["neighbors"]
    assert [other["label"] for other in near] == ["abcde"[row] for row in rows]
    assert [other["cosine"] for other in near] == pytest.approx(cosines)


def test_a_table_a_label(awe):
    code, out, err = awe("--label", "b", "--label", "a")
    assert code == 0
    assert "b (2 examples), in small" in out
    assert err.startswith("next: awe -w ")
    assert err.endswith(" evaluate --model small\n")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--label", "bb"], 66, "did you mean 'b'?"),
        (["--label", "b", "--model", "smal"], 66, "did you mean 'small'"),
        (["--label", "b", "--top-k", "0"], 78, "at least 1"),
        ([], 2, "--label"),
    ],
)
def test_what_cannot_be(awe, arguments, code, says):
    found, _, err = awe(*arguments)
    assert (found, says in err) == (code, True), err
