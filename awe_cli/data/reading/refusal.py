"""Saying no to a value, with its file, column and row."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from awe_cli.data.reading.columns import ID_ROLES, Piece, Role, truths
from awe_cli.errors import DataError

FILL_IN = "fill the cell in, or leave the row out"
NO_NUMBER = "put a number in its place, or leave the row out"


def fail(piece: Piece, column: str, position: int, expected: str, found: object, hint: str) -> NoReturn:
    """Raise the DataError that says where, what was expected and what was found."""
    where = f"{piece.file}: column {column!r}, row {piece.row(position):,}"
    raise DataError(f"{where}: expected {expected}, found {str(found)[:80]}", hint=hint)


def refuse(
    piece: Piece,
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
    fail(piece, column, row, expected, "an empty cell" if found == "''" else found, hint)


def refuse_nulls(
    piece: Piece, column: str, values: pa.Array, expected: str, offsets: NDArray[np.int64] | None = None
) -> pa.Array:
    """The values, all there. Raises DataError at the first null."""
    if values.null_count:
        refuse(piece, column, truths(values.is_null()), expected, "null", FILL_IN, offsets)
    return values


def wrong_type(piece: Piece, column: str, role: Role, type: pa.DataType) -> NoReturn:
    """Raise the DataError for a column of a type that its role does not allow."""
    hint = "convert the column, or name another"
    if pa.types.is_floating(type) and role in ID_ROLES:
        hint = "convert the column to integers or strings (a missing value often turns integers into floats)"
    raise DataError(f"{piece.file}: column {column!r}: expected {role.value}, found type {type}", hint=hint)


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
