"""Columns in the form of their roles; each failure with file, column and row."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from awe_cli.data.reading.columns import (
    ID_ROLES,
    Piece,
    Role,
    is_id,
    is_list,
    is_number,
    is_string,
    list_parts,
    make_list,
    split_at_spaces,
    truths,
)
from awe_cli.data.reading.refusal import (
    FILL_IN,
    NO_NUMBER,
    fail,
    first_failing,
    refuse,
    refuse_nulls,
    wrong_type,
)
from awe_cli.data.reading.times import read_times

_LARGEST = float(np.finfo(np.float32).max)


def read_column(piece: Piece, column: str, role: Role) -> pa.Array:
    """The column of `piece` in the form of its role, checked.

    ID → string or the integer type it has; IDS, ID_LIST → the same or a list of it; NUMBER → double; NUMBERS,
    NUMBER_LIST → double or a list of float; TEXT → large string; TIME → int64, double or timestamp[us].
    Where the piece is untyped, numbers are parsed and lists split at spaces.
    Raises DataError for a wrong type, a null, NaN or infinity.
    """
    values = piece.column(column)
    if pa.types.is_null(values.type) and len(values):
        fail(piece, column, 0, role.value, "null", "fill the column in, or name another")
    if role in ID_ROLES:
        return _ids(piece, column, values, role)
    if role is Role.TEXT:
        if not is_string(values.type):
            wrong_type(piece, column, role, values.type)
        return refuse_nulls(piece, column, values.cast(pa.large_string()), role.value)
    if role is Role.TIME:
        return read_times(piece, column, values)
    return _numbers(piece, column, values, role)


def _ids(piece: Piece, column: str, values: pa.Array, role: Role) -> pa.Array:
    if is_list(values.type) and role is not Role.ID:
        offsets, entries = list_parts(values)
        if pa.types.is_null(entries.type) and not len(entries):
            entries = entries.cast(pa.string())
        if not is_id(entries.type):
            wrong_type(piece, column, role, values.type)
        return make_list(offsets, refuse_nulls(piece, column, entries, Role.ID.value, offsets))
    if piece.untyped and role is Role.ID_LIST:
        return split_at_spaces(values)
    if role is Role.ID_LIST or not is_id(values.type):
        wrong_type(piece, column, role, values.type)
    if role is Role.IDS:  # a label may be missing: an example without labels
        return values
    values = refuse_nulls(piece, column, values, role.value)
    if piece.untyped:
        refuse(piece, column, truths(pc.equal(values, "")), role.value, values, FILL_IN)
    return values


def _numbers(piece: Piece, column: str, values: pa.Array, role: Role) -> pa.Array:
    if piece.untyped and role is Role.NUMBER_LIST:
        values = split_at_spaces(values)
    if not is_list(values.type):
        if role is Role.NUMBER_LIST:
            wrong_type(piece, column, role, values.type)
        return _finite(piece, column, values, role, None).cast(pa.float64(), safe=False)
    if role is Role.NUMBER:
        wrong_type(piece, column, role, values.type)
    if role is Role.NUMBERS:
        refuse_nulls(piece, column, values, role.value)
    offsets, entries = list_parts(values)
    checked = _finite(piece, column, entries, role, offsets)
    return make_list(offsets, checked.cast(pa.float32(), safe=False))


def _finite(
    piece: Piece, column: str, values: pa.Array, role: Role, offsets: NDArray[np.int64] | None
) -> pa.Array:
    """The numbers, none of them missing, NaN, infinite or too large for 32 bits."""
    refuse_nulls(piece, column, values, "a finite number", offsets)
    if piece.untyped and is_string(values.type):
        values = _parsed(piece, column, values, offsets)
    if not len(values):
        return values.cast(pa.float64())
    if not is_number(values.type):
        wrong_type(piece, column, role, values.type)
    if pa.types.is_floating(values.type):
        bad = ~(np.abs(values.to_numpy(zero_copy_only=False)) <= _LARGEST)  # NaN compares False
        refuse(piece, column, bad, "a finite number", values, NO_NUMBER, offsets)
    return values


def _parsed(piece: Piece, column: str, values: pa.Array, offsets: NDArray[np.int64] | None) -> pa.Array:
    trimmed = pc.utf8_trim_whitespace(values)
    try:
        return trimmed.cast(pa.float64())
    except pa.ArrowInvalid:
        bad = np.arange(len(values)) == first_failing(trimmed, pa.float64())
        refuse(piece, column, bad, "a number", values, "correct the cell, or leave the row out", offsets)
        raise
