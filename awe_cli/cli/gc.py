"""`awe gc`."""

from __future__ import annotations

from typing import Annotated

import typer

from awe_cli.cli import console
from awe_cli.cli.console import bytes_in_words
from awe_cli.cli.options import DEFAULT_WORKSPACE, JsonOption, QuietOption, WaitOption, WorkspaceOption

EXAMPLE = """
awe gc --dry-run --json
awe gc
awe gc --keep 7
"""


def gc(
    *,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be removed.")] = False,
    keep: Annotated[
        int | None,
        typer.Option(
            "--keep",
            min=1,
            metavar="<int>",
            help="Versions of every name and alias to keep, the newest first.  [1 of a name, 3 of an alias]",
        ),
    ] = None,
    as_json: JsonOption = False,
    wait: WaitOption = 0,
    quiet: QuietOption = False,
) -> None:
    """Remove artifacts that no name leads to.

    Also what interrupted steps left behind. Everything that has a name is kept, and everything it was made
    from; so is what a process reads at this moment. The paths of what was removed go to standard output.
    """
    from awe_cli.steps.gc import gc as step
    from awe_cli.workspace import Workspace

    removed = step(Workspace(workspace), wait=wait, dry_run=dry_run, keep=keep)
    if as_json:
        folders = [{"path": str(item.path), "bytes": item.size} for item in removed]
        console.print_json(
            {"removed": not dry_run, "folders": folders, "bytes": sum(item.size for item in removed)}
        )
    else:
        for item in removed:
            console.print_result(str(item.path))
    done = "would free" if dry_run else "freed"
    console.log(f"{len(removed)} folders, {done} {bytes_in_words(sum(item.size for item in removed))}")
