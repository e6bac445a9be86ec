"""Options made from the settings of a command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import typer

from awe_cli.cli.options import DEFAULT_WORKSPACE, WorkspaceOption, settings_from, settings_options
from awe_cli.config import setting
from awe_cli.errors import SettingsError


@dataclass(frozen=True)
class ExampleSettings:
    """Settings as a command would declare them."""

    k: int = setting(help="Neighbours.", min=1)
    dim: int | None = setting(None, help="Columns of U and V.", min=1, auto="64 to 128")
    exact: bool = setting(True, help="Search them all.", flag="--exact/--approximate")
    fit_on: tuple[str, ...] = setting(("train", "valid"), help="Splits to learn from.")
    affinity: str = setting("constant", help="Which G.", choices=("constant", "max"))


Runner = Callable[..., object]


@pytest.fixture
def run(tmp_path: Path) -> Runner:
    """Run a command that has these settings; return what it was given."""

    def call(*arguments: str, toml: str = "") -> object:
        (tmp_path / "awe.toml").write_text(toml)
        received: list[object] = []

        @settings_options(ExampleSettings)
        def train(
            file: Annotated[str, typer.Argument()] = "-",
            workspace: WorkspaceOption = DEFAULT_WORKSPACE,
            **flags: object,
        ) -> None:
            """Learn."""
            received.append((file, settings_from(ExampleSettings, "train", workspace, flags)))

        app = typer.Typer(rich_markup_mode=None)
        app.command()(train)
        command = typer.main.get_command(app)
        with command.make_context("awe", [*arguments, "-w", str(tmp_path)]) as context:
            command.invoke(context)
        return received[0]

    return call


def test_a_flag_wins_over_the_file(run: Runner) -> None:
    file, found = run("in.csv", "--k", "5", "--fit-on", "train", "--approximate", toml="[train]\nk=3\ndim=7")
    assert file == "in.csv"
    assert found.settings == ExampleSettings(k=5, dim=7, exact=False, fit_on=("train",))
    assert found.sources == {
        "k": "flag",
        "dim": "awe.toml",
        "exact": "flag",
        "fit_on": "flag",
        "affinity": "default",
    }


def test_a_flag_outside_its_range(run: Runner) -> None:
    for text in ("0", "many"):
        with pytest.raises(
            SettingsError, match=rf"--k: expected a whole number of at least 1, found '{text}'"
        ):
            run("--k", text)
    assert run("--k", "1", "--dim", "auto")[1].settings.dim is None


def test_help_tells_ranges_and_defaults(run: Runner, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        run("--help")
    text = " ".join(capsys.readouterr().out.split())
    assert "Neighbours. (a whole number of at least 1; required)" in text
    assert "Columns of U and V. (a whole number of at least 1; default: 64 to 128)" in text
    assert "--exact / --approximate" in text
    assert "Search them all. (default: --exact)" in text
    assert "Splits to learn from. (default: train,valid)" in text
    assert "Which G. (one of constant, max; default: constant)" in text
