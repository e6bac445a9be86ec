"""What a shell offers after TAB."""

from __future__ import annotations

from pathlib import Path

import pytest

from awe_cli.app import main
from tests.test_recipe import plays

Output = pytest.CaptureFixture[str]


@pytest.fixture
def offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output):
    """What is offered for the last of some words, in a workspace with two models."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AWE_WORKSPACE", raising=False)
    assert main(["-w", "elsewhere", "prepare", *plays(tmp_path), "-q"]) == 0
    for name in ("popularity", "item-knn"):
        assert main(["-w", "elsewhere", "train-baseline", name, "-q"]) == 0

    def ask(*words: str) -> list[str]:
        monkeypatch.setenv("_AWE_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", " ".join(["awe", *words]))
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        capsys.readouterr()
        assert main([]) == 0
        return capsys.readouterr().out.split()

    return ask


def test_commands_options_models_and_words(offered, monkeypatch: pytest.MonkeyPatch) -> None:
    assert offered("tr") == ["train", "train-baseline"]
    assert offered("tune", "--tri") == ["--trials"]
    assert offered("-w", "elsewhere", "predict", "--model", "po") == ["popularity"]
    assert offered("evaluate", "-w", "elsewhere", "--model", "popularity,it") == ["popularity,item-knn"]
    assert offered("-w", "elsewhere", "compare", "popularity", "i") == ["item-knn"]
    assert offered("-w", "elsewhere", "describe", "d") == ["dataset"]
    assert offered("train", "--loss", "w") == ["warp"]
    assert offered("train", "--affinity", "lin") == ["linear-sigmoid"]
    assert offered("retrain", "--affinity", "clu") == ["cluster"]
    assert offered("build-affinity", "--affinity", "con") == []
    assert offered("-w", "elsewhere", "train", "--start", "po") == ["popularity"]
    assert offered("train-baseline", "ea") == ["ease"]
    assert offered("plot", "lab") == ["label-frequency", "label-map"]
    assert offered("predict", "--model", "po") == [], "there is no workspace here"
    monkeypatch.setenv("AWE_WORKSPACE", "elsewhere")
    assert offered("predict", "--model", "po") == ["popularity"]


def test_the_script_that_a_shell_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    assert main(["--show-completion", "zsh"]) == 0
    assert "#compdef awe" in capsys.readouterr().out
    assert main(["--install-completion", "bash"]) == 0
    assert "complete -o default -F _awe_completion awe" in (tmp_path / ".bash_completions/awe.sh").read_text()
