"""Columns of many pieces of many files, end to end, with the place each row came from."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from awe_cli.dataset.splits import SPLITS
from awe_cli.dataset.vocabulary import encode, type_words
from awe_cli.errors import DataError, nearest
from awe_cli.io.columns import Batch, is_string, list_parts, refuse, truths


@dataclass
class Origin:
    """Where rows came from: their file and their number in it."""

    rows: int = 0
    _starts: list[int] = field(default_factory=list)
    _places: list[tuple[str, int, NDArray[np.int64] | None]] = field(default_factory=list)

    def add(self, batch: Batch) -> None:
        """Take note of the rows of the next piece."""
        self._starts.append(self.rows)
        self._places.append((batch.file, batch.first_row, batch.numbers))
        self.rows += batch.table.num_rows

    def of(self, row: int) -> tuple[str, int]:
        """The file, and the row number in it, of row `row` of all."""
        part = bisect_right(self._starts, row) - 1
        file, first, numbers = self._places[part]
        position = row - self._starts[part]
        return file, first + position if numbers is None else int(numbers[position])


class IdColumn:
    """The ids of one column over all pieces, which must be of one kind: all strings, or all integers."""

    def __init__(self, column: str) -> None:
        self.column = column
        self.chunks: list[pa.Array] = []
        self.rows = 0
        self._first: tuple[Batch, pa.Scalar] | None = None
        self._types: set[pa.DataType] = set()

    def add(self, batch: Batch, values: pa.Array) -> None:
        """Take the next ids. Raises DataError where some are strings and some integers."""
        self.rows += len(values)
        if not len(values):
            return
        if self._first is None:
            self._first = batch, values[0]
        first, example = self._first
        if is_string(values.type) != is_string(example.type):
            raise DataError(
                f"column {self.column!r}: expected ids of one type, found {type_words(example.type)} such as "
                f"{example.as_py()!r} in {first.file} and {type_words(values.type)} such as "
                f"{values[0].as_py()!r} in {batch.file}, row {batch.first_row:,}",
                hint='give them one type: "7" and 7 cannot be told apart',
            )
        self._types.add(values.type)
        self.chunks.append(values)

    def values(self) -> pa.ChunkedArray:
        """All ids in one type: the one they have, or int64 where integer types differ."""
        return pa.chunked_array([self.in_one_type(chunk) for chunk in self.chunks], self._type)

    def in_one_type(self, ids: pa.Array) -> pa.Array:
        """Ids of this column in the type of all. Raises DataError where integers do not fit it."""
        try:
            return ids.cast(self._type)
        except pa.ArrowInvalid as error:
            raise DataError(
                f"column {self.column!r}: the integers of the files do not fit one type ({error})",
                hint="store the ids as strings",
            ) from error

    @property
    def _type(self) -> pa.DataType:
        types = self._types or {pa.string()}
        return next(iter(types)) if len(types) == 1 else pa.int64()


class IdCodes:
    """The distinct ids of a column in order of appearance, and positions among them of rows that come in pieces.

    Only the ids are kept, and the rows since `encode` was last called.
    """

    def __init__(self, column: str) -> None:
        self.column = IdColumn(column)
        self.ids = pa.array([], pa.string())

    def encode(self) -> NDArray[np.int32]:
        """The position of each id that was added since the last call."""
        known = self.column.in_one_type(self.ids)
        rows = self.column.values()
        self.column.chunks.clear()
        self.ids, codes = encode(pa.chunked_array([known, *rows.chunks], rows.type))
        return codes[len(known) :]


class IdLists:
    """Lists of ids (labels, feature names) over all pieces."""

    def __init__(self, column: str) -> None:
        self.entries = IdColumn(column)
        self._lengths: list[NDArray[np.int64]] = []

    def add(self, batch: Batch, values: pa.Array) -> None:
        """Take the lists of the next piece."""
        offsets, entries = list_parts(values)
        self._lengths.append(np.diff(offsets))
        self.entries.add(batch, entries)

    def indptr(self) -> NDArray[np.int64]:
        """Row pointers over all pieces (rows + 1,)."""
        return np.concatenate([[0], np.cumsum(join(self._lengths, np.int64))]).astype(np.int64)


def join(parts: Iterable[np.ndarray], dtype: type) -> np.ndarray:
    """The arrays end to end; an empty one where there is none."""
    found = list(parts)
    return np.concatenate(found) if found else np.zeros(0, dtype)


def split_codes(batch: Batch, column: str) -> NDArray[np.int8]:
    """The splits of the piece as TRAIN, VALID, TEST. Raises DataError naming the values that are none."""
    values = batch.table.column(column)
    codes = pc.index_in(values, value_set=pa.array(SPLITS, pa.large_string()))
    unknown = truths(codes.is_null())
    if unknown.any():
        others = values.filter(pa.array(unknown)).unique().to_pylist()
        close = nearest(others[0].lower(), SPLITS)
        shown = ", ".join(repr(value) for value in others[:5])
        hint = f"write {close!r} instead" if close else "rename them, or split by --test-fraction"
        refuse(batch, column, unknown, f"one of {', '.join(SPLITS)}", shown, hint)
    return codes.to_numpy().astype(np.int8)
