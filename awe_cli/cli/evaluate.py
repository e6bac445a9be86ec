"""`awe evaluate`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from awe_cli.cli import console
from awe_cli.cli.completion import model_names
from awe_cli.cli.options import (
    DEFAULT_WORKSPACE,
    DryRunOption,
    EngineOption,
    JsonOption,
    QuietOption,
    SchedulerOption,
    ThreadsOption,
    WaitOption,
    WorkspaceOption,
    settings_from,
    settings_options,
)
from awe_cli.cli.progress import Shown, announce_compiling, showing_progress
from awe_cli.config.evaluate import EvaluateSettings

if TYPE_CHECKING:
    from awe_cli.report.tables import Table
    from awe_cli.steps.evaluate import JudgeProgress

EXAMPLE = """
awe evaluate --model awe --at 1,10
awe evaluate --model popularity --model wsabie --model awe --metric recall@20,ndcg@20
awe evaluate --model wsabie,awe --by label-frequency --metric recall@10
awe evaluate --model awe --metrics-file metrics.json --metrics-file /var/lib/node_exporter/awe.prom
awe evaluate --model in-use,tonight --no-worse ndcg@20 --require "recall@20>=0.15"
"""


@settings_options(EvaluateSettings)
def evaluate(
    *,
    model: Annotated[
        list[str],
        typer.Option(
            "--model",
            "-m",
            autocompletion=model_names,
            help="Model to judge; several times, or separated by commas.",
        ),
    ],
    metrics_file: Annotated[
        list[str] | None,
        typer.Option(
            "--metrics-file",
            metavar="FILE",
            help="Write the figures to a file, too: flat JSON, as DVC reads it (.json), or for Prometheus "
            "in its text format (.prom). Several times.",
        ),
    ] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    threads: ThreadsOption = None,
    engine: EngineOption = None,
    scheduler: SchedulerOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    wait: WaitOption = 0,
    quiet: QuietOption = False,
    **flags: object,
) -> None:
    """Measure how well models rank held-out labels.

    Precision, recall and NDCG at k, MAP, MRR and coverage, over all labels, never a sample of them; with --metric
    also mean-rank, gini, popularity, novelty and psib, and of calibrated models ece and brier. With several models
    also the differences from the first, with paired bootstrap intervals. With --by the same by stratum: only its
    labels are then wanted, all stay candidates. Coverage, gini and ece are one number for the whole set, without
    interval or strata. The result is stored under metrics/, with --per-example also that of every example, as a
    table. --require and --no-worse are a gate: where a model fails, the exit code is 79; the files of --metrics-file
    are written all the same.
    """
    from awe_cli.evaluation.gate import make_gate, pass_gate
    from awe_cli.evaluation.metrics_file import check_metrics_file
    from awe_cli.io.remote import target_of
    from awe_cli.report.tables import comparison
    from awe_cli.steps.evaluate import evaluate as step
    from awe_cli.steps.evaluate import write_metrics
    from awe_cli.workspace import Workspace
    from awe_cli.workspace.checkpoints import CheckpointSettings

    announce_compiling()
    files = [check_metrics_file(target_of(name)) for name in metrics_file or ()]
    settings = settings_from(EvaluateSettings, "evaluate", workspace, flags).settings
    with showing_progress(describe, patiently=True) as on_progress:
        document, artifact, fresh = step(
            Workspace(workspace, dry_run=dry_run), model, settings,
            threads=threads, scheduler=scheduler, wait=wait,
            announce=lambda name: console.log(f"judging {name} …"), on_progress=on_progress,
            checkpoints=CheckpointSettings(log=console.log, warn=console.warn),
        )  # fmt: skip
    for warning in document["warnings"]:
        console.warn(warning)
    for name, judged in document["models"].items():
        console.record(f"{name} on {settings.split}", model=name, metrics=judged["metrics"])
    if as_json:
        console.print_json(document)
    else:
        _show(comparison(document))
    console.stored(f"metrics/{artifact.name}.json", artifact.digest, fresh)
    write_metrics(document, files)
    pass_gate(make_gate(settings), document)
    best = list(document["models"])[-1]
    console.next_step(f"awe predict --model {best} --top-k 10 --output predictions.parquet")


def _show(tables: Iterable[Table]) -> None:
    for number, table in enumerate(tables):
        if number:
            console.print_result()
        console.show(table)


def describe(progress: JudgeProgress) -> Shown:
    """How far the judging of a model is, in words."""
    return Shown(progress.model, progress.done, progress.total, "examples")
