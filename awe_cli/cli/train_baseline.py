"""`awe train-baseline`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from awe_cli.cli import console
from awe_cli.cli.completion import words
from awe_cli.cli.options import (
    DEFAULT_WORKSPACE,
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
from awe_cli.cli.train import report_model
from awe_cli.config import settings_of
from awe_cli.config.baselines import SETTINGS
from awe_cli.errors import UsageError

EXAMPLE = """
awe train-baseline popularity
awe train-baseline knn --neighbors wsabie --name embedding-knn
awe train-baseline svd --dim 64 --unweighted --name svd-64
awe evaluate --model popularity --model wsabie
"""
_NAMES = ", ".join(SETTINGS)


@settings_options(*SETTINGS.values())
def train_baseline(
    method: Annotated[
        str,
        typer.Argument(autocompletion=words(SETTINGS), help=f"Which baseline: {_NAMES}.", metavar="BASELINE"),
    ],
    *,
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the model.  (default: the baseline's)")
    ] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    threads: ThreadsOption = None,
    engine: EngineOption = None,
    scheduler: SchedulerOption = None,
    fresh: FreshOption = False,
    checkpoint_every: CheckpointOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    wait: WaitOption = 0,
    quiet: QuietOption = False,
    **flags: Any,
) -> None:
    """Fit a simple model that others should beat.

    popularity ranks labels by how many training examples have them, the same for everyone. knn ranks the labels
    of the nearest training examples in the embedding space of the model that a table was built from;
    input-knn those of the nearest by the input itself, tree-knn of those in one leaf of a random-projection tree.
    kernel-ridge learns by least squares what each label gains by the similarity to each training example.
    svd, lsi, nmf and ials factorize the matrix of examples; the others learn a weight for each feature and label.

    Settings that are not given are chosen on validation with a fit on train alone, as in `awe train`.
    """
    from awe_cli.baselines.registry import find_baseline
    from awe_cli.models.store import load_result
    from awe_cli.report.tables import tried_table
    from awe_cli.steps.train_baseline import train_baseline as step
    from awe_cli.workspace import Workspace

    announce_compiling()
    cls = SETTINGS[find_baseline(method).name]
    refuse_foreign(method, cls, flags)
    given: Any = settings_from(cls, "train-baseline", workspace, flags, list(SETTINGS.values())).settings
    ws = Workspace(Path(workspace), dry_run=dry_run)
    model, is_new = step(
        ws,
        method,
        given,
        name=name,
        threads=threads,
        scheduler=scheduler,
        wait=wait,
        announce=console.log,
        warn=console.warn,
        checkpoints=checkpoints_from(fresh, checkpoint_every),
    )
    tried = tried_table(load_result(model))
    if tried is not None:
        console.show(tried, to_stderr=True)
    report_model(model, is_new, as_json)
    console.next_step(f"awe evaluate --model {model.name}")


def refuse_foreign(method: str, cls: type, flags: Mapping[str, Any]) -> None:
    """Raise UsageError for an option that is given and belongs to other baselines."""
    own = {setting.name for setting in settings_of(cls)}
    for name, value in flags.items():
        if value is None or name in own:
            continue
        owners = {other: s for other, c in SETTINGS.items() for s in settings_of(c) if s.name == name}
        flag = next(iter(owners.values())).flag
        raise UsageError(
            f"{flag} is not a setting of {method}", hint=f"it is for {', '.join(owners)}; leave it out"
        )
