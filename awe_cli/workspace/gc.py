"""Removing what nothing names: artifacts without a pointer or descendant, and half-written ones."""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from awe_cli.errors import CorruptArtifactError, refused_reading
from awe_cli.workspace.artifact import KINDS, MANIFEST, UNDECODABLE, Manifest, unreadable
from awe_cli.workspace.checkpoints import stale_checkpoints
from awe_cli.workspace.fs import make_folder, read_small, writing
from awe_cli.workspace.read_lock import lock_for_removal
from awe_cli.workspace.store import Workspace, read_pointer

KEPT_OF_ALIAS = 3  # versions, so that there is something to roll back to


@dataclass(frozen=True)
class Garbage:
    """A folder that nothing needs, and the bytes in it."""

    path: Path
    size: int


def garbage(workspace: Workspace, keep: int | None = None) -> list[Garbage]:
    """What could be removed, in order of path, whether it is being read or not.

    Kept is what the last `keep` versions of every name mean, everything that was made from, however far back, and
    checkpoints that a command may go on from. Without `keep`, that is the last version of a name and the last
    KEPT_OF_ALIAS of an alias. Call it with the lock held: only then is a folder in staging surely abandoned. Raises
    CorruptArtifactError where a pointer is unreadable, since then nothing can be known to be unused.
    """
    needed = _reachable(workspace, _named(workspace, keep))
    stored = [path for path in _folders(workspace.store) if path.name not in needed]
    unused = [
        *stored,
        *_folders(workspace.staging),
        *stale_checkpoints(workspace.root, needed, time.time()),
    ]
    return [Garbage(path, sum(f.stat().st_size for f in path.rglob("*") if f.is_file())) for path in unused]


def collect(
    workspace: Workspace, *, wait: float = False, dry_run: bool = False, keep: int | None = None
) -> list[Garbage]:
    """Remove and return what nothing needs; with `dry_run`, only return it. Raises BusyError, WriteError.

    What another process reads is left, with all it was made from. Readers hold a shared lock on the manifest
    of each artifact they opened (see read_lock); it is taken here exclusively before a folder is removed.
    """
    with workspace.shared_lock(wait) if dry_run else workspace.lock(wait), contextlib.ExitStack() as locks:
        workspace.readers.release()
        found = _unread(workspace, garbage(workspace, keep), locks)
        for item in found if not dry_run else []:
            _remove(workspace, item.path)
    return found


def _unread(workspace: Workspace, unused: list[Garbage], locks: contextlib.ExitStack) -> list[Garbage]:
    """Those that no process reads, nor anything made from them. They stay locked until `locks` is closed."""
    read: list[str] = []
    for item in unused:
        if item.path.parent != workspace.store:
            continue
        with contextlib.suppress(OSError):  # damaged, or a file system without locks: nobody can hold it
            descriptor = lock_for_removal(item.path)
            if descriptor is None:
                read.append(item.path.name)
            else:
                locks.callback(os.close, descriptor)
    kept = _reachable(workspace, read)
    return [item for item in unused if item.path.name not in kept]


def _remove(workspace: Workspace, path: Path) -> None:
    """Take a folder out of the store in one instant, so that it is never there in part, then delete it."""
    with writing(path):
        if path.parent == workspace.store:
            make_folder(workspace.staging)
            aside = workspace.staging / f"removed-{secrets.token_hex(4)}"
            os.replace(path, aside)
            path = aside
        shutil.rmtree(path)


def _reachable(workspace: Workspace, roots: Iterable[str]) -> set[str]:
    needed: set[str] = set()
    waiting = list(roots)
    while waiting:
        digest = waiting.pop()
        if digest not in needed:
            needed.add(digest)
            waiting += _parents(workspace.store / digest)
    return needed


def _named(workspace: Workspace, keep: int | None) -> Iterator[str]:
    for kind in KINDS.values():
        names = workspace.names(kind.name) if kind.folder else [None]
        for name in names:
            pointer = read_pointer(kind.pointer(workspace.root, name))
            if pointer is not None:
                last = keep or (KEPT_OF_ALIAS if pointer.is_alias else 1)
                digests = dict.fromkeys(version.digest for version in reversed(pointer.versions))
                yield from itertools.islice(digests, last)


def _parents(folder: Path) -> list[str]:
    source = folder / MANIFEST
    try:
        return list(Manifest.decode(read_small(source)).recipe.parents.values())
    except FileNotFoundError:
        return []
    except (OSError, *UNDECODABLE) as error:
        if refused_reading(error):
            raise unreadable(source, "a manifest", error) from error
        raise CorruptArtifactError(
            f"{source}: expected a manifest, found {error!r}: what it was made from is unknown",
            hint=f"nothing was removed; remove {folder} and run the step that makes it again",
        ) from error


def _folders(path: Path) -> list[Path]:
    return sorted(p for p in path.iterdir() if p.is_dir()) if path.is_dir() else []
