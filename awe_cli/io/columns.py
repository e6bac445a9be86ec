"""Columns of input files: what each is for, the form it must have, and how a bad value is refused."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from awe_cli.errors import DataError, UsageError
from awe_cli.io.log import ReadingLog
from awe_cli.io.options import LIST, ReadOptions

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
    CATEGORY = "text, whole numbers or truth values"
    TIME = "a number, a date or a time"


ID_ROLES = (Role.ID, Role.IDS, Role.ID_LIST)


@dataclass(frozen=True)
class Batch:
    """Some rows of one file, in its order.

    first_row  the number in the file of the first row; data rows are counted from 1
    untyped    every cell came as text (CSV)
    numbers    the number in the file of each row, where rows between them were left out; None: they are consecutive
    log        where rows that cannot be used, and warnings, are noted
    options    how the file is read
    droppable  whether a row that cannot be used may be left out now (see `check_piece`)
    """

    file: str
    first_row: int
    table: pa.Table
    untyped: bool = False
    numbers: NDArray[np.int64] | None = None
    log: ReadingLog = field(default_factory=ReadingLog)
    options: ReadOptions = field(default_factory=ReadOptions)
    droppable: bool = False

    def row(self, position: int) -> int:
        """The number in the file of the row at `position` of the table."""
        return self.first_row + int(position) if self.numbers is None else int(self.numbers[position])

    def rows(self) -> NDArray[np.int64]:
        """The number in the file of each row."""
        if self.numbers is not None:
            return self.numbers
        return np.arange(self.first_row, self.first_row + self.table.num_rows)

    def slice(self, start: int, stop: int | None = None) -> Batch:
        """The rows from `start` to `stop` of the table."""
        table = self.table.slice(start, None if stop is None else stop - start)
        numbers = None if self.numbers is None else self.numbers[start:stop]
        first = self.row(start) if table.num_rows else self.first_row
        return replace(self, first_row=first, table=table, numbers=numbers)

    def keep(self, kept: NDArray[np.bool_]) -> Batch:
        """The rows where `kept` is True; they keep their numbers."""
        if kept.all():
            return self
        numbers = self.rows()[kept]
        first = int(numbers[0]) if len(numbers) else self.first_row
        return replace(self, first_row=first, table=self.table.filter(pa.array(kept)), numbers=numbers)

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


def split_text(values: pa.Array, separator: str) -> pa.Array:
    """Lists from text with `separator` between the entries, which lose the spaces around them.

    The separator " " is any run of spaces. A null gives an empty list.
    """
    filled = pc.fill_null(values, "")
    if separator == " ":
        return split_at_spaces(filled)
    offsets, entries = list_parts(pc.split_pattern(filled, separator))
    return drop_empty(offsets, pc.utf8_trim_whitespace(entries))


def drop_empty(offsets: NDArray[np.int64], entries: pa.Array) -> pa.Array:
    """The lists without their empty strings."""
    kept = truths(pc.not_equal(entries, ""))
    if kept.all():
        return make_list(offsets, entries)
    before = np.concatenate([[0], np.cumsum(kept)])
    return make_list(before[offsets], entries.filter(pa.array(kept)))


# Refusing a value, with its file, column and row; where rows may be skipped, leaving its row out instead.

_FILL_IN, _NO_NUMBER = "fill the cell in", "put a number in its place"


class RowsLeftOutError(Exception):
    """Rows of a piece cannot be used, and are noted in its log: read it again where `kept` is True."""

    def __init__(self, kept: NDArray[np.bool_]) -> None:
        super().__init__("rows were left out")
        self.kept = kept


def fail(batch: Batch, column: str, position: int, expected: str, found: object, hint: str) -> NoReturn:
    """Raise the DataError that says where, what was expected and found; or RowsLeftOutError, as `refuse` does."""
    message = f"{str(found)[:80]}"
    if batch.droppable:
        batch.log.bad_row(batch.file, batch.row(position), expected, message, hint, column=column)
        raise RowsLeftOutError(np.arange(batch.table.num_rows) != position)
    where = f"{batch.file}: column {column!r}, row {batch.row(position):,}"
    raise DataError(f"{where}: expected {expected}, found {message}", hint=hint)


def _or_leave_out(batch: Batch, hint: str) -> str:
    """The hint, and that the row can be left out: by an option, where the command has it."""
    how = " (`awe prepare` does with --skip-bad-rows)" if batch.log.can_skip else ""
    return f"{hint}, or leave the row out{how}"


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

    `found` is text, or the values of which the first bad one is shown. Where the piece may lose rows, all that are bad
    are noted in its log as rows that cannot be used, and RowsLeftOutError is raised.
    """
    if not bad.any():
        return
    entries = np.flatnonzero(bad) if batch.droppable else np.array([int(np.argmax(bad))])
    rows = entries if offsets is None else np.searchsorted(offsets, entries, "right") - 1
    for entry, row in zip(entries.tolist(), rows.tolist(), strict=True):
        if batch.droppable:
            batch.log.bad_row(batch.file, batch.row(row), expected, _shown(found, entry), hint, column=column)
        else:
            fail(batch, column, row, expected, _shown(found, entry), hint)
    kept = np.ones(batch.table.num_rows, np.bool_)
    kept[rows] = False
    raise RowsLeftOutError(kept)


