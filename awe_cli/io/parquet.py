"""Rows from Parquet files, a few row groups in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq

from awe_cli.errors import AweError, DataError, refused_reading
from awe_cli.io.columns import Batch
from awe_cli.io.sources import Source

# What Arrow raises for a damaged file: its own errors, and those of Python it turns them into.
_DAMAGED = (OSError, pa.ArrowException, ValueError, OverflowError, RuntimeError)


def parquet_columns(source: Source) -> dict[str, pa.DataType | None]:
    """Column names and their types."""
    with _open(source) as file:
        try:
            return {field.name: field.type for field in file.schema_arrow}
        except _DAMAGED as error:
            raise _damaged(source, error) from error


def parquet_rows(source: Source) -> int:
    """The number of rows of a file, as it says itself. Raises DataError."""
    with _open(source) as file:
        return int(file.metadata.num_rows)


# A part of a file has at least so many rows, or bytes before they are packed, but for the last one.
_PART_ROWS, _PART_BYTES = 1 << 20, 1 << 28


def parquet_parts(source: Source) -> list[Source]:
    """The file as parts of whole row groups; a part is its only one. Raises DataError.

    Of each is known how many "bytes" it has before they are packed.
    """
    if source.row_groups is not None:
        return [source]
    parts, start, first, n, size = [], 0, source.first_row, 0, 0
    with _open(source) as file:
        last = file.metadata.num_row_groups - 1
        for group in range(last + 1):
            about = file.metadata.row_group(group)
            n, size = n + about.num_rows, size + about.total_byte_size
            if n >= _PART_ROWS or size >= _PART_BYTES or group == last:
                known = {**source.known, "bytes": size}
                parts.append(replace(source, row_groups=(start, group + 1), first_row=first, known=known))
                start, first, n, size = group + 1, first + n, 0, 0
    return parts or [source]


def parquet_batches(source: Source, columns: list[str], rows: int) -> Iterator[Batch]:
    """The columns, `rows` rows at a time. Raises DataError where the file is damaged."""
    first = source.first_row
    groups = None if source.row_groups is None else list(range(*source.row_groups))
    with _open(source) as file:
        try:
            for batch in file.iter_batches(rows, groups, columns, use_threads=True):
                if batch.num_rows:
                    table = pa.Table.from_batches([batch])
                    table.validate(full=True)  # that text is UTF-8, and indices are in range
                    yield Batch(source.name, first, table, log=source.log, options=source.options)
                    first += batch.num_rows
        except _DAMAGED as error:
            raise _damaged(source, error) from error


def _open(source: Source) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(source.path, pre_buffer=False)  # which would keep all that was read
    except _DAMAGED as error:
        raise _damaged(source, error) from error


def _damaged(source: Source, error: Exception) -> AweError:
    if refused_reading(error):
        return source.damaged(error)
    return DataError(
        f"{source.name}: expected a Parquet file, found a damaged one ({error})",
        hint="copy or make the file again",
    )
