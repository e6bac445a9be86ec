"""Input files: where they are, how they are packed, and which format their first bytes show."""

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

from awe_cli.errors import DataError, MissingInputError, UsageError, WriteError, nearest

# What a file holds, found by looking at its first bytes, then at its name.

FORMATS = ("parquet", "csv", "tsv", "jsonl", "libsvm")
_SUFFIXES = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".libsvm": "libsvm",
    ".svm": "libsvm",
    ".svmlight": "libsvm",
    ".xmc": "libsvm",
}
_PACKED = (".gz", ".zst", ".zstd")
_ENOUGH = 4096  # unpacked bytes looked at


def packing_of(head: bytes) -> str | None:
    """How the file that starts with `head` is compressed."""
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    return "zstd" if head.startswith(b"\x28\xb5\x2f\xfd") else None


def unpack_head(name: str, head: bytes, packing: str | None) -> bytes:
    """The first unpacked bytes. Raises DataError where the file only pretends to be compressed."""
    if packing is None:
        return head
    try:
        with pa.CompressedInputStream(pa.BufferReader(head), packing) as stream:
            return stream.read(_ENOUGH)
    except OSError as error:
        raise DataError(
            f"{name}: expected a {packing} file, but it cannot be unpacked ({error})",
            hint="make or download the file again",
        ) from error


def format_of(name: str, plain: bytes, format: str | None) -> str:
    """The format of the file `name` that begins with `plain`, which the user may have named.

    Raises DataError where it is not what its name or the user says, or cannot be told.
    """
    if plain.startswith(b"PAR1"):
        if format not in (None, "parquet"):
            raise DataError(f"{name}: expected {format}, found Parquet", hint="leave out --format")
        return "parquet"
    suffixes = [suffix.lower() for suffix in Path(name).suffixes if suffix.lower() not in _PACKED]
    named = format or (_SUFFIXES.get(suffixes[-1]) if suffixes else None)
    if named == "parquet":
        raise DataError(
            f"{name}: expected Parquet, found something else (it does not start with PAR1)",
            hint="name its format with --format, or make the file again",
        )
    return named or _sniff(name, plain)


def _sniff(name: str, plain: bytes) -> str:
    """The format of text with no telling name, from its first lines."""
    lines = [line.strip(b"\r") for line in plain.split(b"\n")[:3] if line.strip()]
    if lines[0].lstrip(b"\xef\xbb\xbf \t").startswith(b"{"):
        return "jsonl"
    tokens = lines[-1 if len(lines) < 2 else 1].split()
    if tokens and b":" in tokens[-1] and b"\t" not in lines[0] and _is_pair(tokens[-1]):
        return "libsvm"
    if b"\t" in lines[0]:
        return "tsv"
    if b"," in lines[0] or b";" in lines[0]:
        return "csv"
    raise DataError(
        f"{name}: its format cannot be told from its first lines",
        hint=f"name it with --format ({', '.join(FORMATS)})",
    )


def _is_pair(token: bytes) -> bool:
    index, _, value = token.rpartition(b":")
    try:
        float(value)
    except ValueError:
        return False
    return index.isdigit()


# Input files: where they are, how they are packed, which format they hold.

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
