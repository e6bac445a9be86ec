"""One writer per workspace: a lock of the kernel's, so that even `kill -9` releases it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from awe_cli.errors import BusyError
from awe_cli.workspace.fs import make_folder, writing

LOCK = ".lock"


class WriteLock:
    """The right to write to a workspace. May be taken again by the object that holds it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._file: IO[str] | None = None
        self._depth = 0

    def acquire(self, *, wait: float) -> None:
        """Take the lock; BusyError where another process still holds it after `wait` seconds (True: no end)."""
        if self._depth == 0:
            self._file = self._open(wait)
        self._depth += 1

    @contextlib.contextmanager
    def shared(self, *, wait: float) -> Iterator[None]:
        """Keep writers out inside the block, and write nothing; BusyError as `acquire`."""
        path = self._root / LOCK
        try:
            file = open(path, encoding="utf-8")  # noqa: SIM115 - closed below
        except OSError:  # nobody ever wrote, or this user may not ask
            yield
            return
        with file:
            _flock(file, path, wait)
            yield

    def release(self) -> None:
        """Give the lock back, once for each time it was taken."""
        self._depth -= 1
        if self._depth == 0 and self._file is not None:
            self._file.close()
            self._file = None

    def _open(self, wait: float) -> IO[str]:
        make_folder(self._root)
        path = self._root / LOCK
        with writing(path):
            file = open(path, "a+", encoding="utf-8")  # noqa: SIM115 - stays open as long as the lock is held
        try:
            _flock(file, path, wait)
            _sign(file, path)
        except BaseException:
            file.close()
            raise
        return file


def _flock(file: IO[str], path: Path, wait: float) -> None:
    end = time.monotonic() + (0 if wait is True else wait)
    with writing(path):
        try:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX if wait is True else fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= end:
                        raise
                    time.sleep(0.1)
        except BlockingIOError:
            file.seek(0)
            holder = _holder(file.read())
            raise BusyError(
                f"the workspace {path.parent} is being written by {holder}",
                hint="try again later, or wait for it with --wait",
            ) from None


def _sign(file: IO[str], path: Path) -> None:
    """Say in the lock's file which process holds it."""
    with writing(path):
        file.truncate(0)
        command = " ".join(["awe", *sys.argv[1:]])[:200]
        file.write(f"process {os.getpid()}\n{time.time():.0f}\n{command}\n")
        file.flush()


def _holder(content: str) -> str:
    """Which process holds the lock, since when and with which command, as far as it has written that."""
    process, since, command = (*content.split("\n", 2), "", "", "")[:3]
    age = f" for {max(0, time.time() - int(since)):.0f} s" if since.isdigit() else ""
    return f"{process or 'another process'}{age}{f' ({command.strip()})' if command.strip() else ''}"
