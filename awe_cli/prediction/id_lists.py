"""Lists of ids that a user names in a file: one id a line, or a column of a table."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from awe_cli.dataset.vocabulary import encode, look_up
from awe_cli.errors import DataError, MissingInputError, nearest
from awe_cli.io.columns import is_id, one_array
from awe_cli.io.remote import path_of
from awe_cli.io.sources import bom_encoding

_SHOWN = 5  # unknown ids that a message names


@dataclass(frozen=True)
class IdList:
    """The distinct ids of a file in its order, as positions among the known ones.

    rows     (n,) positions, each once
    unknown  ids that are not known
    """

    rows: NDArray[np.int64]
    unknown: list[str]

    def shown(self) -> str:
        """The unknown ids, the first few by name: "3 (a, b, c)"."""
        more = ", …" if len(self.unknown) > _SHOWN else ""
        return f"{len(self.unknown):,} ({', '.join(map(repr, self.unknown[:_SHOWN]))}{more})"


def read_id_list(path: str, option: str, known: pa.Array, names: Sequence[str]) -> IdList:
    """The ids of a file: of Parquet, JSON lines, CSV or TSV one column, of other text the lines.

    option  that names the file, for messages
    known   the ids there are
    names   of the column, in order of preference; without any of them the first column counts. The first line of
            text is a header where it has one of these names, or where it is CSV or TSV and holds no known id

    A file may be packed with gzip. Blank lines and empty cells are passed over.
    Raises MissingInputError where the file cannot be read, DataError for what it holds.
    """
    where = f"{option} {path}"
    data = _bytes(path, option)
    if data.startswith(b"PAR1"):
        values, untyped = _parquet_column(data, where, names), False
    else:
        values, untyped = _text_column(data, where, path, names, lambda text: _is_known(text, known))
    return known_ids(values, known, where, untyped=untyped)


def known_ids(values: pa.Array, known: pa.Array, where: str, *, untyped: bool) -> IdList:
    """The distinct ids of an array in its order; nulls are passed over. `untyped`: integers that come as text."""
    distinct, _ = encode(pa.chunked_array([values.drop_null()]))
    found = look_up(distinct, known, where, untyped=untyped)
    unknown = [str(value) for value in distinct.filter(pa.array(found < 0)).to_pylist()]
    rows = found[found >= 0].astype(np.int64)
    return IdList(rows[np.sort(np.unique(rows, return_index=True)[1])], unknown)


def _bytes(path: str, option: str) -> bytes:
    try:
        data = path_of(path).read_bytes()
        return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
    except (gzip.BadGzipFile, EOFError) as error:
        raise DataError(
            f"{option} {path}: cannot be unpacked ({error})", hint="make the file again"
        ) from error
    except OSError as error:
        folder = Path(path).parent
        close = (
            nearest(Path(path).name, [entry.name for entry in folder.iterdir()]) if folder.is_dir() else None
        )
        raise MissingInputError(
            f"{option} {path}: cannot be read: {error.strerror or error}",
            hint=f"did you mean {folder / close}?" if close else "name a file with one id a line",
        ) from error


def _parquet_column(data: bytes, where: str, names: Sequence[str]) -> pa.Array:
    try:
        with pq.ParquetFile(io.BytesIO(data)) as file:
            columns = file.schema_arrow.names
            values = one_array(file.read(columns=[_column(columns, names)]).column(0))
    except (OSError, pa.ArrowException, IndexError) as error:
        raise DataError(
            f"{where}: expected a Parquet file, found a damaged one ({error})", hint="make it again"
        ) from error
    if not is_id(values.type):
        raise DataError(
            f"{where}: column {_column(columns, names)!r}: expected strings or integers, found {values.type}",
            hint=f"name the column of ids {names[0]!r}",
        )
    return values


def _column(columns: Sequence[str], names: Sequence[str]) -> str:
    return next((name for name in names if name in columns), columns[0])


def _text_column(
    data: bytes, where: str, path: str, names: Sequence[str], is_known: Callable[[str], bool]
) -> tuple[pa.Array, bool]:
    """The ids, and whether they come without types."""
    try:
        text = data.decode(bom_encoding(data) or "utf-8")
    except UnicodeDecodeError as error:
        row = data[: error.start].count(b"\n") + 1
        raise DataError(
            f"{where}: row {row:,}: expected text in UTF-8, found the byte {data[error.start]:#04x}",
            hint="save the file as UTF-8",
        ) from error
    suffixes = [suffix.lower() for suffix in Path(path).suffixes if suffix.lower() != ".gz"]
    suffix = suffixes[-1] if suffixes else ""
    if suffix in (".jsonl", ".ndjson", ".json") or text.lstrip().startswith("{"):
        return _json_column(text, where, names), False
    if suffix in (".tsv", ".tab"):
        rows = [line.split("\t") for line in text.splitlines()]
    elif suffix == ".csv":
        rows = _csv_rows(text, where)
    else:
        rows = [[line] for line in text.split("\n")]
    rows = [[cell.strip() for cell in row] for row in rows if any(cell.strip() for cell in row)]
    if not rows:
        return pa.array([], pa.string()), True
    head = rows[0]
    named = next((head.index(name) for name in names if name in head), None)
    position = named or 0
    is_header = named is not None or (suffix in (".csv", ".tsv", ".tab") and not is_known(head[0]))
    cells = [row[position] if position < len(row) else "" for row in rows[is_header:]]
    return pa.array([cell or None for cell in cells], pa.string()), True


def _csv_rows(text: str, where: str) -> list[list[str]]:
    first = text.split("\n", 1)[0]
    separator = ";" if ";" in first and "," not in first else ","
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise DataError(
            f"{where}: expected CSV, found quotes that do not close properly ({error})",
            hint="write a quote inside quotes twice, or one id a line in a .txt file",
        ) from error


def _json_column(text: str, where: str, names: Sequence[str]) -> pa.Array:
    values: list[object] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise DataError(
                f"{where}: row {number:,}: expected JSON ({error})", hint="write one object a line"
            ) from error
        value = (
            row[_column(list(row), names)] if isinstance(row, dict) and row else (None if row == {} else row)
        )
        if isinstance(value, bool) or not isinstance(value, str | int | None):
            raise DataError(
                f"{where}: row {number:,}: expected a string or an integer, found {value!r}"[:300],
                hint="write one id a line, or an object with one",
            )
        values.append(value)
    if any(isinstance(value, str) for value in values):
        return pa.array([None if value is None else str(value) for value in values], pa.string())
    try:
        return pa.array(values, pa.int64())
    except (pa.ArrowException, OverflowError) as error:
        raise DataError(
            f"{where}: expected integers of 64 bits ({error})", hint="write ids as strings"
        ) from error


def _is_known(text: str, known: pa.Array) -> bool:
    return bool((look_up(pa.array([text], pa.string()), known, "", untyped=True) >= 0).any())
