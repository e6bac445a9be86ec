"""`awe retrain`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from awe_cli.cli import console
from awe_cli.cli.completion import model_names
from awe_cli.cli.options import (
    DEFAULT_WORKSPACE,
    AnywayOption,
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
from awe_cli.cli.progress import announce_compiling, showing_progress
from awe_cli.cli.train import describe, report_model
from awe_cli.config.train import RetrainSettings

EXAMPLE = """
awe retrain --model wsabie --affinity knn --name awe
awe retrain --model wsabie --epochs 0 --name product
awe retrain --model wsabie --affinity cluster --name fast
awe retrain --model wsabie --iterations 3 --name awe
awe retrain --model wsabie --affinity rare.py:Rare --built mine --name awe
awe retrain --model wsabie --affinity mix --mix knn,cluster,constant --mix-weights validation
awe retrain --model wsabie --affinity mix --mix knn:0.5,knn=wide:0.3,gaussian:0.2 --learn-mix
"""

_BUILT = "Name of G.  (default: MODEL-AFFINITY; for knn that of the model)"


@settings_options(RetrainSettings)
def retrain(
    *,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", autocompletion=model_names, help="Model to learn again.  (default: the only one)"
        ),
    ] = None,
    name: Annotated[str, typer.Option("--name", help="Name of the result.")] = "awe",
    built: Annotated[str | None, typer.Option("--built", "--neighbors", help=_BUILT)] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    threads: ThreadsOption = None,
    fresh: FreshOption = False,
    checkpoint_every: CheckpointOption = None,
    dry_run: DryRunOption = False,
    anyway: AnywayOption = False,
    as_json: JsonOption = False,
    wait: WaitOption = 0,
    quiet: QuietOption = False,
    **flags: Any,
) -> None:
    """Combine a trained model with pair weights G, and keep what ranks validation best.

    G is what `awe build-knn` or `awe build-affinity` built from the model. Candidates are the product G · S with the
    model's own U and V, and the model trained again with G fixed. The score S without G is shown beside them: where
    it ranks better, G does not help. With --iterations, G is built from the new U and both steps are repeated; each
    iteration is stored as NAME-1, NAME-2, …, and the best on validation is called NAME. The model must be linear: one
    of `awe train --affinity constant`, or of `awe retrain`.

    --affinity mix adds up several affinities, one or more of them built; knn=wide is the G named wide. Settings of
    affinities are those of `awe train`.
    """
    from awe_cli.steps.retrain import iterate
    from awe_cli.workspace import Workspace

    announce_compiling()
    settings = settings_from(RetrainSettings, "retrain", workspace, flags).settings
    with showing_progress(describe) as on_progress:
        best, is_new = iterate(
            Workspace(Path(workspace), dry_run=dry_run, anyway=anyway), model, settings,
            name=name, built=built, threads=threads, wait=wait, on_progress=on_progress, announce=console.log,
            checkpoints=checkpoints_from(fresh, checkpoint_every),
        )  # fmt: skip
    _report_kept(best)
    report_model(best, is_new, as_json)
    models = [str(best.name)] if model in (None, best.name) else [str(model), str(best.name)]
    console.next_step(f"awe evaluate --model {','.join(models)}")


def _report_kept(best: Any) -> None:
    """The candidates with what validation said, the one that was kept, and the weights of a mixture."""
    from awe_cli.models.store import load_result
    from awe_cli.report.tables import alone_line, candidates_table, kept_line, weights_line

    result = load_result(best)
    tried, weights = candidates_table(result), weights_line(result)
    if tried is not None:
        console.show(tried, to_stderr=True)
    console.log(kept_line(result))
    for line in (weights, alone_line(result)):
        if line is not None:
            console.log(line)
