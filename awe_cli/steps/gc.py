"""Remove what nothing names."""

from __future__ import annotations

from awe_cli.workspace import Workspace
from awe_cli.workspace.gc import Garbage, collect


def gc(
    workspace: Workspace, *, wait: float = False, dry_run: bool = False, keep: int | None = None
) -> list[Garbage]:
    """Remove the artifacts that no name leads to, and half-written ones; return what they were.

    `keep` versions of every name stay; None: the last of a name, the last three of an alias. What a process
    reads stays, too.

    Raises BusyError where another process writes and `wait` is False, CorruptArtifactError where a pointer
    or a manifest is unreadable (nothing is removed then), WriteError.
    """
    workspace.require()
    return collect(workspace, wait=wait, dry_run=dry_run, keep=keep)
