"""Any input file as pieces of checked columns."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import pyarrow as pa

from awe_cli.errors import MissingInputError, did_you_mean
from awe_cli.io.columns import Batch, Role, is_list, read_column
from awe_cli.io.delimited import csv_batches, csv_columns
from awe_cli.io.jsonl import jsonl_batches, jsonl_columns
from awe_cli.io.libsvm import libsvm_batches, libsvm_columns
from awe_cli.io.parquet import parquet_batches, parquet_columns
from awe_cli.io.sources import Source


def columns_of(source: Source) -> dict[str, pa.DataType | None]:
    """The names of the columns and their types; None where every cell is text (CSV, TSV)."""
    by_format = {"parquet": parquet_columns, "jsonl": jsonl_columns, "libsvm": libsvm_columns}
    return by_format.get(source.format, csv_columns)(source)


def read_batches(source: Source, roles: Mapping[str, Role], rows: int = 65536) -> Iterator[Batch]:
    """The columns named by `roles`, in the forms `read_column` gives, at most `rows` rows at a time.

    Memory does not grow with the file. Raises MissingInputError where a column is missing, DataError where a
    value cannot be used.
    """
    for batch in raw_batches(source, roles, rows):
        yield check_batch(batch, roles)


def check_batch(batch: Batch, roles: Mapping[str, Role]) -> Batch:
    """The piece with its columns in the forms of their roles. Raises DataError."""
    columns = {name: read_column(batch, name, role) for name, role in roles.items()}
    return dataclasses.replace(batch, table=pa.table(columns))


def raw_batches(source: Source, roles: Mapping[str, Role], rows: int = 65536) -> Iterator[Batch]:
    """The columns as they stand in the file, not yet checked."""
    types = columns_of(source)
    for name in roles:
        require_column(source, name, types)
    names = list(roles)
    if source.format == "parquet":
        return parquet_batches(source, names, rows)
    if source.format == "libsvm":
        return libsvm_batches(source, names, rows)
    if source.format == "jsonl":
        return jsonl_batches(source, {name: _json_type(roles[name], types[name]) for name in names}, rows)
    return csv_batches(source, names, rows)


def require_column(source: Source, name: str, types: Mapping[str, pa.DataType | None]) -> None:
    """Raise MissingInputError, with the nearest name and all there are, where the column is missing."""
    if name in types:
        return
    known = ", ".join(list(types)[:20]) + (" …" if len(types) > 20 else "")
    raise MissingInputError(
        f"{source.name}: expected a column {name!r}, found {known}",
        hint=did_you_mean(name, types, "name one of these"),
    )


def _json_type(role: Role, found: pa.DataType | None) -> pa.DataType:
    """The type to read a JSON column as: what the first rows have, numbers always as double."""
    listed = found is not None and is_list(found)
    if role in (Role.NUMBER, Role.NUMBERS, Role.NUMBER_LIST):
        entry = pa.float64()
    else:
        entry = found.value_type if listed and found is not None else found
    if entry is None or pa.types.is_null(entry):
        entry = pa.string()
    return pa.list_(entry) if listed or role in (Role.ID_LIST, Role.NUMBER_LIST) else entry
