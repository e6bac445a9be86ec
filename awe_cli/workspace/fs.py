"""Writes that survive a power cut, and system errors turned into messages a person can act on."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from awe_cli.errors import NO_ROOM, WriteError

_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_NOT_A_FOLDER = frozenset({errno.ENOTDIR, errno.EEXIST, errno.EISDIR})


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an OSError inside the block into a WriteError that names `path`."""
    try:
        yield
    except OSError as error:
        raise write_error(path, error) from error


def write_error(path: Path, error: OSError) -> WriteError:
    """The WriteError for a system error met while writing `path`."""
    if error.errno in NO_ROOM:
        hint = (
            "make room on that disk (`awe gc` removes what nothing uses any more) and run the command again"
        )
    elif error.errno in _FORBIDDEN:
        hint = "allow writing there, or name another workspace with --workspace"
    elif error.errno in _NOT_A_FOLDER:
        hint = "a file stands where a folder is needed: name another path"
    else:
        hint = "what was there before is untouched"
    where = error.filename if isinstance(error.filename, str) else str(path)
    reason = error.strerror or str(error)
    return WriteError(f"cannot write {where}: {reason}", hint=hint)


def is_write_failure(error: OSError, path: Path) -> bool:
    """Whether `error` says that writing below `path` failed, rather than reading somewhere else."""
    if isinstance(error.filename, str):
        return Path(error.filename).is_relative_to(path)
    return error.errno in NO_ROOM | {errno.EROFS, errno.EIO}


def make_folder(path: Path) -> None:
    """Make a folder and those above it, durably; WriteError where that is impossible."""
    with writing(path):
        if not path.is_dir():
            make_folder(path.parent)
            path.mkdir(exist_ok=True)
            sync_folder(path.parent)


def replace_file(path: Path, content: bytes) -> None:
    """Put `content` at `path` at one instant: a reader finds the old bytes or the new ones, whole."""
    draft = path.with_name(f".{path.name}.new")
    with writing(path):
        try:
            with open(draft, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, path)
        except OSError:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def sync_file(path: Path) -> None:
    """Force the bytes of a file onto the disk."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Force the entries of a folder onto the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_small(path: Path, limit: int = 1 << 24) -> bytes:
    """The bytes of a regular file of at most `limit` bytes; ValueError for a pipe, a device or a larger one.

    A pipe would otherwise be waited for without end, and a device read without end.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"not a regular file: {stat.filemode(status.st_mode)}")
        if status.st_size > limit:
            raise ValueError(f"{status.st_size} bytes, more than the {limit} that such a file can have")
        return file.read(limit)


def file_digest(path: Path) -> str:
    """sha256 of a file, in hexadecimal, read in pieces."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_EXCHANGE = 2  # RENAME_EXCHANGE of Linux
_HERE = -100  # AT_FDCWD


def replace_folder(draft: Path, path: Path) -> None:
    """Put the folder `draft` at `path` at one instant; what was there is removed afterwards.

    Where the system cannot exchange two folders, there is a moment with none. Raises OSError.
    """
    if not path.is_dir():
        os.rename(draft, path)
    elif _exchange(draft, path):
        shutil.rmtree(draft, ignore_errors=True)
    else:
        before = draft.with_name(f"{draft.name}.before")
        os.rename(path, before)
        os.rename(draft, path)
        shutil.rmtree(before, ignore_errors=True)
    sync_folder(path.parent)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders at one instant; whether the system can."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    return rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0
