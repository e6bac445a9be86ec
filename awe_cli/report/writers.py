"""Rows to a file or a stream, a table at a time: Parquet, CSV, JSON lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import IO, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq


class RowWriter(Protocol):
    """Takes tables of one schema; `close` writes what is due at the end, and leaves the stream open."""

    def write(self, rows: pa.Table) -> None:
        """Write the next rows."""
        ...

    def close(self) -> None:
        """Write the end."""
        ...


def row_writer(format: str, stream: IO[bytes], schema: pa.Schema) -> RowWriter:
    """A writer of "parquet", "csv" (with a header) or "jsonl"."""
    return WRITERS[format](stream, schema)


class ParquetRows:
    """Parquet, a row group for each table."""

    def __init__(self, stream: IO[bytes], schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(stream, schema, compression="zstd")

    def write(self, rows: pa.Table) -> None:
        """Write the next rows."""
        self._writer.write_table(rows)

    def close(self) -> None:
        """Write the end."""
        self._writer.close()


class CsvRows:
    """CSV as in RFC 4180, with a header, text quoted where it must be."""

    def __init__(self, stream: IO[bytes], schema: pa.Schema) -> None:
        header = io.StringIO()  # pyarrow would put every name in quotes
        csv.writer(header, lineterminator="\n").writerow(schema.names)
        stream.write(header.getvalue().encode())
        options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="needed")
        self._writer = pyarrow.csv.CSVWriter(stream, schema, write_options=options)

    def write(self, rows: pa.Table) -> None:
        """Write the next rows."""
        self._writer.write_table(rows)

    def close(self) -> None:
        """Write the end."""
        self._writer.close()


class JsonRows:
    """One JSON object a line."""

    def __init__(self, stream: IO[bytes], schema: pa.Schema) -> None:
        self._stream = stream
        self._keys = [json.dumps(name, ensure_ascii=False) for name in schema.names]

    def write(self, rows: pa.Table) -> None:
        """Write the next rows."""
        parts: list[pa.Array | str] = []
        for number, (key, column) in enumerate(zip(self._keys, rows.columns, strict=True)):
            parts += [f"{'{' if number == 0 else ', '}{key}: ", json_text(column)]
        lines = pc.binary_join_element_wise(*parts, "}\n", "")
        for chunk in lines.chunks:
            self._stream.write("".join(chunk.to_pylist()).encode())

    def close(self) -> None:
        """Nothing stands at the end of JSON lines."""


def json_text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Each value as JSON; a number that JSON has no word for (infinity) becomes null.

    Text is escaped once for each distinct value: labels and ids repeat.
    """
    if pa.types.is_integer(values.type):
        return values.cast(pa.string())
    if pa.types.is_floating(values.type):
        return pc.if_else(pc.is_finite(values), values.cast(pa.string()), "null")
    coded = values.combine_chunks().dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.unify_dictionaries().combine_chunks()
    known = [json.dumps(value, ensure_ascii=False, default=str) for value in coded.dictionary.to_pylist()]
    return pa.chunked_array([pa.array(known, pa.string()).take(coded.indices)])


WRITERS: dict[str, Callable[[IO[bytes], pa.Schema], RowWriter]] = {
    "parquet": ParquetRows,
    "csv": CsvRows,
    "jsonl": JsonRows,
}
