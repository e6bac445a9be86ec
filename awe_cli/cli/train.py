"""`awe train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from awe_cli.cli import console
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
from awe_cli.cli.progress import Shown, announce_compiling, showing_progress
from awe_cli.config.train import TrainSettings

if TYPE_CHECKING:
    from awe_cli.training.trainer import Progress

EXAMPLE = """
awe train --affinity constant --name wsabie
awe train --loss auc --name auc
awe train --affinity linear-sigmoid --beta 0.25 --start wsabie --name sigmoid
awe train --affinity mix --mix constant,gaussian --mix-weights validation
awe train --affinity mix --mix constant,gaussian --learn-mix
awe train --affinity pair-weights --pairs pairs.parquet --pair-form add
awe train --affinity constant --shards 8 --scheduler tcp://10.0.0.5:8786 --name wsabie
awe train --affinity softplus.py:Softplus --set gain=8 --name mine
"""


@settings_options(TrainSettings)
def train(
    *,
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the model.  (default: that of the affinity)")
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
    """Train an embedding model (WSABIE by default).

    With --affinity constant this is WSABIE; other affinities are learned jointly with U and V.

    Where there is a validation split, it chooses the configuration and the number of epochs, by a fit on train alone.
    The model is then fitted once more on train and valid. `evaluate --split valid` uses the first fit, all else the
    second. With --mix-weights validation the weights of a mixture are chosen there, too.
    """
    from awe_cli.models.store import load_result
    from awe_cli.report.tables import chosen_lines
    from awe_cli.steps.train import train as step
    from awe_cli.workspace import Workspace

    announce_compiling()
    settings = settings_from(TrainSettings, "train", workspace, flags).settings
    if scheduler is not None and settings.shards == 1:
        console.log("one shard is trained in this process; --shards N shares training out to a cluster")
    with showing_progress(describe) as on_progress:
        model, is_new = step(
            Workspace(Path(workspace), dry_run=dry_run, anyway=anyway), settings,
            name=name, threads=threads, scheduler=scheduler, wait=wait, on_progress=on_progress,
            checkpoints=checkpoints_from(fresh, checkpoint_every),
        )  # fmt: skip
    for line in chosen_lines(load_result(model)):
        console.log(line)
    report_model(model, is_new, as_json)
    onward = "build-knn" if settings.affinity == "constant" else "evaluate"  # G is built on a linear model
    console.next_step(f"awe {onward} --model {model.name}")


def describe(progress: Progress) -> Shown:
    """One epoch in words; a run of several that are tried is named by what sets its plan apart."""
    report, plan = progress.report, progress.plan
    figures = f"loss {report.loss:.3f}"
    if plan.loss != "regression":
        figures += f", {report.violation_rate:.0%} violated, {report.mean_trials:.1f} trials"
    if progress.validation is not None:
        figures = f"valid {progress.validation:.4f}, {figures}"
    stage = "" if progress.stage in ("constant", "retrained", "fold") else f"{progress.stage}, "
    apart = (f", {name.replace('_', ' ')} {getattr(plan, name):g}" for name in progress.apart)
    metrics = {"loss": report.loss, "validation": progress.validation}
    if plan.loss != "regression":
        metrics |= {"violation_rate": report.violation_rate, "mean_trials": report.mean_trials}
    task = f"{stage}{progress.fit}{''.join(apart)}"
    return Shown(task, report.epoch, progress.epochs, figures, metrics)


def report_model(model: Any, fresh: bool, as_json: bool) -> None:
    """Say where a model is; with --json print what was chosen."""
    from awe_cli.models.store import load_result

    console.stored(f"models/{model.name}.json", model.digest, fresh)
    if as_json:
        console.print_json({"model": model.name, "digest": model.digest, "made": fresh, **load_result(model)})
