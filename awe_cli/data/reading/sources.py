"""Input files: where they are, how they are packed, which format they hold."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from awe_cli.data.reading.detect import FORMATS, format_of, packing_of, unpack_head
from awe_cli.errors import DataError, MissingInputError, UsageError, WriteError, nearest

STDIN = "-"
_HEAD = 1 << 16


@dataclass(frozen=True)
class Source:
    """One input: `name` is what the user called it, `path` the file that holds it (a spool for stdin)."""

    name: str
    path: Path
    packing: str | None  # "gzip", "zstd" or None
    format: str  # one of FORMATS

    def open(self) -> pa.NativeFile:
        """A stream of the unpacked bytes."""
        raw = pa.OSFile(str(self.path), "rb")
        return pa.CompressedInputStream(raw, self.packing) if self.packing else raw

    def sha256(self) -> str:
        """The digest of the file as it is stored (hex)."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def find_source(name: str, path: Path, format: str | None = None) -> Source:
    """Look at a file and say what it is.

    Raises MissingInputError where there is no readable file, DataError where it is empty or its format
    cannot be told, UsageError where `format` is not one of FORMATS.
    """
    if format is not None and format not in FORMATS:
        close = nearest(format, FORMATS)
        raise UsageError(
            f"--format: expected one of {', '.join(FORMATS)}, found {format!r}",
            hint=f"did you mean {close}?" if close else None,
        )
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise _unreadable(name, path, error) from error
    return describe(name, path, head, format)


def describe(name: str, path: Path, head: bytes, format: str | None = None) -> Source:
    """The source whose first bytes are `head`. Raises DataError as `find_source` does."""
    packing = packing_of(head)
    plain = unpack_head(name, head, packing)
    if not plain.strip():
        raise DataError(f"{name}: the file is empty", hint="name a file with at least one row")
    return Source(name, path, packing, format_of(name, plain, format))


@contextmanager
def open_sources(names: list[str], format: str | None = None) -> Iterator[list[Source]]:
    """The sources named; "-" is stdin, spooled to a temporary file for as long as the block lasts."""
    if names.count(STDIN) > 1:
        raise UsageError("- (stdin) is named twice", hint="name it once")
    with tempfile.TemporaryDirectory(prefix="awe-") as folder:
        sources = []
        for position, name in enumerate(names):
            path = Path(name)
            if name == STDIN:
                path = _spool(sys.stdin.buffer, Path(folder) / "stdin")
            source = find_source("stdin" if name == STDIN else name, path, format)
            if source.format == "parquet" and source.packing:
                source = _unpacked(source, Path(folder) / f"{position}.parquet")
            sources.append(source)
        yield sources


def _spool(stream: BinaryIO, path: Path) -> Path:
    try:
        with path.open("wb") as file:
            shutil.copyfileobj(stream, file, 1 << 20)
    except OSError as error:
        raise WriteError(
            f"stdin cannot be spooled to {path.parent}: {error.strerror or error}",
            hint="free some room there, or set TMPDIR to a folder that has it",
        ) from error
    return path


def _unpacked(source: Source, path: Path) -> Source:
    """Parquet is read from its end, so a packed one is unpacked first."""
    try:
        with source.open() as stream:
            _spool(stream, path)
    except OSError as error:
        raise DataError(f"{source.name}: cannot be unpacked ({error})", hint="make the file again") from error
    return Source(source.name, path, None, source.format)


def _unreadable(name: str, path: Path, error: OSError) -> MissingInputError:
    if error.errno == errno.ENOENT:
        folder = path.parent
        known = os.listdir(folder) if folder.is_dir() else []
        close = nearest(path.name, known)
        return MissingInputError(
            f"{name}: there is no such file",
            hint=f"did you mean {folder / close}?" if close else "check the path",
        )
    if error.errno == errno.EISDIR:
        return MissingInputError(f"{name}: expected a file, found a folder", hint="name the files inside it")
    return MissingInputError(f"{name}: cannot be read: {error.strerror}", hint="check its permissions")
