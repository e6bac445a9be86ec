"""Aliases: promoted under conditions, rolled back, kept by gc, never torn under a reader."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from awe_cli.app import main
from awe_cli.errors import SettingsError
from awe_cli.evaluation.conditions import judge_condition, parse_condition
from awe_cli.steps.predict import predict
from awe_cli.steps.promote import promote, rollback
from awe_cli.steps.train_baseline import train_baseline
from awe_cli.workspace import Workspace
from awe_cli.workspace.gc import collect
from tests.small import recommendation


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    ws = recommendation(tmp_path / "ws")
    train_baseline(ws, "popularity")
    train_baseline(ws, "item-knn")
    return ws


def awe(ws: Workspace, *arguments: str) -> int:
    return main([*arguments, "-w", str(ws.root)])


def digest(ws: Workspace, name: str) -> str:
    return ws.find("model", name).digest


def test_a_condition_decides_and_a_failure_changes_nothing(ws, capsys):
    condition = "ndcg@2 >= champion"
    assert awe(ws, "promote", "popularity", "--as", "champion", "--if", condition, "--json") == 0
    captured = capsys.readouterr()
    assert "taken as met" in captured.err
    assert json.loads(captured.out)["version"] == 1
    pointer = ws.root / "models/champion.json"
    before = pointer.read_bytes()
    assert awe(ws, "promote", "popularity", "--as", "champion", "--if", condition) == 0
    assert "already" in capsys.readouterr().err
    assert awe(ws, "promote", "item-knn", "--as", "champion", "--if", "ndcg@2 >= champion + 0.9") == 79
    error = capsys.readouterr().err
    assert "ndcg@2 >= champion + 0.9: not met" in error
    assert "difference" in error
    assert pointer.read_bytes() == before
    assert (
        awe(ws, "promote", "item-knn", "--as", "champion", "--if", "ndcg@2 >= champion - 1", "--if", "mrr>0")
        == 0
    )
    assert digest(ws, "champion") == digest(ws, "item-knn")


def test_a_rollback_can_be_rolled_back(ws, capsys):
    promote(ws, "popularity", "champion")
    assert awe(ws, "rollback", "champion") == 66
    assert "nothing to roll back to" in capsys.readouterr().err
    promote(ws, "item-knn", "champion")
    assert rollback(ws, "champion").now.digest == digest(ws, "popularity")
    assert rollback(ws, "champion").now.digest == digest(ws, "item-knn")
    assert rollback(ws, "champion", "1").now.source == "popularity"
    assert rollback(ws, "champion", digest(ws, "item-knn")[:8]).now.number == 6
    assert awe(ws, "rollback", "champion", "--to", "77") == 66
    assert awe(ws, "rollback", "popularity") == 78
    assert awe(ws, "promote", "item-knn", "--as", "popularity") == 78


def test_no_step_writes_to_an_alias(ws):
    promote(ws, "popularity", "champion")
    assert awe(ws, "train-baseline", "item-knn", "--name", "champion") == 78
    assert digest(ws, "champion") == digest(ws, "popularity")


def test_models_lists_versions_and_aliases(ws, capsys):
    promote(ws, "popularity", "champion")
    assert awe(ws, "models", "--json") == 0
    listed = {model["name"]: model for model in json.loads(capsys.readouterr().out)}
    assert listed["popularity"]["aliases"] == ["champion"]
    assert listed["champion"]["alias_of"] == "popularity"
    assert listed["champion"]["parents"] == {"dataset": ws.find("dataset").digest}
    assert awe(ws, "models") == 0
    assert "champion" in capsys.readouterr().out


def test_gc_keeps_the_versions_of_an_alias(ws):
    promote(ws, "popularity", "champion")
    old = digest(ws, "champion")
    promote(ws, "item-knn", "champion")
    (ws.root / "models/popularity.json").unlink()
    assert old not in [item.path.name for item in collect(ws)]
    assert rollback(ws, "champion").now.digest == old
    rollback(ws, "champion")
    assert old in [item.path.name for item in collect(ws, keep=1)]
    assert awe(ws, "rollback", "champion") == 66


def test_gc_leaves_what_another_process_reads(ws):
    code = (
        "import sys, pathlib\n"
        "from awe_cli.workspace import Workspace\n"
        "ws = Workspace(pathlib.Path(sys.argv[1]))\n"
        "model = ws.find('model', 'popularity')\n"
        "print(model.digest, flush=True)\n"
        "sys.stdin.read()\n"
    )
    reader = subprocess.Popen(
        [sys.executable, "-c", code, str(ws.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert reader.stdout is not None
    read = reader.stdout.readline().strip()
    (ws.root / "models/popularity.json").unlink()
    assert collect(ws) == []
    reader.communicate("", timeout=60)
    assert [item.path.name for item in collect(ws)] == [read]
    assert not (ws.store / read).exists()


def test_a_reader_gets_one_whole_model_while_aliases_change(ws, tmp_path):
    """Predictions are always those of one of the two models, while the alias changes and gc removes the other."""
    rows = {}
    for name in ("popularity", "item-knn"):
        predict(ws, name, output=tmp_path / f"{name}.csv")
        rows[(tmp_path / f"{name}.csv").read_bytes()] = name
    assert len(rows) == 2
    promote(ws, "popularity", "champion")
    stop, failures = threading.Event(), []

    def change() -> None:
        writer = Workspace(ws.root)
        try:
            while not stop.is_set():
                for name in ("item-knn", "popularity"):
                    train_baseline(writer, name, name="tonight")
                    promote(writer, "tonight", "champion")
                    collect(writer, keep=1)
        except Exception as error:
            failures.append(error)

    for name in ("popularity", "item-knn"):
        (ws.root / f"models/{name}.json").unlink()
    thread = threading.Thread(target=change)
    thread.start()
    try:
        seen = set()
        for _ in range(30):
            predict(Workspace(ws.root), "champion", output=tmp_path / "out.csv")
            seen.add(rows.get((tmp_path / "out.csv").read_bytes(), "torn"))
    finally:
        stop.set()
        thread.join()
    assert not failures
    assert "torn" not in seen


def test_an_unchanged_warning_is_not_repeated_from_cron(tmp_path, capsys):
    (tmp_path / "plays.csv").write_text("user,item\n1,a\n1,b\n2,a\n2,b\n2,c\n")
    prepare = [
        "prepare",
        str(tmp_path / "plays.csv"),
        "--user",
        "user",
        "--item",
        "item",
        "-w",
        str(tmp_path / "ws"),
    ]
    assert main([*prepare, "-q"]) == 0
    assert "warning: " in capsys.readouterr().err
    assert main([*prepare, "-q"]) == 0
    assert capsys.readouterr().err == ""
    assert main(prepare) == 0
    assert "warning: " in capsys.readouterr().err


def test_conditions():
    parsed = parse_condition("NDCG@20>=champion-0.002", ["champion"])
    assert (parsed.measure, parsed.sign, parsed.model, parsed.bound) == ("ndcg@20", ">=", "champion", -0.002)
    assert parse_condition("ndcg@20 > a-0.5", ["a-0.5"]).model == "a-0.5"
    assert parse_condition("mrr > -1e-3", []).bound == -0.001
    for text in ("ndcg@20", "ndcg >= 0.1", "ndcg@20 == 1", "ndcg@20 >= a * 2", "nonsense > 1", "mrr > nan"):
        with pytest.raises(SettingsError):
            parse_condition(text, [])


def test_confident_looks_at_the_worse_end_of_the_interval():
    document = {
        "models": {"new": {"metrics": {"mrr": 0.5}}, "old": {"metrics": {"mrr": 0.4}}},
        "differences": {"new": {"mrr": {"difference": 0.1, "low": -0.05, "high": 0.25}}},
    }
    better = parse_condition("mrr >= old", ["old"])
    assert judge_condition(better, document, "new", confident=False).holds
    assert not judge_condition(better, document, "new", confident=True).holds
    assert judge_condition(parse_condition("mrr < old + 0.3", []), document, "new", confident=True).holds
