"""Arrays on disk: .npz files with the same bytes for the same arrays, read without trusting them."""

from __future__ import annotations

import struct
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from awe_cli.workspace.artifact import UNDECODABLE, unreadable
from awe_cli.workspace.fs import writing

_HEADER = 1024  # bytes, more than an array's header has
_EPOCH = (1980, 1, 1, 0, 0, 0)  # every entry bears the same time, so that equal arrays make equal files
# Arrays from this many bytes on begin at a cache line of the file, and can be mapped into memory. An entry is moved
# there by a field of its header that says nothing, the one that Android's archives use for that.
_MAPPED = 1 << 26
_LINE = 64
_LOCAL_HEADER = 30  # bytes before the name of an entry
_ZIP64 = 20  # more of them where it may have 2 GiB
_PADDING = 0xD935


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write named arrays, of any dtype but object, to `path`. Raises WriteError."""
    with writing(path), zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name in sorted(arrays):
            array = np.asarray(arrays[name], order="C")
            entry = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            # Told the size, Python takes the 64-bit form only where it must; forced, its releases write it
            # differently, and equal arrays would have other bytes.
            entry.file_size = array.nbytes + _HEADER
            if array.nbytes >= _MAPPED:
                assert archive.fp is not None
                entry.extra = _padding(
                    archive.fp.tell() + _LOCAL_HEADER + len(entry.filename), entry.file_size
                )
            with archive.open(entry, "w") as file:
                npy.write_array(file, array, allow_pickle=False)


def _padding(start: int, size: int) -> bytes:
    """The field that moves what would begin at `start` to a cache line."""
    start += _ZIP64 if size * 1.05 > zipfile.ZIP64_LIMIT else 0  # as zipfile decides it
    n = 4 + (-start - 4) % _LINE
    return struct.pack("<HH", _PADDING, n - 4) + bytes(n - 4)


def load_arrays(path: Path, *, mapped: bool = False) -> dict[str, NDArray[Any]]:
    """The arrays in `path`, by name.

    mapped  large arrays are left on disk: the system reads what is looked at, and takes the memory back where it is
            needed. They are read-only, and their checksums in the archive are not compared: for files of an artifact,
            whose digest was

    The header of each is compared with the bytes that are there before memory is taken for it.
    Raises CorruptArtifactError, MissingInputError where the system refuses to read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _refuse_overlaps(archive, path)
            return {_name(entry): _load(archive, entry, path, mapped=mapped) for entry in archive.infolist()}
    except (
        OSError,
        EOFError,
        zipfile.BadZipFile,
        zlib.error,
        NotImplementedError,
        struct.error,
        tokenize.TokenError,  # of a header that is no Python
        *UNDECODABLE,
    ) as error:
        raise unreadable(path, "arrays", error) from error


def _refuse_overlaps(archive: zipfile.ZipFile, path: Path) -> None:
    """Raise ValueError where entries claim more bytes in all than there are: many may be the same bytes."""
    claimed, size = sum(entry.file_size for entry in archive.infolist()), path.stat().st_size
    if claimed > size:
        raise ValueError(f"its entries claim {claimed} bytes, {size} are there")


def _load(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path, *, mapped: bool) -> NDArray[Any]:
    if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > path.stat().st_size:
        raise ValueError(f"{entry.filename} claims {entry.file_size} bytes, compressed or beyond the file")
    with archive.open(entry) as file:
        shape, fortran, dtype = _check_header(file, entry)
        start = _start(entry, path) + file.tell()
    if mapped and entry.file_size >= _MAPPED and start % _LINE == 0:
        return np.asarray(np.memmap(path, dtype, "r", start, shape, "F" if fortran else "C"))
    with archive.open(entry) as file:
        array: NDArray[Any] = npy.read_array(file, allow_pickle=False)
    return array


def _start(entry: zipfile.ZipInfo, path: Path) -> int:
    """Where in the file the bytes of an entry begin."""
    with path.open("rb") as file:
        file.seek(entry.header_offset + _LOCAL_HEADER - 4)
        name, more = struct.unpack("<HH", file.read(4))
    return entry.header_offset + _LOCAL_HEADER + int(name) + int(more)


def _check_header(file: IO[bytes], entry: zipfile.ZipInfo) -> tuple[tuple[int, ...], bool, np.dtype]:
    """The shape, whether columns come first, and the type. Raises ValueError for what cannot be."""
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = read(file)
    claimed = int(np.prod(shape, dtype=object)) * dtype.itemsize if shape else dtype.itemsize
    if any(size < 0 for size in shape):
        raise ValueError(f"{entry.filename} claims the shape {shape}")
    if dtype.hasobject:
        raise ValueError(f"{entry.filename} holds objects, which are never read")
    if claimed != entry.file_size - file.tell():
        raise ValueError(
            f"{entry.filename} claims {claimed} bytes of data, {entry.file_size - file.tell()} are there"
        )
    return shape, fortran, dtype


def _name(entry: zipfile.ZipInfo) -> str:
    return entry.filename.removesuffix(".npy")
