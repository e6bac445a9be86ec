"""`awe tune`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from awe_cli.cli import console
from awe_cli.cli.options import (
    DEFAULT_WORKSPACE,
    DryRunOption,
    JsonOption,
    QuietOption,
    ThreadsOption,
    WaitOption,
    WorkspaceOption,
    settings_from,
    settings_options,
)
from awe_cli.cli.progress import Shown, announce_compiling, showing_progress
from awe_cli.config.train import TrainSettings
from awe_cli.config.tune import TuneSettings

if TYPE_CHECKING:
    from awe_cli.steps.tune import Trial, Tuned, TuneProgress

EXAMPLE = """
awe tune
awe tune --trials 50 --timeout 1h --name wsabie
awe tune --affinity gaussian --dim 64 --epochs 20
awe tune --affinity linear-sigmoid --start wsabie --name sigmoid
"""
_SHOWN = 5  # trials
_BAR = 20  # columns of the greatest importance


@settings_options(TuneSettings, of_others=(TrainSettings,))
def tune(
    *,
    name: Annotated[str, typer.Option("--name", help="Name of the model.")] = "tuned",
    plot: Annotated[
        str | None,
        typer.Option("--plot", help="File for a picture of what mattered, .png or .svg; needs matplotlib."),
    ] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    threads: ThreadsOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    wait: WaitOption = 0,
    quiet: QuietOption = False,
    **flags: Any,
) -> None:
    """Search the settings of `awe train` on validation, and learn the best model.

    What is given is kept, here, in awe.toml or in the environment; of all else, what matters for the affinity and loss
    is tried by Optuna. The first trials are the defaults. Trials are kept in tuning.db in the workspace: the same
    command goes on after those that are over, whether it was stopped or asks for more, and ends as it would have
    without a stop. With --jobs several trials share the threads. What mattered is kept for `awe report` and
    `awe plot search`. Needs Optuna: pip install 'awe-cli[tune]'.
    """
    from awe_cli.io.remote import target_of
    from awe_cli.steps.report import check_image, plot_search
    from awe_cli.steps.tune import tune as step
    from awe_cli.workspace import Workspace

    picture = None if plot is None else target_of(plot)
    if picture is not None:
        check_image(picture, "awe tune --plot")
    announce_compiling()
    resolved = settings_from(TrainSettings, "train", workspace, flags)
    tuning = settings_from(TuneSettings, "tune", workspace, flags).settings
    given = {key: value for key, value in vars(resolved.settings).items() if resolved.given(key)}
    with showing_progress(describe) as on_progress:
        found = step(
            Workspace(Path(workspace), dry_run=dry_run), resolved.settings, given, tuning, name=name,
            threads=threads, wait=wait, on_progress=on_progress, announce=console.log,
        )  # fmt: skip
    command = console.with_workspace(shlex.join(["awe", *found.arguments]))
    if as_json:
        console.print_json(
            {
                "model": found.model.name,
                "digest": found.model.digest,
                "made": found.fresh,
                **{key: value for key, value in found.document.items() if key != "arguments"},
                "command": shlex.split(command),
            }
        )
    else:
        _report(found, command)
    if picture is not None:
        plot_search(str(found.model.name), found.document, picture)
        console.log(f"wrote {picture}")
    console.stored(f"models/{found.model.name}.json", found.model.digest, found.fresh)
    console.next_step(f"awe evaluate --model {found.model.name}")


def describe(progress: TuneProgress) -> Shown:
    """An epoch of a trial: one bar for all trials."""
    one, best = progress.epoch, "" if progress.best is None else f"best {progress.best:.4f}, "
    now = "" if one.validation is None else f", valid {one.validation:.4f}"
    figures = f"{best}trial {progress.number}, epoch {one.report.epoch} of {one.epochs}{now}"
    return Shown("trials", progress.over, progress.trials, figures, part=progress.part)


def _report(found: Tuned, command: str) -> None:
    """The best trials, what mattered, and the command that makes the model again."""
    names = list(found.best.values)
    ranked = sorted(
        (trial for trial in found.trials if trial.state == "complete"), key=lambda t: (-t.value, t.number)
    )
    shown = list(dict.fromkeys([*[t.number for t in ranked[:_SHOWN]], 1]))
    by_number = {trial.number: trial for trial in found.trials}
    rows = [_row(by_number[number], names) for number in shown]
    columns = ("trial", f"{found.metric} on validation", "epochs", *(_flag(name) for name in names))
    console.table("The best trials; trial 1 has the defaults", columns, rows, keys=1)
    stopped = sum(trial.state == "pruned" for trial in found.trials)
    diverged = sum(trial.state == "diverged" for trial in found.trials)
    console.print_result(
        f"{len(found.trials)} trials, {found.ran} of them now; {stopped} stopped early, {diverged} diverged"
    )
    if found.importance:
        largest = max(found.importance.values()) or 1.0
        console.print_result()
        console.table(
            "What mattered",
            ("setting", "share", ""),
            [
                (_flag(key), f"{share:.0%}", "█" * round(_BAR * share / largest))
                for key, share in found.importance.items()
            ],
        )
    else:
        console.print_result("too few complete trials, or too much alike, to tell which settings mattered")
    console.print_result()
    console.print_result("The same model again:")
    console.print_result(f"  {command}")


def _row(trial: Trial, names: list[str]) -> tuple[object, ...]:
    values = (trial.values[name] for name in names)
    told = (f"{value:g}" if isinstance(value, float) else str(value) for value in values)
    return (trial.number, trial.value, trial.epochs, *told)


def _flag(name: str) -> str:
    return name.replace("_", " ")
