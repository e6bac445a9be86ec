"""Labels as they come: a list column, a delimited text, or one label a row."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from awe_cli.data.reading.columns import (
    Piece,
    drop_empty,
    is_list,
    is_string,
    list_parts,
    make_list,
)
from awe_cli.errors import UsageError


def label_lists(piece: Piece, column: str, separator: str | None) -> pa.Array:
    """The labels of each row as a list. A null, and in CSV an empty cell, is an empty list.

    Raises UsageError where a separator is given and the labels are no text.
    """
    values = piece.column(column)
    if separator is not None:
        if not is_string(values.type):
            raise UsageError(
                f"{piece.file}: --label-separator is for text, but column {column!r} has type {values.type}",
                hint="leave out --label-separator",
            )
        parts = pc.split_pattern(pc.fill_null(values, ""), separator)
        offsets, entries = list_parts(parts)
        return drop_empty(offsets, pc.utf8_trim_whitespace(entries))
    if is_list(values.type):
        return values
    there = values.is_valid()
    if piece.untyped:
        there = pc.and_(there, pc.not_equal(values, ""))
    offsets = np.concatenate([[0], np.cumsum(there.to_numpy(zero_copy_only=False))]).astype(np.int64)
    return make_list(offsets, values.filter(there))
