"""`awe status`."""

from __future__ import annotations

from typing import Annotated

import typer

from awe_cli.cli import console
from awe_cli.cli.console import bytes_in_words
from awe_cli.cli.options import DEFAULT_WORKSPACE, JsonOption, QuietOption, WorkspaceOption

EXAMPLE = """
awe status
awe status --verify --json
"""


def status(
    *,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    verify: Annotated[bool, typer.Option("--verify", help="Read every file and check its sha256.")] = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Show what is in the workspace, and what is stale.

    Names, sizes, and what each artifact was made from. An artifact is stale where it was made from a dataset
    or model that has been replaced since.
    """
    import dataclasses

    from awe_cli.errors import CorruptArtifactError, MissingInputError
    from awe_cli.steps.status import status as step
    from awe_cli.workspace import Workspace

    entries = step(Workspace(workspace), verify=verify)
    if as_json:
        console.print_json([dataclasses.asdict(entry) for entry in entries])
    else:
        columns = ("kind", "name", "size", "made (UTC)", "from", "state")
        rows = [
            (
                entry.kind,
                entry.name,
                bytes_in_words(entry.size),
                (entry.created or "")[:16].replace("T", " "),
                ", ".join(dict.fromkeys(entry.parents.values())),
                f"{entry.state}: {entry.reason}" if entry.reason else entry.state,
            )
            for entry in entries
        ]
        console.table("", columns, rows, keys=2)
    for state, error in (("corrupt", CorruptArtifactError), ("unreadable", MissingInputError)):
        broken = [entry for entry in entries if entry.state == state]
        if broken:
            raise error(broken[0].reason, hint=broken[0].hint)
    if not entries:
        console.next_step("awe prepare FILE --user COLUMN --item COLUMN")
