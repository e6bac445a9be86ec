"""Every `next:` line is a command that works as it is printed, and what a model cannot be used for is refused."""

from __future__ import annotations

import json
import shlex

import pytest

from awe_cli.app import main
from awe_cli.workspace import Workspace


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Plays in two groups, and a workspace beside them."""
    folder = tmp_path_factory.mktemp("next")
    rows = [f"p{p},{'ab'[p % 2]}{n}" for p in range(30) for n in range(6) if (p + n) % 5]
    (folder / "plays.csv").write_text("\n".join(["person,thing", *rows]) + "\n")
    return folder


@pytest.fixture
def awe(folder, monkeypatch, capfd):
    """Run a command there: (code, the command it names next, stdout, stderr)."""
    monkeypatch.chdir(folder)

    def run(*arguments):
        code = main(arguments)
        out, err = capfd.readouterr()
        with_workspace = [
            line.removeprefix("next: ") for line in err.splitlines() if line.startswith("next: ")
        ]
        return code, with_workspace[-1] if with_workspace else None, out, err

    return run


def words(command):
    first, *rest = shlex.split(command)
    assert first == "awe"
    return rest


def test_the_commands_named_next_lead_through_the_chain(awe, folder):
    prepared = awe(
        "prepare", "plays.csv", "--user", "person", "--item", "thing", "-w", "my ws", "--holdout", "1"
    )
    ran, with_workspace = [], prepared[1]
    while with_workspace is not None and "status" not in ran:
        arguments = words(with_workspace)
        assert arguments[:2] == ["-w", "my ws"]
        code, with_workspace, _, err = awe(*arguments)
        assert code == 0, err
        ran.append(arguments[2])
    assert ran == ["train", "build-knn", "retrain", "evaluate", "predict", "status"]
    assert (folder / "predictions.parquet").exists()


def test_the_command_of_a_hint_works_as_it_is_printed(awe):
    code, _, _, err = awe("-w", "my ws", "evaluate", "--model", "popularity")
    assert (code, err.count("`")) == (66, 2)
    command = err.split("`")[1]
    assert command == "awe -w 'my ws' train-baseline popularity"
    assert awe(*words(command))[0] == 0
    assert (
        "that `awe train` or `awe retrain` made"
        in awe("-w", "my ws", "build-knn", "--model", "popularity")[3]
    )


def test_a_table_with_a_name_of_its_own_is_named_next(awe, monkeypatch):
    monkeypatch.setenv("AWE_WORKSPACE", "my ws")
    with_workspace = awe("build-knn", "--model", "wsabie", "--k", "2", "--lambda", "1", "--name", "rough")[1]
    assert with_workspace == "awe retrain --model wsabie --neighbors rough --name awe"
    code, with_workspace, out, err = awe(*words(with_workspace), "--json", "--epochs", "0")
    assert (code, json.loads(out)["model"]) == (0, "awe"), err
    assert with_workspace == "awe evaluate --model wsabie,awe"
    code, with_workspace, *_ = awe("retrain", "--model", "awe", "--neighbors", "rough")
    assert code == 66  # it was built from another model


@pytest.mark.usefixtures("interpreted_kernels")
def test_a_model_that_is_not_linear_is_not_multiplied_with_g(awe, monkeypatch):
    monkeypatch.setenv("AWE_WORKSPACE", "my ws")
    code, with_workspace, *_ = awe("train", "--affinity", "max", "--start", "wsabie", "--epochs", "1")
    assert (code, with_workspace) == (0, "awe evaluate --model max")
    code, with_workspace, *_ = awe("build-knn", "--model", "max", "--k", "2", "--lambda", "1")
    assert (code, with_workspace) == (0, "awe train-baseline knn --neighbors max --name max-knn")
    assert awe(*words(with_workspace))[0] == 0
    code, _, _, err = awe("retrain", "--model", "max")
    assert code == 78
    assert "model 'max': expected a model with a constant affinity to multiply G with, found max" in err
    assert Workspace.find(Workspace("my ws"), "model", "awe").settings["affinity"]["name"] == "knn"


def test_figures_for_machines(awe, monkeypatch, folder):
    monkeypatch.setenv("AWE_WORKSPACE", "my ws")

    def document(*arguments):
        code, _, out, err = awe(*arguments, "--json")
        assert code == 0, err
        return json.loads(out)

    made = document("train-baseline", "item-knn")
    assert (made["model"], made["made"], made["metric"]) == ("item-knn", True, "ndcg@20")
    made = document("ensemble", "--model", "wsabie,item-knn")
    assert (made["model"], made["models"]) == ("ensemble", ["wsabie", "item-knn"])
    assert sum(made["weights"]) == pytest.approx(1)
    made = document("predict", "--model", "wsabie", "--top-k", "2")
    assert (made["predictions"], made["rows"]) == ("wsabie-all", 2 * made["examples"])
    assert len(made["sample"][0]["labels"]) == 2
    made = document("predict", "--model", "wsabie", "--top-k", "2", "-o", "rows.csv")
    assert made["output"] == "rows.csv"
    code, *_, err = awe("predict", "--model", "wsabie", "-o", "-", "--json")
    assert (code, "leave out --json" in err) == (2, True)
    document("predict", "--model", "wsabie", "--top-k", "3")
    found = document("gc", "--dry-run")
    assert not found["removed"]
    assert found["bytes"] == sum(entry["bytes"] for entry in found["folders"]) > 0


def test_folds_are_told_of_and_checked(awe, monkeypatch):
    monkeypatch.setenv("AWE_WORKSPACE", "my ws")
    told = ("build-knn", "--k", "2", "--lambda", "1", "--name", "folded")
    code, _, _, err = awe(*told, "--model", "wsabie", "--folds", "2")
    assert code == 0
    assert all(f"all but fold {fold}" in err for fold in (1, 2))
    for folds in ("1", "31"):
        code, _, _, err = awe(*told, "--model", "wsabie", "--folds", folds)
        assert (code, "--folds: expected 0, or 2 to 30" in err) == (78, True)
    code, _, _, err = awe(*told, "--model", "awe", "--folds", "2")
    assert (code, "--folds: expected a model with a constant affinity" in err) == (78, True)
