"""Pieces of files, what their columns are for, and the shapes Arrow gives them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from awe_cli.errors import DataError


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
class Piece:
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
