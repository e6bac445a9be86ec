"""Metrics as files: what DVC and Prometheus read is what --json says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from awe_cli.app import main
from awe_cli.evaluation.metrics_file import metrics_text

Output = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two baselines, in which commands are run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AWE_WORKSPACE", raising=False)
    rows = [f"p{p},i{(p * 7 + n) % 17}" for p in range(60) for n in range(4)]
    (tmp_path / "plays.csv").write_text("\n".join(["person,item", *rows]) + "\n")
    assert main(["prepare", "plays.csv", "--user", "person", "--item", "item", "--holdout", "1", "-q"]) == 0
    assert main(["train-baseline", "popularity", "-q"]) == 0
    assert main(["train-baseline", "item-knn", "-q"]) == 0
    return tmp_path


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """What a Prometheus server reads: (name, labels) → value."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_both_files_have_every_figure_of_the_comparison(folder: Path, capsys: Output) -> None:
    asked = ["evaluate", "--model", "popularity,item-knn", "--at", "1,5", "--json"]
    for _ in range(2):  # measured, and up to date
        capsys.readouterr()
        assert main([*asked, "--metrics-file", "m.json", "--metrics-file", "m.prom"]) == 0
        document = json.loads(capsys.readouterr().out)
        flat = json.loads((folder / "m.json").read_text())
        found = samples((folder / "m.prom").read_text())
        n = 0
        for name, model in document["models"].items():
            for metric, value in model["metrics"].items():
                labels = frozenset({"model": name, "metric": metric, "split": "test"}.items())
                assert flat[f"{name}.{metric}"] == value
                assert found["awe_metric", labels] == value
                n += 1
            assert flat[f"{name}.examples"] == model["n_examples"]
            labels = frozenset({"model": name, "split": "test"}.items())
            assert found["awe_evaluated_examples", labels] == model["n_examples"]
            n += 1
        for name, metrics in document["differences"].items():
            for metric, value in metrics.items():
                labels = frozenset(
                    {"model": name, "baseline": "popularity", "metric": metric, "split": "test"}.items()
                )
                for part, ending in (("difference", ""), ("low", "_low"), ("high", "_high")):
                    assert flat[f"{name}.{metric}.{part}"] == value[part]
                    assert found[f"awe_metric_difference{ending}", labels] == value[part]
                    n += 1
        assert len(flat) == len(found) == n
        assert all(type(value) in (int, float) for value in flat.values())
        assert sorted(path.name for path in folder.iterdir()) == [
            "m.json",
            "m.prom",
            "plays.csv",
            "workspace",
        ]
        (folder / "m.json").unlink()


def test_a_gate_that_fails_writes_them_too(folder: Path) -> None:
    asked = ["evaluate", "--model", "popularity", "--require", "map>=2", "--metrics-file", "m.prom", "-q"]
    assert main(asked) == 79
    assert samples((folder / "m.prom").read_text())


@pytest.mark.parametrize("name", ["m.txt", "m", "nowhere/m.json"])
def test_a_file_that_cannot_be_is_refused_before_anything_is_measured(
    name: str, folder: Path, capsys: Output
) -> None:
    assert main(["evaluate", "--model", "popularity", "--metrics-file", name]) == 2
    err = capsys.readouterr().err
    assert f"--metrics-file {name}" in err
    assert not (folder / "workspace/metrics").exists()


def test_a_full_disk_leaves_the_file_that_was_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "m.json").write_text("before")

    def full(descriptor: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("awe_cli.prediction.output.sync_file", full)
    assert main(["evaluate", "--model", "popularity", "--metrics-file", "m.json", "-q"]) == 73
    assert (folder / "m.json").read_text() == "before"
    assert len(list(folder.glob(".m.json*"))) == 0


def test_names_with_quotes_are_escaped() -> None:
    strange = 'a"b\\c\nd'
    document: dict[str, Any] = {
        "split": "test",
        "baseline_model": strange,
        "models": {strange: {"metrics": {"ndcg@1": 1e-300}, "n_examples": 3}},
        "differences": {},
    }
    found = samples(metrics_text(document, Path("x.prom")))
    assert (
        found["awe_metric", frozenset({"model": strange, "metric": "ndcg@1", "split": "test"}.items())]
        == 1e-300
    )
    assert json.loads(metrics_text(document, Path("x.json")))[f"{strange}.ndcg@1"] == 1e-300
