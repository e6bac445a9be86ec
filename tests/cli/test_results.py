"""train-baseline, evaluate and predict through the real command line."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest

from awe_cli import app
from tests.small import recommendation


@pytest.fixture
def awe(tmp_path, monkeypatch, capsysbinary):
    """Run a command in a small workspace: (code, stdout, stderr)."""
    recommendation(tmp_path / "ws")
    monkeypatch.setenv("AWE_WORKSPACE", str(tmp_path / "ws"))
    monkeypatch.chdir(tmp_path)
    capsysbinary.readouterr()

    def run(*arguments):
        code = app.main(arguments)
        out, err = capsysbinary.readouterr()
        return code, out.decode(), err.decode()

    return run


@pytest.fixture
def trained(awe):
    """The same, with a model."""
    assert awe("train-baseline", "popularity")[0] == 0
    return awe


def test_train_baseline_says_what_comes_next(awe):
    code, out, err = awe("train-baseline", "popularity", "--name", "often")
    assert (code, out) == (0, "")
    assert "stored: models/often.json" in err
    assert "next: awe evaluate --model often" in err
    assert "up to date" in awe("train-baseline", "popularity", "--name", "often")[2]


def test_evaluate_prints_json_alone_on_stdout(trained):
    code, out, err = trained("evaluate", "--model", "popularity", "--at", "1,2", "--json", "--threads", "1")
    assert code == 0
    document = json.loads(out)
    assert document["split"] == "test"
    assert document["n_examples"] == 3
    assert document["models"]["popularity"]["metrics"]["precision@1"] == pytest.approx(2 / 3)
    assert "metrics/popularity-test.json" in err


def test_evaluate_warns_of_a_k_beyond_the_labels(trained):
    told = ("evaluate", "--model", "popularity", "--at", "5,6", "--metric", "precision,recall", "--json")
    for _ in range(2):  # also where it is up to date
        _, out, err = trained(*told)
        assert "warning: precision@6: there are 5 labels only" in err
        assert "precision@5" not in err
    assert len(json.loads(out)["warnings"]) == 2


def test_evaluate_prints_tables(trained):
    trained("train-baseline", "popularity", "--name", "twin")
    code, out, _ = trained("evaluate", "--model", "popularity", "--model", "twin", "--metric", "mrr,ndcg@2")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "test: 3 of 4 people (1 with nothing held out), all 5 labels ranked"
    assert lines[1].split() == ["metric", "popularity", "twin"]
    assert lines[2].split() == ["mrr", "0.8333", "0.8333"]
    assert "history: train and valid; its items are neither candidates nor counted" in out
    assert "+.0000 [+.0000, +.0000]" in out
    assert "twin does not beat popularity: no difference is clear" in out


def test_settings_come_from_awe_toml_too(trained, tmp_path):
    (tmp_path / "ws" / "awe.toml").write_text('[evaluate]\nat = [3]\nmetric = ["recall"]\n')
    document = json.loads(trained("evaluate", "--model", "popularity", "--json")[1])
    assert list(document["models"]["popularity"]["metrics"]) == ["recall@3"]


def test_predict_to_stdout_is_json_lines(trained):
    code, out, err = trained(
        "predict", "--model", "popularity", "--split", "test", "--top-k", "1", "--output", "-"
    )
    assert code == 0
    assert [json.loads(line)["label"] for line in out.splitlines()] == ["d", "d", "a"]
    assert "wrote 3 rows for 3 examples: -" in err


def test_predict_for_new_input_to_a_file(trained, tmp_path):
    (tmp_path / "new.csv").write_text("person,thing\n7,a\n7,nothing\n")
    code, out, err = trained(
        "predict", "--model", "popularity", "new.csv", "--top-k", "2", "-o", "out.parquet"
    )
    assert (code, out) == (0, "")
    rows = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert [(str(row["person"]), row["label"], row["rank"]) for row in rows] == [("7", "b", 1), ("7", "c", 2)]
    assert "warning: unknown to the dataset, and left out: 1 entries of the input" in err


def test_predict_without_output_shows_a_sample(trained):
    command = ("predict", "--model", "popularity", "--split", "test", "--top-k", "2")
    code, out, err = trained(*command)
    assert code == 0
    assert out.splitlines()[0].split() == ["person", "labels,", "best", "first"]
    assert "d, e" in out
    assert "predictions/popularity-test.json" in err
    assert "up to date" in trained(*command)[2]


def test_the_sample_spans_what_is_read_at_a_time(trained, tmp_path):
    """Of interactions, the last person is held back until it is known that no row follows."""
    (tmp_path / "new.csv").write_text("person,thing\n7,a\n8,b\n9,a\n")
    out, err = trained("predict", "--model", "popularity", "new.csv", "--top-k", "1")[1:]
    assert [line.split()[0] for line in out.splitlines()] == ["person", "7", "8", "9"]
    assert "more examples" not in err


def test_quiet_leaves_what_was_asked_for_as_data(trained, tmp_path):
    """Nothing for cron to mail: no table, no list of folders; the result is stored all the same."""
    told = ("--model", "popularity", "--at", "1", "-q")
    assert trained("evaluate", *told) == (0, "", "")
    assert (tmp_path / "ws" / "metrics" / "popularity-test.json").exists()
    (tmp_path / "ws" / "metrics" / "popularity-test.json").unlink()
    for command in (("gc",), ("status",), ("affinities",)):
        assert trained(*command, "-q") == (0, "", "")
    code, out, err = trained("predict", "--model", "popularity", "-q")
    assert (code, out) == (0, "")
    assert all(line.startswith("warning: ") for line in err.splitlines())
    assert json.loads(trained("evaluate", *told, "--json")[1])["split"] == "test"
    assert len(trained("predict", "--model", "popularity", "--output", "-", "-q")[1].splitlines()) > 3


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (2, ["evaluate"]),
        (2, ["predict", "--model", "popularity", "--output", "a.xlsx"]),
        (2, ["train-baseline", "popular"]),
        (66, ["evaluate", "--model", "awe"]),
        (66, ["predict", "--model", "popularity", "missing.csv"]),
        (73, ["predict", "--model", "popularity", "--output", "missing/a.csv"]),
        (78, ["evaluate", "--model", "popularity", "--at", "0"]),
        (78, ["evaluate", "--model", "popularity", "--split", "tset"]),
        (78, ["predict", "--model", "popularity", "--top-k", "0"]),
        (78, ["predict", "--model", "popularity", "--format", "xml"]),
    ],
)
def test_exit_codes(trained, code, arguments):
    found, out, err = trained(*arguments)
    assert (found, out) == (code, "")
    assert err.startswith("error: ")
    assert "hint: " in err
