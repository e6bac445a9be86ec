"""What is in a workspace, and whether it was made from what is there now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from awe_cli.errors import CorruptArtifactError, MissingInputError, refused_reading
from awe_cli.workspace import KINDS, Artifact, Workspace


@dataclass(frozen=True)
class Entry:
    """One name in a workspace.

    digest   None where the artifact cannot be read
    size     bytes
    created  UTC, ISO 8601
    parents  role → name of the artifact it was made from, or the start of its digest where no name is left
    state    "current", "stale", "corrupt", or "unreadable" where the system refuses to read it
    reason   why it is not current
    hint     what to do about that, where it is corrupt or unreadable
    """

    kind: str
    name: str | None
    state: str
    reason: str = ""
    digest: str | None = None
    size: int = 0
    created: str | None = None
    parents: Mapping[str, str] = field(default_factory=dict)
    hint: str = ""


def status(workspace: Workspace, *, verify: bool = False) -> list[Entry]:
    """Every name in the workspace, in the order in which the steps make them.

    An artifact is stale where it was made, however far back, from a dataset or another artifact that no
    name means any more. With `verify`, the sha256 of every file is checked. Raises MissingInputError where
    there is no workspace.
    """
    workspace.require()
    found = [_open(workspace, kind, name, verify) for kind, name in _names(workspace)]
    current = {a.digest: a.name or a.kind for a in found if isinstance(a, Artifact)}
    return [_entry(workspace, a, current) if isinstance(a, Artifact) else a for a in found]


def _names(workspace: Workspace) -> Iterator[tuple[str, str | None]]:
    for kind in KINDS.values():
        if kind.folder is not None:
            yield from ((kind.name, name) for name in workspace.names(kind.name))
        elif kind.pointer(workspace.root, None).exists():
            yield kind.name, None


def _open(workspace: Workspace, kind: str, name: str | None, verify: bool) -> Artifact | Entry:
    try:
        return workspace.find(kind, name, verify=verify)
    except (CorruptArtifactError, MissingInputError) as error:
        state = "unreadable" if refused_reading(error) else "corrupt"
        return Entry(kind, name, state, error.message, hint=error.hint or "")


def _entry(workspace: Workspace, artifact: Artifact, current: Mapping[str, str]) -> Entry:
    reason = _why_stale(workspace, artifact, current)
    return Entry(
        kind=artifact.kind,
        name=artifact.name,
        state="stale" if reason else "current",
        reason=reason,
        digest=artifact.digest,
        size=artifact.size,
        created=artifact.created,
        parents={role: current.get(digest, digest[:12]) for role, digest in artifact.parents.items()},
    )


def _why_stale(workspace: Workspace, artifact: Artifact, current: Mapping[str, str]) -> str:
    """The first ancestor without a name, in words; empty where there is none."""
    for role, digest in sorted(artifact.parents.items()):
        if digest not in current:
            return f"made from an earlier {role}"
    for digest in sorted(set(artifact.parents.values())):
        try:
            reason = _why_stale(workspace, workspace.open(digest), current)
        except (CorruptArtifactError, MissingInputError):
            continue  # listed as corrupt under its own name
        if reason:
            return f"{current[digest]} was {reason}"
    return ""
