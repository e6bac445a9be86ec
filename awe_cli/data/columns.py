"""What a column is read as, and the checks it must pass, each failure with file, column and row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from awe_cli.errors import DataError


_LARGEST = float(np.finfo(np.float32).max)


class Role(Enum):
    """What a column is for, which decides the types it may have."""

    ID = "strings or integers"
    IDS = "a string, an integer, or a list of them"
    ID_LIST = "a list of strings or integers"
    NUMBER = "a number"
    NUMBERS = "a number or a list of numbers"
    NUMBER_LIST = "a list of numbers"
    TEXT = "text"
    TIME = "a number, a date or a time"


@dataclass(frozen=True)
class Piece:
    """Some consecutive rows of one file. Row numbers are those of data rows, from 1.

    `untyped` is True where every cell came as text (CSV).
    """

    file: str
    first_row: int
    table: pa.Table
    untyped: bool = False

    def row(self, position: int) -> int:
        """The row number in the file of the row at `position` of the table."""
        return self.first_row + int(position)


def fail(piece: Piece, column: str, position: int, expected: str, found: object, hint: str) -> NoReturn:
    """Raise the DataError that says where, what was expected and what was found."""
    raise DataError(
        f"{piece.file}: column {column!r}, row {piece.row(position):,}: expected {expected}, found {str(found)[:80]}",
        hint=hint,
    )


def read_column(piece: Piece, column: str, role: Role) -> pa.Array:
    """The column of `piece` in the form of its role, checked.

    ID → string or the integer type it has; IDS, ID_LIST → the same or a list of it; NUMBER → double; NUMBERS,
    NUMBER_LIST → double or a list of float; TEXT → string; TIME → int64, double or timestamp[us].
    Where the piece is untyped, numbers are parsed and lists split at spaces.
    Raises DataError for a wrong type, a null, NaN or infinity.
    """
    values = one_array(piece.table.column(column))
    if pa.types.is_null(values.type):
        fail(piece, column, 0, role.value, "null", "fill the column in, or name another")
    if role in (Role.ID, Role.IDS, Role.ID_LIST):
        return _ids(piece, column, values, role)
    if role is Role.TEXT:
        if not is_string(values.type):
            _wrong_type(piece, column, role, values.type)
        return refuse_nulls(piece, column, values.cast(pa.large_string()), role.value)
    if role is Role.TIME:
        return _time(piece, column, values)
    return _numbers(piece, column, values, role)


def one_array(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """The column as one array, dictionaries decoded, string variants as string."""
    values = column
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks() if values.num_chunks != 1 else values.chunk(0)
    if isinstance(values, pa.ChunkedArray):  # too long for one array: cannot happen to a piece of sane size
        raise DataError("a block of rows holds more than 2 GB of text", hint="write smaller row groups")
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if isinstance(values, pa.ExtensionArray):
        values = values.storage
    if is_string(values.type) and values.type != pa.string():
        values = values.cast(pa.string())
    return values


def is_string(type: pa.DataType) -> bool:
    """Whether the type holds text."""
    return pa.types.is_string(type) or pa.types.is_large_string(type) or str(type) == "string_view"


def is_list(type: pa.DataType) -> bool:
    """Whether the type holds lists."""
    return (
        pa.types.is_list(type) or pa.types.is_large_list(type) or pa.types.is_fixed_size_list(type)
        or str(type).startswith(("list_view<", "large_list_view<"))
    )  # fmt: skip


def is_number(type: pa.DataType) -> bool:
    """Whether the type holds numbers (or truth values, read as 0 and 1)."""
    return (
        pa.types.is_integer(type) or pa.types.is_floating(type)
        or pa.types.is_boolean(type) or pa.types.is_decimal(type)
    )  # fmt: skip


def refuse_nulls(piece: Piece, column: str, values: pa.Array, expected: str) -> pa.Array:
    """The values, all there. Raises DataError at the first null."""
    if values.null_count:
        position = int(np.argmax(values.is_null().to_numpy(zero_copy_only=False)))
        fail(piece, column, position, expected, "null", "fill the cell in, or leave the row out")
    return values


def list_parts(values: pa.Array) -> tuple[NDArray[np.int64], pa.Array]:
    """Offsets (n + 1,) starting at 0, and the entries. A null list counts as empty."""
    lengths = pc.fill_null(pc.list_value_length(values), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    if pa.types.is_fixed_size_list(values.type) and values.null_count:
        values = values.drop_null()
    return offsets, one_array(values.flatten())


def make_list(offsets: NDArray[np.integer], entries: pa.Array) -> pa.Array:
    """A list array from offsets and entries."""
    return pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), entries)


def _wrong_type(piece: Piece, column: str, role: Role, type: pa.DataType) -> NoReturn:
    hint = "convert the column, or name another"
    if pa.types.is_floating(type) and role in (Role.ID, Role.IDS, Role.ID_LIST):
        hint = "convert the column to integers or strings (a missing value often turns integers into floats)"
    raise DataError(f"{piece.file}: column {column!r}: expected {role.value}, found type {type}", hint=hint)


def _ids(piece: Piece, column: str, values: pa.Array, role: Role) -> pa.Array:
    if is_list(values.type) and role is not Role.ID:
        offsets, entries = list_parts(values)
        entries = pa.array([], pa.string()) if pa.types.is_null(entries.type) and not len(entries) else entries
        if not (is_string(entries.type) or pa.types.is_integer(entries.type)):
            _wrong_type(piece, column, role, values.type)
        if entries.null_count:
            entry = int(np.argmax(entries.is_null().to_numpy(zero_copy_only=False)))
            position = int(np.searchsorted(offsets, entry, "right")) - 1
            fail(piece, column, position, "strings or integers", "a null in the list", "take it out of the list")
        return make_list(offsets, entries)
    if piece.untyped and role is Role.ID_LIST:
        return split_at_spaces(values)
    if role is Role.ID_LIST or not (is_string(values.type) or pa.types.is_integer(values.type)):
        _wrong_type(piece, column, role, values.type)
    if role is Role.IDS:  # a label may be missing: an example without labels
        return values
    values = refuse_nulls(piece, column, values, role.value)
    if piece.untyped:
        empty = pc.equal(values, "").to_numpy(zero_copy_only=False)
        if empty.any():
            fail(piece, column, int(np.argmax(empty)), role.value, "an empty cell",
                 "fill the cell in, or leave the row out")  # fmt: skip
    return values


def split_at_spaces(values: pa.Array) -> pa.Array:
    """Lists from text with spaces between the entries; an empty text gives an empty list."""
    pieces = pc.split_pattern_regex(pc.utf8_trim_whitespace(values), r"\s+")
    offsets, entries = list_parts(pieces)
    return drop_empty(offsets, entries)


def drop_empty(offsets: NDArray[np.int64], entries: pa.Array) -> pa.Array:
    """The lists without their empty strings."""
    kept = pc.not_equal(entries, "").to_numpy(zero_copy_only=False)
    if kept.all():
        return make_list(offsets, entries)
    before = np.concatenate([[0], np.cumsum(kept)])
    return make_list(before[offsets], entries.filter(pa.array(kept)))


def _numbers(piece: Piece, column: str, values: pa.Array, role: Role) -> pa.Array:
    if piece.untyped and role is Role.NUMBER_LIST:
        values = split_at_spaces(values)
    if is_list(values.type):
        if role is Role.NUMBER:
            _wrong_type(piece, column, role, values.type)
        if role is Role.NUMBERS:
            refuse_nulls(piece, column, values, role.value)
        offsets, entries = list_parts(values)
        checked = _finite(piece, column, entries, role, offsets)
        return make_list(offsets, checked.cast(pa.float32()))
    if role is Role.NUMBER_LIST:
        _wrong_type(piece, column, role, values.type)
    return _finite(piece, column, values, role, None)


def _finite(
    piece: Piece, column: str, values: pa.Array, role: Role, offsets: NDArray[np.int64] | None
) -> pa.Array:
    """The numbers as float64, none of them missing, NaN or infinite."""

    def at(entry: int) -> int:
        return entry if offsets is None else int(np.searchsorted(offsets, entry, "right")) - 1

    if values.null_count:
        entry = int(np.argmax(values.is_null().to_numpy(zero_copy_only=False)))
        fail(piece, column, at(entry), "a finite number", "null", "fill it in, or leave the row out")
    if piece.untyped and is_string(values.type):
        values = _parse(piece, column, values, at)
    if pa.types.is_null(values.type):
        values = values.cast(pa.float64())
    if not is_number(values.type):
        _wrong_type(piece, column, role, values.type)
    if pa.types.is_floating(values.type):
        good = np.abs(values.to_numpy(zero_copy_only=False)) <= _LARGEST  # False for NaN
        if not good.all():
            entry = int(np.argmin(good))
            found = values[entry].as_py()
            fail(piece, column, at(entry), "a finite number", found, "replace it by a number, or leave the row out")
    if offsets is not None and pa.types.is_float32(values.type):
        return values
    return values.cast(pa.float64(), safe=False)


def _parse(piece: Piece, column: str, values: pa.Array, at: Callable[[int], int]) -> pa.Array:
    trimmed = pc.utf8_trim_whitespace(values)
    try:
        return trimmed.cast(pa.float64())
    except pa.ArrowInvalid:
        entry = first_failing(trimmed, pa.float64())
        found = repr(values[entry].as_py()) if values[entry].as_py() else "an empty cell"
        fail(piece, column, at(entry), "a number", found, "correct the cell, or leave the row out")


def first_failing(values: pa.Array, type: pa.DataType) -> int:
    """The position of the first value that cannot be cast to `type`, which some value cannot. Halves the range."""
    low, high = 0, len(values)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            values.slice(low, middle - low).cast(type)
            low = middle
        except pa.ArrowInvalid:
            high = middle
    return low


def _time(piece: Piece, column: str, values: pa.Array) -> pa.Array:
    values = refuse_nulls(piece, column, values, Role.TIME.value)
    if is_string(values.type):
        for type in (pa.int64(), pa.float64(), pa.timestamp("us"), pa.timestamp("us", "UTC")):
            try:
                values = pc.utf8_trim_whitespace(values).cast(type)
                break
            except pa.ArrowInvalid:
                continue
        else:
            entry = first_failing(values, pa.timestamp("us"))
            fail(piece, column, entry, Role.TIME.value, repr(values[entry].as_py()), "write it as 2024-05-31T12:00:00")
    if pa.types.is_temporal(values.type):
        if pa.types.is_time(values.type) or pa.types.is_duration(values.type):
            return values.cast(pa.int64())
        return values.cast(pa.timestamp("us"), safe=False)
    if pa.types.is_integer(values.type):
        return values.cast(pa.int64())
    if not pa.types.is_floating(values.type):
        _wrong_type(piece, column, Role.TIME, values.type)
    values = values.cast(pa.float64())
    bad = np.isnan(values.to_numpy(zero_copy_only=False))
    if bad.any():
        fail(piece, column, int(np.argmax(bad)), Role.TIME.value, "nan", "fill the cell in, or leave the row out")
    return values
