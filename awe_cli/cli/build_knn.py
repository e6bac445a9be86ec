"""`awe build-knn`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from awe_cli.cli import console
from awe_cli.cli.completion import model_names
from awe_cli.cli.options import (
    DEFAULT_WORKSPACE,
    AnywayOption,
    CheckpointOption,
    DryRunOption,
    EngineOption,
    FreshOption,
    JsonOption,
    QuietOption,
    SchedulerOption,
    ThreadsOption,
    WaitOption,
    WorkspaceOption,
    checkpoints_from,
    settings_from,
    settings_options,
)
from awe_cli.cli.progress import announce_compiling, showing_progress
from awe_cli.cli.train import describe
from awe_cli.config.build import BuildKnnSettings

if TYPE_CHECKING:
    from awe_cli.workspace import Artifact, Workspace

EXAMPLE = """
awe build-knn --model wsabie
awe build-knn --model wsabie --k 50 --lambda 2.5 --approximate hnsw --name rough
awe build-knn --model wsabie --scheduler tcp://10.0.0.5:8786
"""


@settings_options(BuildKnnSettings)
def build_knn(
    *,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            autocompletion=model_names,
            help="Model whose U is used.  (default: the only one)",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the table.  (default: the model's)")
    ] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    threads: ThreadsOption = None,
    engine: EngineOption = None,
    scheduler: SchedulerOption = None,
    fresh: FreshOption = False,
    checkpoint_every: CheckpointOption = None,
    dry_run: DryRunOption = False,
    anyway: AnywayOption = False,
    as_json: JsonOption = False,
    wait: WaitOption = 0,
    quiet: QuietOption = False,
    **flags: Any,
) -> None:
    """Compute k-NN pair weights from a trained model, for `retrain`.

    Finds the neighbours of each training example in the embedding space of the model, and weighs them by their
    distances. An example is never its own neighbour. In annotation, neighbours by the input itself may make up half
    of G. Settings that are not given are chosen on validation.
    """
    from awe_cli.models.store import load_result
    from awe_cli.steps.build_knn import build_knn as step
    from awe_cli.workspace import Workspace

    announce_compiling()
    settings = settings_from(BuildKnnSettings, "build-knn", workspace, flags).settings
    ws = Workspace(Path(workspace), dry_run=dry_run, anyway=anyway)
    with showing_progress(describe) as on_progress:
        table, is_new = step(
            ws, model, settings,
            name=name, threads=threads, scheduler=scheduler, wait=wait,
            announce=console.log, on_progress=on_progress,
            checkpoints=checkpoints_from(fresh, checkpoint_every),
        )  # fmt: skip
    result = load_result(table)
    report_neighbors(result)
    console.stored(f"neighbors/{table.name}.json", table.digest, is_new)
    if as_json:
        console.print_json({"neighbors": table.name, "digest": table.digest, "made": is_new, **result})
    console.next_step(_onward(ws, model, table))


def report_neighbors(result: dict[str, Any]) -> None:
    """What was tried of neighbours, and what was chosen."""
    from awe_cli.report.tables import neighbors_line, neighbors_table

    tried = neighbors_table(result)
    if tried is not None:
        console.show(tried, to_stderr=True)
    console.log(neighbors_line(result))


def _onward(ws: Workspace, model: str | None, table: Artifact) -> str:
    """The command that puts a table to use: with a model that is not linear, a baseline is all that it can be."""
    from awe_cli.models.store import is_linear

    base = model or ws.name_of("model", table.parents["model"])
    other = "" if table.name == base else f" --neighbors {table.name}"
    if is_linear(ws.find("model", base)):
        return f"awe retrain --model {base}{other} --name awe"
    return f"awe train-baseline knn --neighbors {table.name} --name {table.name}-knn"
