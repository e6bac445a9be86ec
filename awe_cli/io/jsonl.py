"""Rows from JSON lines: one object a line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.json as pa_json
from numpy.typing import NDArray

from awe_cli.errors import DataError
from awe_cli.io.columns import Batch
from awe_cli.io.lines import blocks
from awe_cli.io.sources import Source

_SAMPLE = 1000  # lines looked at to learn the columns


def jsonl_columns(source: Source) -> dict[str, pa.DataType | None]:
    """The columns of the first lines; null where no line has a value yet."""
    types: dict[str, pa.DataType | None] = {}
    for _, block in blocks(source):
        _refuse_array(source, block)
        for row, line in enumerate(_lines(block)[:_SAMPLE], 1):
            try:
                values = _parse(source, row, line)
            except DataError:
                if source.log.allowed:  # it is left out, and counted, when the rows are read
                    continue
                raise
            for name, value in values.items():
                types[name] = _united(types.get(name), _type_of(value))
        break
    return types


def _lines(block: bytes) -> list[bytes]:
    """The lines that are not blank: the rows."""
    return [line for line in block.split(b"\n") if line.strip()]


def _refuse_array(source: Source, block: bytes) -> None:
    """Raise DataError where the file is one JSON value rather than one a line."""
    begin = block.lstrip()
    first = begin.split(b"\n", 1)[0].strip()
    if begin.startswith(b"["):
        what, filter = "one array", ".[]"
    elif first == b"{":
        what, filter = "one object over several lines", "."
    else:
        return
    raise DataError(
        f"{source.name}: row 1: expected a JSON object on each line, found {what}: {_shown(first)}",
        hint=f"write one object a line: jq -c '{filter}' FILE > FILE.jsonl",
    )


def _united(known: pa.DataType | None, other: pa.DataType) -> pa.DataType:
    """The type of a column that has values of both: what the first has, where that is known."""
    if known is None or pa.types.is_null(known):
        return other
    if pa.types.is_integer(known) and pa.types.is_floating(other):
        return other
    if pa.types.is_list(known) and pa.types.is_list(other):
        return pa.list_(_united(known.value_type, other.value_type))
    if pa.types.is_struct(known) and pa.types.is_struct(other):
        fields = {field.name: field.type for field in known}
        for field in other:
            fields[field.name] = _united(fields.get(field.name), field.type)
        return pa.struct(list(fields.items()))
    return known


def jsonl_batches(source: Source, types: dict[str, pa.DataType], rows: int) -> Iterator[Batch]:
    """The columns with the types given, a block of the file at a time.

    Raises DataError naming the row where a line is no JSON object or a value has another type.
    """
    schema = pa.schema(list(types.items()))
    parse = pa_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    first = 1
    for _, block in blocks(source):
        read = _lines(block)
        numbers = None
        try:
            table = _table(read, parse)
        except (pa.ArrowException, OSError) as error:
            kept = _good_lines(source, read, first, parse, error)
            numbers = first + np.flatnonzero(kept)
            table = _table([line for line, good in zip(read, kept, strict=True) if good], parse)
        batch = Batch(source.name, first, table, numbers=numbers, log=source.log, options=source.options)
        first += len(read)
        for start in range(0, table.num_rows, rows):
            yield batch.slice(start, min(start + rows, table.num_rows))


def _table(lines: list[bytes], parse: pa_json.ParseOptions) -> pa.Table:
    """The objects of some lines. Raises ArrowInvalid where they are no objects, or not one a line."""
    if not lines:
        return parse.explicit_schema.empty_table()
    text = b"\n".join(lines)
    read = pa_json.ReadOptions(use_threads=False, block_size=len(text) + 1)
    table = pa_json.read_json(pa.BufferReader(text), read_options=read, parse_options=parse)
    if table.num_rows != len(lines):
        raise pa.ArrowInvalid(f"{table.num_rows:,} objects on {len(lines):,} lines")
    return table


def _type_of(value: Any) -> pa.DataType:
    if isinstance(value, list):
        entry_type: pa.DataType = pa.null()
        for entry in value:
            entry_type = _united(entry_type, _type_of(entry))
        return pa.list_(entry_type)
    if isinstance(value, dict):
        return pa.struct([(name, _type_of(entry)) for name, entry in value.items()])
    by_type = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}
    return by_type.get(type(value), pa.null())


def _parse(source: Source, row: int, line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line) if line.strip() else {}
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{source.name}: row {row:,}: expected a JSON object on one line, found {_shown(line)}",
            hint=f"correct the line ({error})",
        ) from error
    if not isinstance(value, dict):
        raise DataError(
            f"{source.name}: row {row:,}: expected a JSON object, found {_shown(line)}",
            hint='write one object a line, such as {"user": "a", "item": "b"}',
        )
    return value


def _shown(line: bytes) -> str:
    return repr(line[:60].decode("utf-8", "replace"))


def _good_lines(
    source: Source, lines: list[bytes], first: int, parse: pa_json.ParseOptions, error: Exception
) -> NDArray[np.bool_]:
    """Which lines can be read; the others are noted as bad rows. Raises DataError where they may not be left out."""
    types = {field.name: field.type for field in parse.explicit_schema}
    kept = np.ones(len(lines), np.bool_)
    for position, line in enumerate(lines):
        row = first + position
        try:
            problem = _problem(source, row, line, types)
        except DataError as malformed:
            expected, _, found = malformed.message.partition(": expected ")[2].partition(", found ")
            problem = (None, expected, found, str(malformed.hint))
        if problem is not None:
            column, expected, found, hint = problem
            source.log.bad_row(source.name, row, expected, found, hint, column=column)
            kept[position] = False
    _leave_out_unreadable(source, lines, first, parse, kept)
    if kept.all():
        raise DataError(
            f"{source.name}: cannot be read after row {first - 1:,}: {error}", hint="correct the file"
        ) from error
    return kept


def _leave_out_unreadable(
    source: Source, lines: list[bytes], first: int, parse: pa_json.ParseOptions, kept: NDArray[np.bool_]
) -> None:
    """Note the lines that Python's JSON takes, and Arrow's does not: with a name that stands there twice, say.

    Raises DataError where they may not be left out.
    """
    try:
        _table([line for line, good in zip(lines, kept, strict=True) if good], parse)
        return
    except pa.ArrowException:
        pass
    for position in np.flatnonzero(kept).tolist():
        line = lines[position]
        try:
            _table([line], parse)
        except pa.ArrowException as error:
            reason = re.sub(r" in row \d+$|^JSON parse error: ", "", str(error))
            expected = "a JSON object that can be read"
            source.log.bad_row(
                source.name, first + position, expected, _shown(line), f"correct the line ({reason})"
            )
            kept[position] = False


def _problem(
    source: Source, row: int, line: bytes, types: dict[str, pa.DataType]
) -> tuple[str | None, str, str, str] | None:
    """The column, what was expected and found there, and a hint; None where the line can be read. Raises DataError."""
    for name, value in _parse(source, row, line).items():
        if name in types and value is not None and not _fits(value, types[name]):
            expected = f"{_words(types[name])} as in the rows before"
            return name, expected, json.dumps(value)[:80], _advice(value, types[name])
    return None


def _advice(value: Any, type: pa.DataType) -> str:
    if isinstance(value, int) and pa.types.is_integer(type):
        return "a number beyond 64 bits cannot be an id: write the ids as strings"
    one_type = "give all values of the column one type"
    are_ids = {isinstance(value, str), pa.types.is_string(type)} == {True, False}
    is_id = isinstance(value, int) or pa.types.is_integer(type)
    return f'{one_type}: "7" and 7 cannot be told apart' if are_ids and is_id else one_type


def _fits(value: Any, type: pa.DataType) -> bool:
    if pa.types.is_list(type):
        return isinstance(value, list) and all(
            _fits(entry, type.value_type) for entry in value if entry is not None
        )
    if pa.types.is_string(type):
        return isinstance(value, str)
    if pa.types.is_struct(type):
        return isinstance(value, dict) and all(
            _fits(value[field.name], field.type) for field in type if value.get(field.name) is not None
        )
    if pa.types.is_null(type):
        return value is None
    if isinstance(value, bool):
        return pa.types.is_boolean(type)
    if pa.types.is_integer(type):
        return isinstance(value, int) and -(2**63) <= value < 2**63
    return isinstance(value, int | float) and pa.types.is_floating(type)


def _words(type: pa.DataType) -> str:
    if pa.types.is_list(type):
        return f"a list of {_words(type.value_type)}s"
    if pa.types.is_string(type):
        return "a string"
    if pa.types.is_integer(type):
        return "an integer"
    if pa.types.is_struct(type):
        return "an object"
    return "a number" if pa.types.is_floating(type) else str(type)
