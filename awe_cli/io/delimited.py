"""Rows from CSV and TSV, every cell as text: a column has no type there, and "007" must stay what it is."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing

import pyarrow as pa
import pyarrow.csv as pa_csv

from awe_cli.errors import DataError
from awe_cli.io.columns import Batch
from awe_cli.io.sources import Source

_BLOCK = 1 << 20  # bytes of text parsed at a time; Arrow reads some thirty blocks ahead
_LONGEST_HEADER = 1 << 24
_LONGEST_ROW = 1 << 29  # bytes


def csv_columns(source: Source) -> dict[str, pa.DataType | None]:
    """Column names from the first line; None for each type, as everything is text."""
    header = _header(source)
    separator = _separator(source, header)
    try:
        names = pa_csv.read_csv(
            pa.BufferReader(header), parse_options=pa_csv.ParseOptions(delimiter=separator)
        ).column_names
    except pa.ArrowInvalid as error:
        raise DataError(
            f"{source.name}: expected a first line with column names, found {header[:80]!r}",
            hint="add the line, or name the format with --format",
        ) from error
    twice = [name for name in dict.fromkeys(names) if name and names.count(name) > 1]
    if twice:
        raise DataError(
            f"{source.name}: expected distinct column names, found {twice[0]!r} twice",
            hint="rename one of the columns",
        )
    return dict.fromkeys(names)


def csv_batches(source: Source, columns: list[str], rows: int) -> Iterator[Batch]:
    """The columns as strings, a block of the file at a time (`rows` is only an upper bound).

    Raises DataError naming the row where the number of cells differs or the text is not UTF-8.
    """
    bad: list[pa_csv.InvalidRow] = []
    first = 1
    size = _BLOCK
    while True:
        try:
            # The reader ends before the stream that its threads read ahead in, whoever stops listening, and when.
            with (
                source.open() as stream,
                closing(_batches(source, stream, columns, first - 1, size, bad)) as all,
            ):
                for batch in all:
                    for start in range(0, batch.num_rows, rows):
                        part = pa.Table.from_batches([batch.slice(start, rows)])
                        yield Batch(source.name, first, part, untyped=True)
                        first += part.num_rows
            return
        except (pa.ArrowInvalid, OSError) as error:
            if "straddl" not in str(error) or size >= _LONGEST_ROW:  # a row longer than a block
                raise _broken(source, bad, first, error) from error
            size *= 8


def _batches(
    source: Source,
    stream: pa.NativeFile,
    columns: list[str],
    skip: int,
    size: int,
    bad: list[pa_csv.InvalidRow],
) -> Generator[pa.RecordBatch, None, None]:
    """Blocks of `size` bytes, the first `skip` rows left out. A row with other cells goes to `bad`."""

    def keep(row: pa_csv.InvalidRow) -> str:
        bad.append(row)
        return "error"

    separator = _separator(source, _header(source))
    reader = pa_csv.open_csv(
        stream,
        read_options=pa_csv.ReadOptions(use_threads=False, block_size=size, skip_rows_after_names=skip),
        parse_options=pa_csv.ParseOptions(
            delimiter=separator, newlines_in_values=True, invalid_row_handler=keep
        ),
        convert_options=pa_csv.ConvertOptions(
            include_columns=columns,
            column_types=dict.fromkeys(columns, pa.string()),
            strings_can_be_null=False,
        ),
    )
    with reader:
        yield from reader


def _header(source: Source) -> bytes:
    """The first line."""
    try:
        with source.open() as stream:
            return stream.read(_LONGEST_HEADER).split(b"\n", 1)[0] + b"\n"
    except OSError as error:
        raise DataError(
            f"{source.name}: cannot be read: {error}", hint="make or copy the file again"
        ) from error


def _separator(source: Source, header: bytes) -> str:
    """A tab for TSV; for CSV the comma, or what the header has instead of it."""
    if source.format == "tsv":
        return "\t"
    return "," if b"," in header else next((s for s in ";\t|" if s.encode() in header), ",")


def _broken(source: Source, bad: list[pa_csv.InvalidRow], first: int, error: Exception) -> DataError:
    if bad and bad[0].number is not None:
        row = bad[0]
        return DataError(
            f"{source.name}: row {row.number - 1:,}: expected {row.expected_columns} cells, "
            f"found {row.actual_columns}: {row.text[:80]!r}",
            hint="correct the row; a cell that holds the separator needs quotes",
        )
    if "UTF8" in str(error):
        return DataError(
            f"{source.name}: expected UTF-8 text, found other bytes after row {first - 1:,}",
            hint="convert the file, for example with iconv -t utf-8",
        )
    return DataError(
        f"{source.name}: cannot be read after row {first - 1:,}: {error}", hint="correct the file"
    )
