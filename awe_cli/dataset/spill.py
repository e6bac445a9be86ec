"""Records on disk, in numbered parts: what does not fit in memory while a dataset is being made."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from awe_cli.workspace.fs import writing

Records = np.ndarray  # (n,) of a structured type


class Spill:
    """Parts of records below a folder, one file each. Writing raises WriteError, as where the disk is full."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._types: dict[int, np.dtype] = {}
        with writing(folder):
            folder.mkdir()

    def append(self, part: int, records: Records) -> None:
        """Add records at the end of a part; all of one part have one type."""
        assert self._types.setdefault(part, records.dtype) == records.dtype
        path = self._path(part)
        with writing(path), open(path, "ab") as file:
            file.write(np.ascontiguousarray(records).view(np.uint8).data)

    def read(self, part: int, kind: np.dtype) -> Records:
        """The records of a part, in the order they were added; none, of type `kind`, where it was never written."""
        if part not in self._types:
            return np.zeros(0, kind)
        return np.fromfile(self._path(part), self._types[part])

    def remove(self, part: int) -> None:
        """Free the disk that a part takes."""
        if self._types.pop(part, None) is not None:
            self._path(part).unlink()

    def drain(self) -> Iterator[Records]:
        """The records of each part in turn, which leave the disk as they are read."""
        for part in sorted(self._types):
            records = self.read(part, np.dtype([]))
            self.remove(part)
            yield records

    def close(self) -> None:
        """Remove all parts."""
        for part in list(self._types):
            self.remove(part)

    def _path(self, part: int) -> Path:
        return self._folder / f"part-{part}"


def records_of(fields: Mapping[str, np.ndarray]) -> Records:
    """Records of these fields, which have equally many numbers."""
    kind = np.dtype([(name, values.dtype) for name, values in fields.items()])
    records = np.empty(len(next(iter(fields.values()))), kind)
    for name, values in fields.items():
        records[name] = values
    return records


def fields_of(kind: np.dtype) -> tuple[str, ...]:
    """The names of the fields of records."""
    return kind.names or ()


def scatter(spill: Spill, part: NDArray[np.integer], records: Records) -> None:
    """Append each record to its part (n,), records of one part in the order they have here."""
    order = np.argsort(part, kind="stable")
    parts, starts = np.unique(part[order], return_index=True)
    for number, rows in zip(parts.tolist(), np.split(order, starts[1:]), strict=True):
        spill.append(number, records[rows])


def cut(sizes: NDArray[np.integer], most: int, step: int) -> NDArray[np.int64]:
    """Where parts begin, and the end: whole steps of `step` owners, together at most `most` records or one step.

    sizes  (owners,) records of each
    """
    starts = np.arange(0, len(sizes), step)
    ends = np.minimum(starts + step, len(sizes))
    before = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    bounds = [0]
    for start, end in zip(starts, ends, strict=True):
        if start > bounds[-1] and before[end] - before[bounds[-1]] > most:
            bounds.append(int(start))
    return np.array([*bounds, len(sizes)] if len(sizes) else [0], np.int64)


@contextlib.contextmanager
def spilling(folder: Path) -> Iterator[Path]:
    """A folder for spilled records, gone with all in it when the block ends."""
    with writing(folder):
        folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
