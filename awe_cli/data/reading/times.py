"""Times, in any of the forms that files have them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from awe_cli.data.reading.columns import Piece, Role, is_string
from awe_cli.data.reading.refusal import FILL_IN, first_failing, refuse, refuse_nulls, wrong_type


def read_times(piece: Piece, column: str, values: pa.Array) -> pa.Array:
    """The times as int64, double or timestamp[us]; text is read as a number or ISO 8601. Raises DataError."""
    values = refuse_nulls(piece, column, values, Role.TIME.value)
    if is_string(values.type):
        values = _parsed_times(piece, column, values)
    if pa.types.is_time32(values.type):
        return values.cast(pa.int32()).cast(pa.int64())
    if pa.types.is_time64(values.type) or pa.types.is_duration(values.type):
        return values.cast(pa.int64())
    if pa.types.is_temporal(values.type):
        return values.cast(pa.timestamp("us"), safe=False)
    if pa.types.is_integer(values.type):
        return values.cast(pa.int64())
    if not pa.types.is_floating(values.type):
        wrong_type(piece, column, Role.TIME, values.type)
    values = values.cast(pa.float64())
    refuse(piece, column, np.isnan(values.to_numpy()), Role.TIME.value, values, FILL_IN)
    return values


def _parsed_times(piece: Piece, column: str, values: pa.Array) -> pa.Array:
    trimmed = pc.utf8_trim_whitespace(values)
    for type in (pa.int64(), pa.float64(), pa.timestamp("us"), pa.timestamp("us", "UTC")):
        if first_failing(trimmed, type) is None:
            return trimmed.cast(type)
    bad = np.arange(len(values)) == first_failing(trimmed, pa.timestamp("us"))
    refuse(piece, column, bad, Role.TIME.value, values, "write times as 2024-05-31T12:00:00")
    raise AssertionError("the values can be read after all")
