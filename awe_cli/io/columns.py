"""Columns of input files: what each is for, the form it must have, and how a bad value is refused."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from awe_cli.errors import DataError, UsageError

# Pieces of files, what their columns are for, and the shapes Arrow gives them.


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


ID_ROLES = (Role.ID, Role.IDS, Role.ID_LIST)


@dataclass(frozen=True)
class Batch:
    """Some consecutive rows of one file.

    first_row  the number in the file of the first row; data rows are counted from 1
    untyped    every cell came as text (CSV)
    """

    file: str
    first_row: int
    table: pa.Table
    untyped: bool = False

    def row(self, position: int) -> int:
        """The number in the file of the row at `position` of the table."""
        return self.first_row + int(position)

    def column(self, name: str) -> pa.Array:
        """A column as one array."""
        return one_array(self.table.column(name))


def one_array(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """The column as one array, dictionaries decoded, all kinds of text as string."""
    values = column
    if isinstance(values, pa.ChunkedArray):
        values = values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()
    if isinstance(values, pa.ChunkedArray):  # text of more than 2 GB, which a piece of sane size never has
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
        pa.types.is_list(type)
        or pa.types.is_large_list(type)
        or pa.types.is_fixed_size_list(type)
        or str(type).startswith(("list_view<", "large_list_view<"))
    )


def is_number(type: pa.DataType) -> bool:
    """Whether the type holds numbers (or truth values, read as 0 and 1)."""
    return (
        pa.types.is_integer(type)
        or pa.types.is_floating(type)
        or pa.types.is_boolean(type)
        or pa.types.is_decimal(type)
    )


def is_id(type: pa.DataType) -> bool:
    """Whether the type holds ids: strings or integers."""
    return is_string(type) or pa.types.is_integer(type)


def truths(values: pa.Array | pa.ChunkedArray) -> NDArray[np.bool_]:
    """Arrow's truth values as numpy's."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    return values.to_numpy(zero_copy_only=False).astype(bool)


def list_parts(values: pa.Array) -> tuple[NDArray[np.int64], pa.Array]:
    """Offsets (n + 1,) starting at 0, and the entries. A null list counts as empty."""
    lengths = pc.fill_null(pc.list_value_length(values), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    if pa.types.is_fixed_size_list(values.type) and values.null_count:
        offsets = np.concatenate([[0], np.cumsum(np.where(truths(values.is_valid()), lengths, 0))])
        values = values.drop_null()
    return offsets, one_array(values.flatten())


def make_list(offsets: NDArray[np.integer], entries: pa.Array) -> pa.Array:
    """A list array from offsets and entries."""
    return pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), entries)


def split_at_spaces(values: pa.Array) -> pa.Array:
    """Lists from text with spaces between the entries; an empty text gives an empty list."""
    return drop_empty(*list_parts(pc.split_pattern_regex(pc.utf8_trim_whitespace(values), r"\s+")))


def drop_empty(offsets: NDArray[np.int64], entries: pa.Array) -> pa.Array:
    """The lists without their empty strings."""
    kept = truths(pc.not_equal(entries, ""))
    if kept.all():
        return make_list(offsets, entries)
    before = np.concatenate([[0], np.cumsum(kept)])
    return make_list(before[offsets], entries.filter(pa.array(kept)))


# Saying no to a value, with its file, column and row.

FILL_IN = "fill the cell in, or leave the row out"
NO_NUMBER = "put a number in its place, or leave the row out"


def fail(batch: Batch, column: str, position: int, expected: str, found: object, hint: str) -> NoReturn:
    """Raise the DataError that says where, what was expected and what was found."""
    where = f"{batch.file}: column {column!r}, row {batch.row(position):,}"
    raise DataError(f"{where}: expected {expected}, found {str(found)[:80]}", hint=hint)


def refuse(
    batch: Batch,
    column: str,
    bad: NDArray[np.bool_],
    expected: str,
    found: Any,
    hint: str,
    offsets: NDArray[np.int64] | None = None,
) -> None:
    """Raise DataError at the first entry where `bad` is True; `offsets` where a row has several entries.

    `found` is text, or the values of which the first bad one is shown.
    """
    if not bad.any():
        return
    entry = int(np.argmax(bad))
    row = entry if offsets is None else int(np.searchsorted(offsets, entry, "right")) - 1
    if not isinstance(found, str):
        value = found[entry]
        value = value.as_py() if isinstance(value, pa.Scalar) else value
        found = repr(value) if isinstance(value, str) else str(value)
    fail(batch, column, row, expected, "an empty cell" if found == "''" else found, hint)


