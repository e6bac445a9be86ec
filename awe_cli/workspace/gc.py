"""Removing what nothing names: artifacts without a pointer or descendant, and half-written ones."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from awe_cli.errors import CorruptArtifactError
from awe_cli.workspace.artifact import KINDS, MANIFEST, Manifest
from awe_cli.workspace.fs import writing
from awe_cli.workspace.store import Workspace, read_pointer


@dataclass(frozen=True)
class Garbage:
    """A folder that nothing needs, and the bytes in it."""

    path: Path
    size: int


def garbage(workspace: Workspace) -> list[Garbage]:
    """What could be removed, in order of path.

    Everything that a pointer names is kept, and everything that was made from, however far back. Call it
    with the lock held: only then is a folder in staging surely abandoned. Raises CorruptArtifactError
    where a pointer is unreadable, since then nothing can be known to be unused.
    """
    needed = _reachable(workspace)
    stored = [path for path in _folders(workspace.store) if path.name not in needed]
    unused = stored + _folders(workspace.staging)
    return [Garbage(path, sum(f.stat().st_size for f in path.rglob("*") if f.is_file())) for path in unused]


def collect(workspace: Workspace, *, wait: bool = False, dry_run: bool = False) -> list[Garbage]:
    """Remove and return what nothing needs; with `dry_run`, only return it. Raises BusyError, WriteError."""
    with workspace.lock(wait):
        found = garbage(workspace)
        for item in found if not dry_run else []:
            with writing(item.path):
                shutil.rmtree(item.path)
    return found


def _reachable(workspace: Workspace) -> set[str]:
    needed: set[str] = set()
    waiting = list(_named(workspace))
    while waiting:
        digest = waiting.pop()
        if digest not in needed:
            needed.add(digest)
            waiting += _parents(workspace.store / digest)
    return needed


def _named(workspace: Workspace) -> Iterator[str]:
    for kind in KINDS.values():
        names = workspace.names(kind.name) if kind.folder else [None]
        for name in names:
            pointer = read_pointer(kind.pointer(workspace.root, name))
            if pointer is not None:
                yield pointer.digest


def _parents(folder: Path) -> list[str]:
    source = folder / MANIFEST
    try:
        return list(Manifest.decode(source.read_bytes()).recipe.parents.values())
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptArtifactError(
            f"{source}: expected a manifest, found {error!r}: what it was made from is unknown",
            hint=f"nothing was removed; remove {folder} and run the step that makes it again",
        ) from error


def _folders(path: Path) -> list[Path]:
    return sorted(p for p in path.iterdir() if p.is_dir()) if path.is_dir() else []
