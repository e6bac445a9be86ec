"""`awe rollback`."""

from __future__ import annotations

from typing import Annotated

import typer

from awe_cli.cli import console
from awe_cli.cli.completion import model_names
from awe_cli.cli.options import DEFAULT_WORKSPACE, JsonOption, QuietOption, WaitOption, WorkspaceOption
from awe_cli.cli.promote import report

EXAMPLE = """
awe rollback champion
awe rollback champion --to 3
"""


def rollback(
    alias: Annotated[
        str, typer.Argument(metavar="ALIAS", autocompletion=model_names, help="Alias to take back.")
    ],
    *,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="N|DIGEST", help="Version to go back to.  [the one before]"),
    ] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
    wait: WaitOption = False,
    quiet: QuietOption = False,
) -> None:
    """Let an alias mean again what it meant before.

    `awe models` lists the versions. A rollback is one more version: another rollback takes it back.
    """
    from awe_cli.steps.promote import rollback as step
    from awe_cli.workspace import Workspace

    report(step(Workspace(workspace), alias, to, wait=wait), as_json)
    console.next_step("awe models")
