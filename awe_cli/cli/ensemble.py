"""`awe ensemble`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from awe_cli.cli import console
from awe_cli.cli.completion import model_names
from awe_cli.cli.options import (
    DEFAULT_WORKSPACE,
    CheckpointOption,
    DryRunOption,
    FreshOption,
    JsonOption,
    QuietOption,
    ThreadsOption,
    WaitOption,
    WorkspaceOption,
    checkpoints_from,
    settings_from,
    settings_options,
)
from awe_cli.cli.progress import Shown, announce_compiling, showing_progress
from awe_cli.cli.train import report_model
from awe_cli.config.evaluate import EnsembleSettings

EXAMPLE = """
awe ensemble --model awe --model ease --name both
awe ensemble --model wsabie,item-knn,popularity --weights 2,1,0.5
"""


@settings_options(EnsembleSettings)
def ensemble(
    *,
    model: Annotated[
        list[str],
        typer.Option(
            "--model",
            "-m",
            autocompletion=model_names,
            help="Model to combine; several times, or separated by commas.",
        ),
    ],
    name: Annotated[str, typer.Option("--name", help="Name of the model.")] = "ensemble",
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    threads: ThreadsOption = None,
    fresh: FreshOption = False,
    checkpoint_every: CheckpointOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    wait: WaitOption = 0,
    quiet: QuietOption = False,
    **flags: Any,
) -> None:
    """Combine models linearly into one.

    The scores of each model are brought to mean 0 and deviation 1 over the candidate labels of an example, then
    added with weights. These are chosen on validation with the fits that have not seen it. The result is a
    model: it evaluates and predicts like any other.
    """
    from awe_cli.models.store import load_result
    from awe_cli.steps.ensemble import ensemble as step
    from awe_cli.workspace import Workspace

    announce_compiling()
    settings = settings_from(EnsembleSettings, "ensemble", workspace, flags).settings
    with showing_progress(lambda shown: shown, patiently=True) as show:
        made, is_new = step(
            Workspace(Path(workspace), dry_run=dry_run), model, settings,
            name=name, threads=threads, wait=wait, announce=console.log,
            on_search=lambda done, most: show(Shown("weights", done, most, "passes over validation")),
            checkpoints=checkpoints_from(fresh, checkpoint_every),
        )  # fmt: skip
    result = load_result(made)
    for part, weight in zip(result["models"], result["weights"], strict=True):
        console.log(f"{weight:.4g} × {part}")
    if result["validation"] is not None:
        console.log(f"{result['metric']} on validation {result['validation']:.4f}")
    report_model(made, is_new, as_json)
    console.next_step(f"awe evaluate --model {','.join([*result['models'], str(made.name)])}")
