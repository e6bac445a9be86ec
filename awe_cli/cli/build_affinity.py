"""`awe build-affinity`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from awe_cli.cli import console
from awe_cli.cli.build_knn import report_neighbors
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
from awe_cli.cli.progress import announce_compiling
from awe_cli.config.build import BuildAffinitySettings

EXAMPLE = """
awe build-affinity --model wsabie --affinity cluster
awe build-affinity --model wsabie --affinity latent-rbf --lambda-y inf --pairs 50000
awe build-affinity --model wsabie --affinity kernel --kernel-x cosine --name by-angle
awe build-affinity --model wsabie --affinity rare.py:Rare --set power=2 --name mine
awe build-affinity --model wsabie --affinity latent-rbf --scheduler tcp://10.0.0.5:8786
"""


@settings_options(BuildAffinitySettings)
def build_affinity(
    *,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            autocompletion=model_names,
            help="Model that G is built from.  (default: the only one)",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Name of G.  (default: MODEL-AFFINITY; for knn the model's)")
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
    """Compute pair weights of any built affinity from a trained model, for `retrain`.

    The affinities are knn, knn-approximate, rbf, latent-rbf, hybrid-latent-rbf, kernel and cluster, or a type in a
    file of your own. G of a training example leaves that example out. Settings that are not given are chosen on
    validation, by how well G · S ranks. With knn this is build-knn.
    """
    from awe_cli.models.store import load_result
    from awe_cli.steps.build_affinity import build_affinity as step
    from awe_cli.workspace import Workspace
    from awe_cli.workspace.artifact import KINDS

    announce_compiling()
    settings = settings_from(BuildAffinitySettings, "build-affinity", workspace, flags).settings
    ws = Workspace(Path(workspace), dry_run=dry_run, anyway=anyway)
    built, is_new = step(
        ws, model, settings,
        name=name, threads=threads, scheduler=scheduler, wait=wait, announce=console.log,
        checkpoints=checkpoints_from(fresh, checkpoint_every),
    )  # fmt: skip
    result = load_result(built)
    _report(result)
    console.stored(f"{KINDS[built.kind].folder}/{built.name}.json", built.digest, is_new)
    if as_json:
        about = {"affinity": settings.affinity, "name": built.name, "digest": built.digest, "made": is_new}
        console.print_json({**about, **result})
    base = model or ws.name_of("model", built.parents["model"])
    named = f" --built {name}" if name else ""
    console.next_step(f"awe retrain --model {base} --affinity {settings.affinity}{named} --name awe")


def _report(result: dict[str, Any]) -> None:
    """What was tried, and what was found for each fit."""
    from awe_cli.report.tables import fit_lines, tried_table

    if "k" in result:
        report_neighbors(result)
        return
    tried = tried_table(result)
    if tried is not None:
        console.show(tried, to_stderr=True)
    for line in fit_lines(result):
        console.log(line)
