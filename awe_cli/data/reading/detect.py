"""What a file holds, found by looking at its first bytes, then at its name."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from awe_cli.errors import DataError

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
