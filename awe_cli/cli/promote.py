"""`awe promote`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from awe_cli.cli import console
from awe_cli.cli.completion import model_names
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
from awe_cli.cli.progress import announce_compiling
from awe_cli.config.promote import PromoteSettings

if TYPE_CHECKING:
    from awe_cli.steps.promote import Promotion

EXAMPLE = """
awe promote tonight --as champion --if "ndcg@20 >= champion - 0.002"
awe promote tonight --as champion --if "ndcg@20 >= champion" --if "recall@20>=0.15" --confident
awe predict --model champion --output recommendations.parquet
"""


@settings_options(PromoteSettings)
def promote(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", autocompletion=model_names, help="Model to promote.")
    ],
    *,
    alias: Annotated[str, typer.Option("--as", metavar="ALIAS", help="The name to give to it.")],
    conditions: Annotated[
        list[str] | None,
        typer.Option(
            "--if",
            metavar="CONDITION",
            help="METRIC >= NUMBER, or METRIC >= MODEL - NUMBER; also >, <=, <, +. Several times: all must hold.",
        ),
    ] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    threads: ThreadsOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    wait: WaitOption = False,
    quiet: QuietOption = False,
    **flags: object,
) -> None:
    """Let an alias mean a model, if it is good enough.

    An alias can stand wherever a model is named. With --if both models are judged on the same held-out
    examples; where a condition does not hold, the exit code is 79 and the alias stays as it was. A condition that
    names the alias is met where there is no such alias yet. `awe rollback` takes a promotion back.
    """
    from awe_cli.steps.promote import promote as step
    from awe_cli.workspace import Workspace

    announce_compiling()
    settings = settings_from(PromoteSettings, "promote", workspace, flags).settings
    made = step(
        Workspace(workspace, dry_run=dry_run),
        model,
        alias,
        conditions or (),
        settings,
        threads=threads,
        wait=wait,
    )
    report(made, as_json)
    console.next_step(f"awe predict --model {alias} --top-k 10 --output predictions.parquet")


def report(made: Promotion, as_json: bool) -> None:
    """What an alias means now; also for `awe rollback`."""
    for verdict in made.verdicts:
        console.log(verdict.line)
    now = made.now
    if as_json:
        console.print_json(
            {
                "alias": made.alias,
                "model": now.source,
                "digest": now.digest,
                "version": now.number,
                "before": made.before,
                "changed": made.changed,
                "conditions": [dataclasses.asdict(verdict) for verdict in made.verdicts],
            }
        )
    what = f"{now.source} ({now.digest[:12]}), version {now.number}"
    console.log(f"{made.alias} is {'now' if made.changed else 'already'} {what}")