def _shown(found: Any, entry: int) -> str:
    if not isinstance(found, str):
        value = found[entry]
        value = value.as_py() if isinstance(value, pa.Scalar) else value
        found = repr(value) if isinstance(value, str) else str(value)
    return "an empty cell" if found == "''" else str(found)[:80]


def refuse_nulls(
    batch: Batch, column: str, values: pa.Array, expected: str, offsets: NDArray[np.int64] | None = None
) -> pa.Array:
    """The values, all there. Raises DataError at the first null."""
    if values.null_count:
        refuse(
            batch, column, truths(values.is_null()), expected, "null", _or_leave_out(batch, _FILL_IN), offsets
        )
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
    bad = ~np.isfinite(values.to_numpy())
    refuse(batch, column, bad, Role.TIME.value, values, _or_leave_out(batch, _FILL_IN))
    return values


_TIME_TYPES = tuple(pa.timestamp(unit, zone) for unit in ("us", "ns") for zone in (None, "UTC"))


def _has_zone(time: pa.Scalar) -> bool:
    """Whether a time as text ends in a time zone."""
    return bool(re.search(r"\d(Z|[-+]\d\d:?(\d\d)?)$", time.as_py() or "")) and ":" in time.as_py()


def _parsed_times(batch: Batch, column: str, values: pa.Array) -> pa.Array:
    trimmed = pc.utf8_trim_whitespace(values)
    failing = 0  # the first row that cannot be read in the way that most rows before it can
    for type in (pa.int64(), pa.float64(), *_TIME_TYPES):
        position = first_failing(trimmed, type)
        if position is None:
            return trimmed.cast(type)
        failing = max(failing, position)
    bad = np.arange(len(values)) == failing
    hint = "write times as 2024-05-31T12:00:00"
    if _has_zone(trimmed[failing]) != _has_zone(trimmed[0]):
        hint = "write all times with a time zone, such as Z, or all of them without"
    refuse(batch, column, bad, Role.TIME.value, values, hint)
    raise AssertionError("the values can be read after all")


# Several entries in one cell, such as labels or genres: a list column, a delimited text, or one a row.

_LOOKED_AT = 200_000  # rows of a file, for cells that look joined
# What entries may be joined by, as patterns, and the least share of cells that must look like it to be warned of.
_JOINED = (
    (LIST, r"^\s*[\[(].*[\])]\s*$", 0.3),
    ("|", r"\|", 0.1),
    (";", ";", 0.1),
    (",", ",", 0.3),
    ("space", r"^<[^<>\s]+>(\s+<[^<>\s]+>)+$", 0.1),
)


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
        return split_cells(batch, column, values, separator)
    if is_list(values.type):
        return values
    if is_string(values.type):
        warn_of_joined(batch, column, values, "--label-separator", separator)
    there = values.is_valid()
    if batch.untyped:
        there = pc.and_(there, pc.not_equal(values, ""))
    offsets = np.concatenate([[0], np.cumsum(there.to_numpy(zero_copy_only=False))]).astype(np.int64)
    return make_list(offsets, values.filter(there))


