"""`awe doctor` finds what is wrong, and leaves nothing behind."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numba
import pytest

from awe_cli.app import main
from awe_cli.steps import doctor as step
from awe_cli.steps.doctor import Check, doctor, failure
from awe_cli.workspace import Workspace
from tests.small import recommendation

NAMES = ["Python", "awe", "packages", "extras", "threads", "SIMD", "numba", "kernel cache", "memory", "workspace",
         "temporary folder", "artifacts", "self-test"]  # fmt: skip


def checks(ws: Workspace, **how: Any) -> dict[str, Check]:
    """The checks by name."""
    return {check.name: check for check in doctor(ws, **how)}


def test_all_is_well_here_and_nothing_is_left(tmp_path, monkeypatch, capsys):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    assert main(["-w", str(tmp_path / "ws"), "doctor", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["well"] is True
    assert [check["name"] for check in document["checks"]] == NAMES
    assert [check["state"] for check in document["checks"] if check["state"] == "failed"] == []
    assert document["checks"][-1]["found"].startswith("passed in")
    assert not list((tmp_path / "temporary").iterdir())
    assert not (tmp_path / "ws").exists()


def test_the_last_line_says_that_all_is_well(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["-w", str(tmp_path / "ws"), "doctor", "--no-self-test"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[-1].startswith("all is well: 12 checks")
    assert max(map(len, out)) <= 80


def test_a_missing_package_ends_with_66(tmp_path, monkeypatch, capsys):
    real = importlib.metadata.version

    def version(name: str) -> str:
        if name == "scipy":
            raise importlib.metadata.PackageNotFoundError(name)
        return "0.1" if name == "rich" else real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert main(["-w", str(tmp_path / "ws"), "doctor", "--no-self-test"]) == 66
    out, err = capsys.readouterr()
    assert "failed: missing: rich >= 13.8 (found 0.1), scipy >= 1.12 (found none)" in " ".join(out.split())
    assert "error: 1 of 12 checks failed (packages)" in err
    assert "all is well" not in out


def test_a_folder_that_cannot_be_written_to_ends_with_73(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["-w", str(tmp_path / "file" / "ws"), "doctor", "--no-self-test", "--json"]) == 73
    document = json.loads(capsys.readouterr().out)
    assert document["well"] is False
    assert [check["error"] for check in document["checks"] if check["state"] == "failed"] == [73]


def test_kernels_that_are_not_compiled_are_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    found = checks(Workspace(tmp_path / "ws"), self_test=False)
    assert found["numba"].state == "failed"
    assert failure(list(found.values())) is not None


@pytest.mark.parametrize(
    ("name", "fault", "says"),
    [
        ("projections", lambda real: lambda x, U: real(x, U) + 0.01, "off by"),
        ("train", lambda real: partial(_trained_apart, real), "two models"),
        ("evaluate", lambda real: lambda *told: _worse(real(*told)), "no better than popularity"),
        ("build_knn", lambda real: lambda *told: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_the_self_test_notices(tmp_path, monkeypatch, capsys, name, fault, says):
    monkeypatch.setattr(step, name, fault(getattr(step, name)))
    assert main(["-w", str(tmp_path / "ws"), "doctor"]) == 1
    out, err = capsys.readouterr()
    assert says in " ".join(out.split())
    assert "(self-test)" in err
    assert "Traceback" not in err
    if name == "build_knn":
        monkeypatch.setenv("AWE_DEBUG", "1")
        assert main(["-w", str(tmp_path / "ws"), "doctor"]) == 1
        assert "ZeroDivisionError: division by zero" in capsys.readouterr().err


def _trained_apart(train: Any, ws: Any, settings: Any, *, name: str, threads: int) -> Any:
    return train(ws, dataclasses.replace(settings, seed=threads), name=name, threads=threads)


def _worse(found: Any) -> Any:
    found[0]["models"]["awe"]["metrics"]["ndcg@5"] = 0.0
    return found


def test_damaged_artifacts_are_a_warning(tmp_path):
    ws = recommendation(tmp_path / "ws")
    assert checks(ws, self_test=False)["artifacts"].found == "1, all current"
    [labels] = (tmp_path / "ws" / "store").glob("*/labels.parquet")
    labels.chmod(0o644)
    labels.write_bytes(b"")
    found = checks(ws, self_test=False)["artifacts"]
    assert found.state == "warning"
    assert "labels.parquet" in found.found
    assert found.hint
    assert Path(ws.root).exists()
