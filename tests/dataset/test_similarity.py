"""Similarities of labels: from a file to psib@k."""

from __future__ import annotations

import json

import pytest

from awe_cli.app import main
from awe_cli.config.evaluate import EvaluateSettings
from awe_cli.dataset.dataset import Dataset
from awe_cli.dataset.similarity import similarity_of
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
HEAD = "label,other,similarity\n"


@pytest.fixture
def prepare(tmp_path, capsys):
    (tmp_path / "examples.csv").write_text(EXAMPLES)

    def run(triples, *more):
        (tmp_path / "s.csv").write_text(triples)
        told = (
            f"prepare {tmp_path}/examples.csv --text text --labels labels --id id --split split --min-count 1"
        )
        told += f" --valid-fraction 0 --similarity {tmp_path}/s.csv --json"
        code = main(["-w", str(tmp_path / "ws"), *told.split(), *more])
        out, err = capsys.readouterr()
        return code, json.loads(out) if out else None, err

    run.workspace = Workspace(tmp_path / "ws")
    return run


def test_s_holds_both_ways_round(prepare):
    code, summary, err = prepare(
        HEAD + "frog,toad,0.5\ntoad,frog,0.5\nnewt,toad,.25\nfrog,swan,1\nfrog,frog,1\n"
    )
    assert code == 0
    assert summary["similarity"] == {"pairs": 5, "unknown": 1, "labels": 3}
    assert "similarities of what is no label: 1 of 5" in err
    stored = prepare.workspace.find("dataset")
    dataset = Dataset.open(stored.path, stored.settings)
    assert dataset.labels.to_pylist() == ["toad", "frog", "newt"]
    assert dataset.parents is None
    S = similarity_of(dataset)
    assert (S.indptr.tolist(), S.indices.tolist()) == ([0, 2, 3, 4], [1, 2, 0, 0])
    assert S.values.tolist() == [0.5, 0.25, 0.5, 0.25]


def test_psib_through_the_chain(prepare):
    """Popularity shows toad, frog, newt to all; frog and newt are wanted."""
    prepare(HEAD + "frog,toad,0.5\nnewt,toad,0.25\n")
    train_baseline(prepare.workspace, "popularity")
    document, _, _ = evaluate(
        prepare.workspace, ["popularity"], EvaluateSettings(metric=("psib@1", "psib@2"))
    )
    assert document["models"]["popularity"]["metrics"] == {
        "psib@1": (0.5 + 0.25) / 2,
        "psib@2": ((0.5 + 1) / 2 + (0.25 + 0) / 2) / 2,
    }


@pytest.mark.parametrize(
    ("triples", "code", "says"),
    [
        (HEAD, 65, "expected rows of label, other and similarity, found none"),
        (
            HEAD + "frog,toad,1.5\n",
            65,
            "column 'similarity', row 1: expected a number from 0 to 1, found 1.5",
        ),
        (HEAD + "frog,toad,-1\n", 65, "found -1"),
        (HEAD + "frog,toad,nan\n", 65, "column 'similarity', row 1"),
        (HEAD + "frog,toad,much\n", 65, "column 'similarity', row 1"),
        (
            HEAD + "frog,toad,0.5\ntoad,frog,0.25\n",
            65,
            "s.csv: column 'similarity', row 2: expected 0.5, as row 1 has it for 'frog' and 'toad', found 0.25",
        ),
        (
            HEAD + "newt,toad,1\nswan,frog,1\nfrog,toad,0.5\nfrog,toad,0.5\nfrog,toad,0\n",
            65,
            "s.csv: column 'similarity', row 5: expected 0.5, as row 3 has it for 'frog' and 'toad', found 0",
        ),
        (
            HEAD + "frog,frog,1\nfrog,toad,0.5\nnewt,newt,0.3\n",
            65,
            "s.csv: column 'similarity', row 3: expected 1, as nothing is more similar to 'newt' than itself, "
            "found 0.3",
        ),
        ("label,other\nfrog,toad\n", 66, "expected a column 'similarity'"),
    ],
)
def test_bad_files(prepare, triples, code, says):
    found, _, err = prepare(triples)
    assert (found, says in err) == (code, True), err
    assert not (prepare.workspace.root / "dataset.json").exists()


def test_one_of_isa_and_similarity(prepare):
    code, _, err = prepare(HEAD + "frog,toad,0.5\n", "--isa", "isa.csv")
    assert (code, "expected one of --isa and --similarity" in err) == (2, True)
