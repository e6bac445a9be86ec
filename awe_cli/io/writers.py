"""Rows to a file or a stream, a table at a time: Parquet, CSV, TSV, JSON lines, TREC runs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import IO, Any, Protocol
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from awe_cli.errors import DataError

TREC = "trec"


class RowWriter(Protocol):
    """Takes tables of one schema; `close` writes what is due at the end, and leaves the stream open."""

    def write(self, rows: pa.Table) -> None:
        """Write the next rows."""
        ...

    def close(self) -> None:
        """Write the end."""
        ...


def row_writer(format: str, stream: IO[bytes], schema: pa.Schema, tag: str = "awe") -> RowWriter:
    """A writer of a format in WRITERS. `tag` is what a TREC run calls the system that made it."""
    if format == TREC:
        return TrecRows(stream, schema, tag)
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
    """CSV as in RFC 4180, with a header, text in quotes where it must be."""

    def __init__(self, stream: IO[bytes], schema: pa.Schema) -> None:
        self._stream = stream
        stream.write((",".join(_csv_cell(name) for name in schema.names) + "\n").encode())

    def write(self, rows: pa.Table) -> None:
        """Write the next rows."""
        parts = [part for column in rows.columns for part in (",", as_text(column, _csv_cell, ""))]
        _write_lines(self._stream, [*parts[1:], "\n"], "")

    def close(self) -> None:
        """Nothing stands at the end of CSV."""


class TsvRows:
    """Tab-separated text with a header; backslash, tab and line breaks in a cell are written \\\\, \\t, \\n and \\r.

    So each row is one line, and each tab ends a cell. Quotes have no meaning.
    """

    def __init__(self, stream: IO[bytes], schema: pa.Schema) -> None:
        self._stream = stream
        stream.write(("\t".join(_tsv_cell(name) for name in schema.names) + "\n").encode())

    def write(self, rows: pa.Table) -> None:
        """Write the next rows."""
        parts = [part for column in rows.columns for part in ("\t", as_text(column, _tsv_cell, ""))]
        _write_lines(self._stream, [*parts[1:], "\n"], "")

    def close(self) -> None:
        """Nothing stands at the end of TSV."""


class TrecRows:
    """A run as trec_eval reads it: `query Q0 document rank score tag`, separated by spaces, without a header.

    The first four columns are taken for id, label, rank and score. White space in ids, which the format cannot hold,
    is percent-encoded ("a b" is "a%20b"); everything else stays as it is, so that ids match those of qrels.
    """

    def __init__(self, stream: IO[bytes], schema: pa.Schema, tag: str = "awe") -> None:
        self._stream, self._tag = stream, _trec_cell(tag)

    def write(self, rows: pa.Table) -> None:
        """Write the next rows. Raises DataError for an empty id."""
        query, document, rank, score = (as_text(column, _trec_cell, "") for column in rows.columns[:4])
        _write_lines(self._stream, [query, " Q0 ", document, " ", rank, " ", score, f" {self._tag}\n"], "")

    def close(self) -> None:
        """Nothing stands at the end of a run."""


class JsonRows:
    """One JSON object a line."""

    def __init__(self, stream: IO[bytes], schema: pa.Schema) -> None:
        self._stream = stream
        self._keys = [json.dumps(name, ensure_ascii=False) for name in schema.names]

    def write(self, rows: pa.Table) -> None:
        """Write the next rows."""
        parts: list[pa.Array | str] = []
        for number, (key, column) in enumerate(zip(self._keys, rows.columns, strict=True)):
            parts += [f"{'{' if number == 0 else ', '}{key}: ", as_text(column, _json_cell, "null")]
        _write_lines(self._stream, [*parts, "}\n"], "null")

    def close(self) -> None:
        """Nothing stands at the end of JSON lines."""


def as_text(values: pa.ChunkedArray, write: Callable[[Any], str], infinite: str) -> pa.ChunkedArray:
    """Each value as text; `infinite` for what is no finite number, where that is not to be written as it is.

    Text goes through `write` once for each distinct value: labels and ids repeat.
    """
    if pa.types.is_integer(values.type):
        return values.cast(pa.string())
    if pa.types.is_floating(values.type):
        text = values.cast(pa.string())
        return pc.if_else(pc.is_finite(values), text, infinite) if infinite else text
    coded = values.combine_chunks().dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.unify_dictionaries().combine_chunks()
    known = [write(value) for value in coded.dictionary.to_pylist()]
    return pa.chunked_array([pa.array(known, pa.string()).take(coded.indices)])


def _json_cell(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _csv_cell(value: Any) -> str:
    """Text as a cell: in quotes if it holds what has a meaning, and where it is empty, which else says null."""
    text = str(value)
    plain = text and not any(mark in text for mark in ',"\r\n')
    return text if plain else '"' + text.replace('"', '""') + '"'


def _tsv_cell(value: Any) -> str:
    """Text as a cell without tabs and line breaks."""
    text = str(value).replace("\\", "\\\\")
    return text.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _trec_cell(value: Any) -> str:
    """Text without white space."""
    text = str(value)
    if not text:
        raise DataError(
            "TREC runs cannot hold an empty id or label", hint="write another --format, such as tsv"
        )
    return re.sub(r"\s", lambda found: quote(found[0], safe=""), text)


def _write_lines(stream: IO[bytes], parts: Sequence[pa.ChunkedArray | str], missing: str) -> None:
    """Each row of `parts`, which are columns of text or the same text in every row; `missing` stands for a null."""
    lines = pc.binary_join_element_wise(*parts, "", null_handling="replace", null_replacement=missing)
    for chunk in lines.chunks:
        stream.write("".join(chunk.to_pylist()).encode())


WRITERS: dict[str, Callable[[IO[bytes], pa.Schema], RowWriter]] = {
    "parquet": ParquetRows,
    "csv": CsvRows,
    "jsonl": JsonRows,
    "tsv": TsvRows,
    TREC: TrecRows,
}
