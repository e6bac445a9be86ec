"""Shared locks on the artifacts that a process reads, so that `awe gc` in another one leaves them alone."""

from __future__ import annotations

import contextlib
import fcntl
import os
import weakref
from pathlib import Path

from awe_cli.workspace.artifact import MANIFEST

_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe in the place of a file must not be waited for
_MAX_HELD = 256  # open files; the locks held longest are given up first


class ReadLocks:
    """The artifacts that were opened through one workspace; released with it, or by the end of the process."""

    def __init__(self) -> None:
        self._held: dict[Path, int] = {}
        weakref.finalize(self, _close_all, self._held)

    def hold(self, folder: Path) -> None:
        """Lock the artifact in `folder`. Does nothing where it is gone or the file system has no locks."""
        if folder in self._held:
            return
        with contextlib.suppress(OSError):
            descriptor = os.open(folder / MANIFEST, _FLAGS)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH)  # waits only while gc removes this very folder
            except OSError:
                os.close(descriptor)
                raise
            self._held[folder] = descriptor
            if len(self._held) > _MAX_HELD:
                os.close(self._held.pop(next(iter(self._held))))

    def release(self) -> None:
        """Give up all locks."""
        _close_all(self._held)


def lock_for_removal(folder: Path) -> int | None:
    """A descriptor that keeps readers out of an artifact until it is closed; None where it is being read.

    Raises OSError where the manifest cannot be opened or the file system has no locks.
    """
    descriptor = os.open(folder / MANIFEST, _FLAGS)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _close_all(held: dict[Path, int]) -> None:
    while held:
        os.close(held.popitem()[1])