def refuse_nulls(
    batch: Batch, column: str, values: pa.Array, expected: str, offsets: NDArray[np.int64] | None = None
) -> pa.Array:
    """The values, all there. Raises DataError at the first null."""
    if values.null_count:
        refuse(batch, column, truths(values.is_null()), expected, "null", FILL_IN, offsets)
    return values


def wrong_type(batch: Batch, column: str, role: Role, type: pa.DataType) -> NoReturn:
    """Raise the DataError for a column of a type that its role does not allow."""
    hint = "convert the column, or name another"
    if pa.types.is_floating(type) and role in ID_ROLES:
        hint = "convert the column to integers or strings (a missing value often turns integers into floats)"
    raise DataError(f"{batch.file}: column {column!r}: expected {role.value}, found type {type}", hint=hint)


def first_failing(values: pa.Array, type: pa.DataType) -> int | None:
    """The position of the first value that cannot be cast to `type`; None where all can. Halves the range."""

    def fails(start: int, stop: int) -> bool:
        try:
            values.slice(start, stop - start).cast(type)
        except pa.ArrowInvalid:
            return True
        return False

    low, high = 0, len(values)
    if not fails(low, high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        if fails(low, middle):
            high = middle
        else:
            low = middle
    return low


# Times, in any of the forms that files have them.


def read_times(batch: Batch, column: str, values: pa.Array) -> pa.Array:
    """The times as int64, double or timestamp[us]; text is read as a number or ISO 8601. Raises DataError."""
    values = refuse_nulls(batch, column, values, Role.TIME.value)
    if is_string(values.type):
        values = _parsed_times(batch, column, values)
    if pa.types.is_time32(values.type):
        return values.cast(pa.int32()).cast(pa.int64())
    if pa.types.is_time64(values.type) or pa.types.is_duration(values.type):
        return values.cast(pa.int64())
    if pa.types.is_temporal(values.type):
        return values.cast(pa.timestamp("us"), safe=False)
    if pa.types.is_integer(values.type):
        return values.cast(pa.int64())
    if not pa.types.is_floating(values.type):
        wrong_type(batch, column, Role.TIME, values.type)
    values = values.cast(pa.float64())
    refuse(batch, column, np.isnan(values.to_numpy()), Role.TIME.value, values, FILL_IN)
    return values


def _parsed_times(batch: Batch, column: str, values: pa.Array) -> pa.Array:
    trimmed = pc.utf8_trim_whitespace(values)
    for type in (pa.int64(), pa.float64(), pa.timestamp("us"), pa.timestamp("us", "UTC")):
        if first_failing(trimmed, type) is None:
            return trimmed.cast(type)
    bad = np.arange(len(values)) == first_failing(trimmed, pa.timestamp("us"))
    refuse(batch, column, bad, Role.TIME.value, values, "write times as 2024-05-31T12:00:00")
    raise AssertionError("the values can be read after all")


# Columns in the form of their roles; each failure with file, column and row.

_LARGEST = float(np.finfo(np.float32).max)


def read_column(batch: Batch, column: str, role: Role) -> pa.Array:
    """The column of `batch` in the form of its role, checked.

    ID → string or the integer type it has; IDS, ID_LIST → the same or a list of it; NUMBER → double; NUMBERS,
    NUMBER_LIST → double or a list of float; TEXT → large string; TIME → int64, double or timestamp[us].
    Where the piece is untyped, numbers are parsed and lists split at spaces.
    Raises DataError for a wrong type, a null, NaN or infinity.
    """
    values = batch.column(column)
    if pa.types.is_null(values.type) and len(values):
        fail(batch, column, 0, role.value, "null", "fill the column in, or name another")
    if role in ID_ROLES:
        return _ids(batch, column, values, role)
    if role is Role.TEXT:
        if not is_string(values.type):
            wrong_type(batch, column, role, values.type)
        return refuse_nulls(batch, column, values.cast(pa.large_string()), role.value)
    if role is Role.TIME:
        return read_times(batch, column, values)
    return _numbers(batch, column, values, role)


def _ids(batch: Batch, column: str, values: pa.Array, role: Role) -> pa.Array:
    if is_list(values.type) and role is not Role.ID:
        offsets, entries = list_parts(values)
        if pa.types.is_null(entries.type) and not len(entries):
            entries = entries.cast(pa.string())
        if not is_id(entries.type):
            wrong_type(batch, column, role, values.type)
        return make_list(offsets, refuse_nulls(batch, column, entries, Role.ID.value, offsets))
    if batch.untyped and role is Role.ID_LIST:
        return split_at_spaces(values)
    if role is Role.ID_LIST or not is_id(values.type):
        wrong_type(batch, column, role, values.type)
    if role is Role.IDS:  # a label may be missing: an example without labels
        return values
    values = refuse_nulls(batch, column, values, role.value)
    if batch.untyped:
        refuse(batch, column, truths(pc.equal(values, "")), role.value, values, FILL_IN)
    return values


def _numbers(batch: Batch, column: str, values: pa.Array, role: Role) -> pa.Array:
    if batch.untyped and role is Role.NUMBER_LIST:
        values = split_at_spaces(values)
    if not is_list(values.type):
        if role is Role.NUMBER_LIST:
            wrong_type(batch, column, role, values.type)
        return _finite(batch, column, values, role, None).cast(pa.float64(), safe=False)
    if role is Role.NUMBER:
        wrong_type(batch, column, role, values.type)
    if role is Role.NUMBERS:
        refuse_nulls(batch, column, values, role.value)
    offsets, entries = list_parts(values)
    checked = _finite(batch, column, entries, role, offsets)
    return make_list(offsets, checked.cast(pa.float32(), safe=False))


def _finite(
    batch: Batch, column: str, values: pa.Array, role: Role, offsets: NDArray[np.int64] | None
) -> pa.Array:
    """The numbers, none of them missing, NaN, infinite or too large for 32 bits."""
    refuse_nulls(batch, column, values, "a finite number", offsets)
    if batch.untyped and is_string(values.type):
        values = _parsed(batch, column, values, offsets)
    if not len(values):
        return values.cast(pa.float64())
    if not is_number(values.type):
        wrong_type(batch, column, role, values.type)
    if pa.types.is_floating(values.type):
        bad = ~(np.abs(values.to_numpy(zero_copy_only=False)) <= _LARGEST)  # NaN compares False
        refuse(batch, column, bad, "a finite number", values, NO_NUMBER, offsets)
    return values


def _parsed(batch: Batch, column: str, values: pa.Array, offsets: NDArray[np.int64] | None) -> pa.Array:
    trimmed = pc.utf8_trim_whitespace(values)
    try:
        return trimmed.cast(pa.float64())
    except pa.ArrowInvalid:
        bad = np.arange(len(values)) == first_failing(trimmed, pa.float64())
        refuse(batch, column, bad, "a number", values, "correct the cell, or leave the row out", offsets)
        raise


# Labels as they come: a list column, a delimited text, or one label a row.


def label_lists(batch: Batch, column: str, separator: str | None) -> pa.Array:
    """The labels of each row as a list. A null, and in CSV an empty cell, is an empty list.

    Raises UsageError where a separator is given and the labels are no text.
    """
    values = batch.column(column)
    if separator is not None:
        if not is_string(values.type):
            raise UsageError(
                f"{batch.file}: --label-separator is for text, but column {column!r} has type {values.type}",
                hint="leave out --label-separator",
            )
        parts = pc.split_pattern(pc.fill_null(values, ""), separator)
        offsets, entries = list_parts(parts)
        return drop_empty(offsets, pc.utf8_trim_whitespace(entries))
    if is_list(values.type):
        return values
    there = values.is_valid()
    if batch.untyped:
        there = pc.and_(there, pc.not_equal(values, ""))
    offsets = np.concatenate([[0], np.cumsum(there.to_numpy(zero_copy_only=False))]).astype(np.int64)
    return make_list(offsets, values.filter(there))