def split_cells(batch: Batch, column: str, values: pa.Array, separator: str) -> pa.Array:
    """The entries of each cell; " " is any run of spaces, LIST a list as Python or JSON writes it. Raises DataError."""
    if separator != LIST:
        return split_text(values, separator)
    lists = []
    for position, text in enumerate(values.to_pylist()):
        found = _list_of(text or "")
        if found is None:
            expected = "a list as Python or JSON writes it, such as ['a', 'b']"
            fail(batch, column, position, expected, repr(text), "correct the cell, or name another separator")
        lists.append(found)
    return pa.array(lists, pa.large_list(pa.string()))


def _list_of(text: str) -> list[str] | None:
    if not text.strip():
        return []
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(text)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
        if isinstance(found, list | tuple | set):
            entries = [str(entry) for entry in found if entry is not None]
            return sorted(entries) if isinstance(found, set) else entries
    return None


def warn_of_joined(batch: Batch, column: str, values: pa.Array, flag: str, separator: str | None) -> None:
    """Warn where cells seem to hold several entries and nobody said what separates them."""
    if separator is not None or batch.first_row > _LOOKED_AT or not len(values):
        return
    found = joined_by(values)
    if found is not None:
        sign, shown = found
        how = "look like lists as Python or JSON writes them" if sign == LIST else f"look joined by {sign!r}"
        how = "look joined by spaces" if sign == "space" else how
        quoted = sign if sign.isalpha() else f"'{sign}'"
        batch.log.warn(
            f"{batch.file}: cells of column {column!r} {how}, as in {shown[:60]!r}, and were not split there; "
            f"{flag} {quoted} splits them"
        )


def joined_by(values: pa.Array) -> tuple[str, str] | None:
    """What seems to separate several entries in one cell, as an option takes it, and a cell; None where nothing does.

    values  text
    """
    filled = values.filter(pc.fill_null(pc.not_equal(values, ""), False))
    for sign, pattern, least in _JOINED if len(filled) else ():
        looks = pc.match_substring_regex(filled, pattern)
        if (pc.sum(looks).as_py() or 0) >= least * len(filled):
            return sign, filled.filter(looks)[0].as_py()
    return None


# Columns in the form of their roles; each failure with file, column and row.

# What databases, pandas, R and spreadsheets write where there is no value.
MISSING = ("\\N", "NULL", "null", "NaN", "nan", "None", "NA", "N/A", "<NA>", "#N/A")
_LARGEST = float(np.finfo(np.float32).max)


def read_column(batch: Batch, column: str, role: Role) -> pa.Array:
    """The column of `batch` in the form of its role, checked.

    ID → string or the integer type it has; IDS, ID_LIST → the same or a list of it; NUMBER → double; NUMBERS,
    NUMBER_LIST → double or a list of float; TEXT → large string; CATEGORY → string, null where it is empty;
    TIME → int64, double or timestamp[us].
    Where the piece is untyped, numbers are parsed and lists split at spaces.
    Raises DataError for a wrong type, a null, NaN or infinity.
    """
    values = batch.column(column)
    if role is Role.CATEGORY:
        return _categories(batch, column, values)
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


def _categories(batch: Batch, column: str, values: pa.Array) -> pa.Array:
    """Values as text without spaces around them; null where a value is missing. Whole numbers may come as floats."""
    if pa.types.is_floating(values.type):
        numbers = values.to_numpy(zero_copy_only=False)
        known = np.isfinite(numbers)
        whole = np.where(known, numbers, 0)
        refuse(batch, column, known & (whole != np.floor(whole)), Role.CATEGORY.value, values,
               "give ranges of numbers a name, such as 30-39")  # fmt: skip
        values = pa.array(whole.astype(np.int64), mask=~known)
    if not (is_string(values.type) or is_number(values.type) or pa.types.is_null(values.type)):
        wrong_type(batch, column, Role.CATEGORY, values.type)
    trimmed = pc.utf8_trim_whitespace(values.cast(pa.string()))
    return pc.if_else(pc.equal(trimmed, ""), None, trimmed)


