"""The chain where nothing was set aside for validation: nothing is chosen, nothing fails, and it is said."""

from __future__ import annotations

import json

import pytest

from awe_cli.app import main


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """Plays in two groups, all of them in train and test."""
    folder = tmp_path_factory.mktemp("without")
    rows = [f"p{p},{'ab'[p % 2]}{n}" for p in range(30) for n in range(6) if (p + n) % 5]
    (folder / "plays.csv").write_text("\n".join(["person,thing", *rows]) + "\n")
    told = ("--user", "person", "--item", "thing", "--holdout", "1", "--valid-fraction", "0")
    assert main(["-w", str(folder / "ws"), "prepare", str(folder / "plays.csv"), *told]) == 0
    assert main(["-w", str(folder / "ws"), "train", "--name", "wsabie", "--dim", "4", "--epochs", "3"]) == 0
    assert main(["-w", str(folder / "ws"), "build-knn", "--model", "wsabie"]) == 0
    return folder / "ws"


@pytest.fixture
def awe(workspace, capfd):
    """Run a command there: (code, stdout, stderr)."""

    def run(*arguments):
        capfd.readouterr()
        code = main(["-w", str(workspace), *arguments])
        return code, *capfd.readouterr()

    return run


def test_the_whole_chain(awe):
    code, out, err = awe("train", "--name", "wsabie", "--dim", "4", "--epochs", "3", "--json")
    assert (code, "up to date" in err) == (0, True)
    chosen = json.loads(out)["chosen"]["constant"]
    assert (chosen["epochs"], chosen["validation"]) == (3, None)
    assert awe("build-knn", "--model", "wsabie")[0] == 0
    code, out, err = awe("retrain", "--model", "wsabie", "--json")
    found = json.loads(out)
    assert (code, found["kept"], found["validation"]) == (0, "retrained", {})
    code, out, err = awe("retrain", "--model", "wsabie", "--epochs", "0", "--name", "product", "--json")
    assert (code, json.loads(out)["kept"]) == (0, "product")
    code, out, err = awe("ensemble", "--model", "wsabie,awe", "--json")
    assert json.loads(out)["weights"] == [0.5, 0.5]
    assert "there is no validation to choose weights by" in err
    code, out, err = awe("evaluate", "--model", "wsabie,awe,product,ensemble", "--json")
    models = json.loads(out)["models"]
    assert {tuple(model["fit_on"]) for model in models.values()} == {("train",)}
    assert min(model["metrics"]["recall@1"] for model in models.values()) >= 0
    assert awe("predict", "--model", "awe", "--top-k", "2")[0] == 0


@pytest.mark.usefixtures("interpreted_kernels")
def test_weights_of_a_mixture_are_the_average(awe):
    said = "0.5 (there is no validation to choose them by)"
    told = ("--start", "wsabie", "--epochs", "1", "--mix", "constant,gaussian", "--name", "mixed", "--json")
    code, out, err = awe("train", "--affinity", "mix", *told, "--mix-weights", "validation")
    assert (code, json.loads(out)["weights"]) == (0, {"train": [0.5, 0.5]})
    assert f"weights: constant 0.5, gaussian {said}" in err
    told = ("--model", "wsabie", "--epochs", "0", "--mix", "knn,constant", "--name", "product", "--json")
    code, out, err = awe("retrain", "--affinity", "mix", *told, "--mix-weights", "validation")
    assert (code, json.loads(out)["weights"]) == (0, {"train": [0.5, 0.5]})
    assert f"weights: knn 0.5, constant {said}" in err


def test_of_several_iterations_the_last_gets_the_name(awe, workspace):
    told = ("--model", "wsabie", "--iterations", "3", "--epochs", "1", "--name", "often")
    code, _, err = awe("retrain", *told)
    assert (code, "inf" in err) == (0, False), err
    assert "iteration 1: not judged, for want of validation (often-1)" in err
    assert "no validation to choose by: the last iteration is taken" in err
    pointers = {
        name: json.loads((workspace / "models" / f"{name}.json").read_text())["digest"]
        for name in ("often", "often-1", "often-3")
    }
    assert pointers["often"] == pointers["often-3"] != pointers["often-1"]


@pytest.mark.parametrize(
    ("code", "arguments", "says"),
    [
        (66, ("evaluate", "--model", "wsabie", "--split", "valid"), "'valid'"),
        (66, ("predict", "--model", "wsabie", "--split", "valid"), "no examples in the split 'valid'"),
        (78, ("train", "--fit-on", "train,valid"), "--fit-on: expected train, found train,valid"),
        (78, ("train", "--metric", "coverage@5"), "coverage"),
        (78, ("retrain", "--model", "wsabie", "--metric", "coverage@5"), "coverage"),
        (78, ("build-knn", "--model", "wsabie", "--metric", "coverage@5"), "coverage"),
        (
            78,
            ("train", "--start", "wsabie", "--dim", "8"),
            "--dim: expected 4, the dimension of model 'wsabie'",
        ),
        (78, ("train", "--seed", "9" * 20), "--seed: expected a whole number of at most 9223372036854775807"),
        (66, ("train", "--start", "wsabi"), "did you mean 'wsabie'"),
        (66, ("train", "--start", "nobody"), "there is no model named 'nobody'"),
    ],
)
def test_what_is_refused(awe, code, arguments, says):
    found, out, err = awe(*arguments)
    assert (found, out) == (code, ""), err
    assert says in err
    assert "hint: " in err


def test_a_start_gives_its_dimension(awe):
    code, out, err = awe("train", "--start", "wsabie", "--name", "again", "--epochs", "1", "--json")
    assert code == 0, err
    assert json.loads(out)["chosen"]["constant"]["plan"]["dim"] == 4
