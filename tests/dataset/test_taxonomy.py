"""Pairs isa(child, parent): from a file to the parents of labels."""

from __future__ import annotations

import itertools
import json

import pytest

from awe_cli.app import main
from awe_cli.config.evaluate import EvaluateSettings
from awe_cli.dataset.dataset import Dataset
from awe_cli.dataset.taxonomy import find_cycle
from awe_cli.errors import MissingInputError
from awe_cli.steps.evaluate import evaluate
from awe_cli.steps.train_baseline import train_baseline
from awe_cli.workspace import Workspace

EXAMPLES = "id,text,labels,split\n" + "".join(
    f"{n},word{n % 3},{label},{split}\n"
    for n, (label, split) in enumerate(
        [("toad", "train")] * 3
        + [("frog", "train")] * 2
        + [("newt", "train"), ("frog", "test"), ("newt", "test")]
    )
)


@pytest.fixture
def prepare(tmp_path, capsys):
    (tmp_path / "examples.csv").write_text(EXAMPLES)

    def run(pairs, *more):
        (tmp_path / "isa.csv").write_text(pairs)
        told = [
            "prepare",
            str(tmp_path / "examples.csv"),
            "--text",
            "text",
            "--labels",
            "labels",
            "--id",
            "id",
        ]
        told += ["--split", "split", "--min-count", "1", "--valid-fraction", "0", *more]
        told += [] if "--isa" in more else ["--isa", str(tmp_path / "isa.csv")]
        code = main(["-w", str(tmp_path / "ws"), *told, "--json"])
        out, err = capsys.readouterr()
        return code, json.loads(out) if out else None, err

    run.workspace = Workspace(tmp_path / "ws")
    return run


def dataset(ws):
    stored = ws.find("dataset")
    return Dataset.open(stored.path, stored.settings)


def test_parents_need_be_no_labels_and_children_that_are_none_are_counted(prepare):
    pairs = "child,parent\ntoad,anura\nfrog,anura\nfrog,anura\nfrog,food\nanura,amphibian\nswan,bird\n"
    code, summary, err = prepare(pairs)
    assert code == 0
    assert summary["isa"] == {"pairs": 6, "unknown": 2, "labels": 2}
    assert "isa pairs whose child is no label: 2 of 6" in err
    found = dataset(prepare.workspace)
    assert found.labels.to_pylist() == ["toad", "frog", "newt"]
    parents = found.parents
    assert parents.indptr.tolist() == [0, 1, 3, 3]
    assert parents.indices[0] in parents.indices[1:3]


def test_psib_through_the_chain(prepare):
    """Popularity shows toad first to all: a sibling of frog, nothing to newt."""
    prepare("child,parent\ntoad,anura\nfrog,anura\n")
    ws = prepare.workspace
    train_baseline(ws, "popularity")
    settings = EvaluateSettings(metric=("psib@1", "psib@2", "precision@1", "popularity@1", "mean-rank"))
    document, _, _ = evaluate(ws, ["popularity"], settings)
    assert document["models"]["popularity"]["metrics"] == {
        "psib@1": 1 / 2,
        "psib@2": (2 / 2 + 0) / 2,
        "precision@1": 0.0,
        "popularity@1": 3.0,
        "mean-rank": (2 + 3) / 2,
    }
    assert document["better"]["mean-rank"] == "lower"


def test_another_isa_file_makes_another_dataset(prepare):
    prepare("child,parent\ntoad,anura\n")
    first = prepare.workspace.find("dataset").digest
    assert not prepare("child,parent\ntoad,anura\n")[1]["made"]
    assert prepare("child,parent\ntoad,food\nfrog,food\n")[1]["made"]
    assert prepare.workspace.find("dataset").digest != first


@pytest.mark.parametrize(
    ("pairs", "code", "says"),
    [
        ("child,parent\ntoad,frog\nfrog,newt\nnewt,toad\n", 65, "found the cycle"),
        ("child,parent\ntoad,toad\n", 65, "'toad' → 'toad'"),
        ("child,parent\n", 65, "expected rows of child and parent, found none"),
        ("child,parent\ntoad,\n", 65, "parent"),
        ("kid,parent\ntoad,frog\n", 66, "expected a column 'child'"),
        ("3,4\n5,6\n", 66, "call the columns of this file child and parent"),
        ("", 65, "empty"),
    ],
)
def test_bad_files(prepare, pairs, code, says):
    found, _, err = prepare(pairs)
    assert (found, says in err) == (code, True), err
    assert not (prepare.workspace.root / "dataset.json").exists()


def test_a_file_that_is_not_there(prepare):
    code, _, err = prepare("", "--isa", "nowhere.csv")
    assert (code, "nowhere.csv: there is no such file" in err) == (66, True)


def test_psib_without_parents(tmp_path):
    from tests.small import recommendation

    ws = recommendation(tmp_path / "ws")
    train_baseline(ws, "popularity")
    with pytest.raises(MissingInputError, match="knows no parents") as caught:
        evaluate(ws, ["popularity"], EvaluateSettings(metric=("psib@1",)))
    assert "--isa" in caught.value.hint


@pytest.mark.parametrize(
    ("pairs", "length"),
    [
        ([], 0),
        ([("a", "b"), ("b", "c"), ("a", "c"), ("a", "b")], 0),
        ([("a", "b"), ("c", "b"), ("b", "d"), ("x", "c")], 0),
        ([("a", "a")], 2),
        ([("a", "b"), ("b", "a"), ("z", "a")], 3),
        ([("r", "a"), ("a", "b"), ("b", "c"), ("c", "a"), ("c", "top")], 4),
    ],
)
def test_cycles(pairs, length):
    cycle = find_cycle(pairs)
    assert len(cycle) == length
    if cycle:
        assert cycle[0] == cycle[-1]
        assert all(step in pairs for step in itertools.pairwise(cycle))