def warn_of_missing(log: ReadingLog, column: str, ids: pa.Array) -> None:
    """Warn of ids, each there once, that are rather what other programs write for a missing value."""
    if not is_string(ids.type):
        return
    found = ids.filter(pc.is_in(ids, value_set=pa.array(MISSING, ids.type))).to_pylist()
    if found:
        shown = ", ".join(repr(value) for value in found)
        log.warn(
            f"ids of column {column!r} that look like missing values: {shown}; they were taken for ids "
            "(leave the rows out if they are none)"
        )


def _ids(batch: Batch, column: str, values: pa.Array, role: Role) -> pa.Array:
    if is_list(values.type) and role is not Role.ID:
        offsets, entries = list_parts(values)
        if pa.types.is_null(entries.type) and not len(entries):
            entries = entries.cast(pa.string())
        if not is_id(entries.type):
            wrong_type(batch, column, role, values.type)
        return make_list(offsets, refuse_nulls(batch, column, entries, Role.ID.value, offsets))
    if role is Role.ID_LIST and _is_split(batch, values):
        warn_of_joined(batch, column, values, "--sparse-separator", batch.options.sparse_separator)
        return split_cells(batch, column, values, batch.options.sparse_separator or " ")
    if role is Role.ID_LIST or not is_id(values.type):
        wrong_type(batch, column, role, values.type)
    if role is Role.IDS:  # a label may be missing: an example without labels
        return values
    values = refuse_nulls(batch, column, values, role.value)
    if is_string(values.type):
        blank = pc.or_(pc.equal(values, ""), pc.utf8_is_space(values))
        refuse(batch, column, truths(blank), role.value, values, _or_leave_out(batch, _FILL_IN))
    return values


def _numbers(batch: Batch, column: str, values: pa.Array, role: Role) -> pa.Array:
    if role is Role.NUMBER_LIST and _is_split(batch, values):
        numbers = split_cells(batch, column, values, batch.options.sparse_separator or " ")
        offsets, entries = list_parts(numbers)
        checked = _finite(dataclasses.replace(batch, untyped=True), column, entries, role, offsets)
        return make_list(offsets, checked.cast(pa.float32(), safe=False))
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
    if is_string(values.type):
        values = _parsed(batch, column, values, offsets)
    if not len(values):
        return values.cast(pa.float64())
    if not is_number(values.type):
        wrong_type(batch, column, role, values.type)
    if pa.types.is_floating(values.type):
        numbers = values.to_numpy(zero_copy_only=False)
        hint = _or_leave_out(batch, _NO_NUMBER)
        refuse(batch, column, ~np.isfinite(numbers), "a finite number", values, hint, offsets)
        if numbers.dtype == np.float64:  # others cannot be larger
            too_large, most = np.abs(numbers) > _LARGEST, f"a number of at most {_LARGEST:.4g} in size"
            refuse(batch, column, too_large, most, values, hint, offsets)
    return values


def _parsed(batch: Batch, column: str, values: pa.Array, offsets: NDArray[np.int64] | None) -> pa.Array:
    trimmed = pc.utf8_trim_whitespace(values)
    try:
        return trimmed.cast(pa.float64())
    except pa.ArrowInvalid:
        bad = np.arange(len(values)) == first_failing(trimmed, pa.float64())
        shown = values[int(np.argmax(bad))].as_py() or ""
        hint = _or_leave_out(batch, "correct the cell")
        if re.fullmatch(r"\s*[-+]?\d+,\d+\s*", shown):
            hint = "write a point for a decimal comma, and nothing between thousands"
        refuse(batch, column, bad, "a number", values, hint, offsets)
        raise


def _is_split(batch: Batch, values: pa.Array) -> bool:
    """Whether cells are text to be split into lists."""
    return batch.untyped or (batch.options.sparse_separator is not None and is_string(values.type))
