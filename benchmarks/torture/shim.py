"""Every operation that changes a file as a point where a process can be killed, or the system can refuse.

`armed` replaces what Python, NumPy, zipfile and Arrow create, write, sync, rename and remove files with. A buffered
file keeps its buffer: a point is what would be a system call. Arrow's files are written through the same class, and
fail with the errors that Arrow has, which name no file.
"""

from __future__ import annotations

import builtins
import contextlib
import errno
import io
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.parquet import core as parquet_core

KILL, POWER = "kill", "power cut"
ERRORS = {name: getattr(errno, name) for name in ("ENOSPC", "EIO", "EACCES", "EMFILE")}
# What the system can answer with each of them. A full disk stays full; the others happen once.
REFUSED = {
    "ENOSPC": {"create", "write", "mkdir", "fsync", "rename"},
    "EIO": {"create", "write", "mkdir", "fsync", "rename", "unlink", "rmdir"},
    "EACCES": {"create", "mkdir", "rename", "unlink", "rmdir"},
}
READS = {"open", "read"}

_open, _os = io.open, {name: getattr(os, name) for name in dir(os) if callable(getattr(os, name))}


@dataclass
class Faults:
    """Which point of which kinds fails, and how.

    root    only what lies below it counts
    how     KILL, POWER, or a key of ERRORS; None counts points only
    at      the number of the point, from 1
    reads   whether opening and reading files for reading are the points, instead of changes
    seen    every point that was reached: what, and the file below `root`
    """

    root: Path
    how: str | None = None
    at: int = 0
    reads: bool = False
    seen: list[tuple[str, str]] = field(default_factory=list)
    _number: int = 0
    _unsynced: set[tuple[int, int]] = field(default_factory=set)
    _entries: list[tuple[str, Callable[[], None]]] = field(default_factory=list)

    def reach(
        self, what: str, path: Any, torn: Callable[[], None] = lambda: None, native: bool = False
    ) -> None:
        """A point: `torn` does a part of it, for a process that is killed in the middle."""
        text = os.fspath(path)
        text = os.path.abspath(text.decode() if isinstance(text, bytes) else text)
        if not text.startswith(f"{self.root}/") or (what in READS) != self.reads:
            return
        if self.how in REFUSED and not self.reads and what not in REFUSED[self.how]:
            return
        self._number += 1
        self.seen.append((what, text[len(str(self.root)) + 1 :]))
        if self.how is None or not (
            self._number == self.at or (self.how == "ENOSPC" and self._number > self.at)
        ):
            return
        if self.how in (KILL, POWER):
            torn()
            if self.how == POWER:
                self._lose()
            _os["kill"](os.getpid(), signal.SIGKILL)
        refuse(ERRORS[self.how], None if what in ("write", "read", "fsync") else text, native)

    # What a power cut takes: bytes and entries of folders that were not forced to the disk.

    def changed(self, descriptor: int) -> None:
        """Bytes of a file are in memory only."""
        status = os.fstat(descriptor)
        self._unsynced.add((status.st_dev, status.st_ino))

    def synced(self, descriptor: int, path: str) -> None:
        """A file or the entries of a folder are on the disk."""
        status = os.fstat(descriptor)
        self._unsynced.discard((status.st_dev, status.st_ino))
        self._entries = [(folder, undo) for folder, undo in self._entries if folder != path]

    def entered(self, path: Any, undo: Callable[[], None]) -> None:
        """A folder has, in memory only, a new entry, which `undo` takes back."""
        self._entries.append((os.path.dirname(os.path.abspath(os.fspath(path))), undo))

    def _lose(self) -> None:
        self.how = None
        for _, undo in reversed(self._entries):
            with contextlib.suppress(OSError):  # the folder it was in is gone already
                undo()
        for folder, _, files in os.walk(self.root):
            for name in files:
                path = os.path.join(folder, name)
                status = os.lstat(path)
                if (status.st_dev, status.st_ino) in self._unsynced:
                    _os["truncate"](path, 0)


def refuse(number: int, path: str | None, native: bool) -> NoReturn:
    """The error of the system: one of an open file names none, one of Arrow's in its text alone."""
    if native:
        raise OSError(number, f"Failed at '{path}'. Detail: [errno {number}] {os.strerror(number)}")
    if path is None:
        raise OSError(number, os.strerror(number))
    raise OSError(number, os.strerror(number), path)


