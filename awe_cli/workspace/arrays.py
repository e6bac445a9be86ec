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


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write named arrays, of any dtype but object, to `path`. Raises WriteError."""
    with writing(path), zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name in sorted(arrays):
            array = np.asarray(arrays[name], order="C")
            entry = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            # Told the size, Python takes the 64-bit form only where it must; forced, its releases write it
            # differently, and equal arrays would have other bytes.
            entry.file_size = array.nbytes + _HEADER
            with archive.open(entry, "w") as file:
                npy.write_array(file, array, allow_pickle=False)


def load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays in `path`, by name.

    The header of each is compared with the bytes that are there before memory is taken for it.
    Raises CorruptArtifactError, MissingInputError where the system refuses to read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _refuse_overlaps(archive, path)
            return {_name(entry): _load(archive, entry, path) for entry in archive.infolist()}
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


def _load(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> NDArray[Any]:
    if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > path.stat().st_size:
        raise ValueError(f"{entry.filename} claims {entry.file_size} bytes, compressed or beyond the file")
    with archive.open(entry) as file:
        _check_header(file, entry)
    with archive.open(entry) as file:
        array: NDArray[Any] = npy.read_array(file, allow_pickle=False)
    return array


def _check_header(file: IO[bytes], entry: zipfile.ZipInfo) -> None:
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(file)
    claimed = int(np.prod(shape, dtype=object)) * dtype.itemsize if shape else dtype.itemsize
    if any(size < 0 for size in shape):
        raise ValueError(f"{entry.filename} claims the shape {shape}")
    if dtype.hasobject:
        raise ValueError(f"{entry.filename} holds objects, which are never read")
    if claimed != entry.file_size - file.tell():
        raise ValueError(
            f"{entry.filename} claims {claimed} bytes of data, {entry.file_size - file.tell()} are there"
        )


def _name(entry: zipfile.ZipInfo) -> str:
    return entry.filename.removesuffix(".npy")