class _Raw(io.FileIO):
    """A file whose writes are points."""

    faults: Faults
    native = False

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        half = view[: len(view) // 2]
        self.faults.reach("write", self.name, lambda: super(_Raw, self).write(half) and None, self.native)
        self.faults.changed(self.fileno())
        return super().write(view)

    def truncate(self, size: int | None = None) -> int:
        self.faults.reach("write", self.name, native=self.native)
        self.faults.changed(self.fileno())
        return super().truncate(size)

    def readinto(self, buffer: Any) -> int | None:
        self.faults.reach("read", self.name)
        return super().readinto(buffer)

    def readall(self) -> bytes:
        self.faults.reach("read", self.name)
        return super().readall()


def armed(faults: Faults) -> None:
    """Replace the functions of this process, for good: for one that was forked for a trial."""

    def opened(
        file: Any, mode: str = "r", buffering: int = -1, encoding: Any = None, errors: Any = None,
        newline: Any = None, closefd: bool = True, opener: Any = None, *, native: bool = False,
    ) -> Any:  # fmt: skip
        writes = any(letter in mode for letter in "wax+")
        if isinstance(file, int) or opener is not None:
            return _open(file, mode, buffering, encoding, errors, newline, closefd, opener)
        path = os.path.abspath(os.fspath(file))
        if isinstance(path, bytes) or not path.startswith(f"{faults.root}/") or writes == faults.reads:
            return _open(file, mode, buffering, encoding, errors, newline, closefd, opener)
        new = writes and not os.path.exists(path)
        faults.reach("create" if writes else "open", path, native=native)
        raw = _Raw(path, mode.replace("b", "").replace("t", ""))
        raw.faults, raw.native = faults, native
        if new:
            faults.entered(path, lambda: _os["unlink"](path))
        if writes and "w" in mode:
            faults.changed(raw.fileno())
        if buffering == 0:
            return raw
        kind = io.BufferedRandom if "+" in mode else io.BufferedWriter if writes else io.BufferedReader
        stream: Any = kind(raw)
        return stream if "b" in mode else io.TextIOWrapper(stream, encoding or "utf-8", errors, newline)

    def opening(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        full = below(path, dir_fd)
        if flags & (os.O_CREAT | os.O_WRONLY | os.O_RDWR):
            faults.reach("create", full)
        elif not flags & os.O_DIRECTORY:
            faults.reach("open", full)
        return _os["open"](path, flags, mode, dir_fd=dir_fd)

    def fsync(descriptor: Any) -> None:
        number = descriptor if isinstance(descriptor, int) else descriptor.fileno()
        path = os.readlink(f"/proc/self/fd/{number}")
        faults.reach("fsync", path)
        faults.synced(number, path)

    def renamed(name: str) -> Callable[..., None]:
        def rename(source: Any, target: Any, **rest: Any) -> None:
            faults.reach("rename", target)
            backup = None
            if faults.how == POWER and os.path.isfile(target):
                backup = f"{faults.root}.backup-{os.getpid()}-{len(faults.seen)}"
                _os["link"](target, backup)
            _os[name](source, target, **rest)

            def undo() -> None:
                _os["rename"](target, source)
                if backup:
                    _os["rename"](backup, target)

            faults.entered(target, undo)

        return rename

    def removed(what: str, name: str) -> Callable[..., None]:
        def remove(path: Any, *, dir_fd: int | None = None) -> None:
            full = below(path, dir_fd)
            if os.path.lexists(full):
                faults.reach(what, full)
            _os[name](path, dir_fd=dir_fd)

        return remove

    def mkdir(path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        full = below(path, dir_fd)
        if not os.path.lexists(full):
            faults.reach("mkdir", full)
        _os["mkdir"](path, mode, dir_fd=dir_fd)
        faults.entered(full, lambda: shutil.rmtree(full))

    def write(descriptor: int, data: Any) -> int:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        faults.reach("write", path, lambda: _os["write"](descriptor, data[: len(data) // 2]) and None)
        return _os["write"](descriptor, data)

    def below(path: Any, dir_fd: int | None) -> Any:
        return (
            path if dir_fd is None else os.path.join(os.readlink(f"/proc/self/fd/{dir_fd}"), os.fspath(path))
        )

    builtins.open = io.open = opened  # type: ignore[assignment]
    os.open, os.fsync, os.write, os.mkdir = opening, fsync, write, mkdir  # type: ignore[assignment]
    os.replace, os.rename = renamed("replace"), renamed("rename")
    os.unlink = os.remove = removed("unlink", "unlink")  # type: ignore[assignment]
    os.rmdir = removed("rmdir", "rmdir")  # type: ignore[assignment]
    _arm_arrow(faults, opened)


def _arm_arrow(faults: Faults, opened: Callable[..., Any]) -> None:
    """Arrow writes a path by itself, so it is handed an open file instead; what it reads fails on opening."""
    writer, reader = pq.ParquetWriter, pq.ParquetFile

    class Writer(writer):  # type: ignore[misc, valid-type]
        def __init__(self, where: Any, *rest: Any, **options: Any) -> None:
            self._own_file = opened(where, "wb", native=True) if isinstance(where, str | Path) else None
            super().__init__(pa.PythonFile(self._own_file) if self._own_file else where, *rest, **options)

        def close(self) -> None:
            super().close()
            if self._own_file:
                self._own_file.close()

    class Reader(reader):  # type: ignore[misc, valid-type]
        def __init__(self, source: Any, *rest: Any, **options: Any) -> None:
            if isinstance(source, str | Path):
                faults.reach("open", source, native=True)
                faults.reach("read", source, native=True)
            super().__init__(source, *rest, **options)

    pq.ParquetWriter = parquet_core.ParquetWriter = Writer
    pq.ParquetFile = parquet_core.ParquetFile = Reader
