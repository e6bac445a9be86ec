"""Rows from JSON lines: one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.json as pa_json

from awe_cli.errors import DataError
from awe_cli.io.columns import Batch
from awe_cli.io.sources import Source

_BLOCK = 8 << 20  # bytes of text in memory at a time
_SAMPLE = 1000  # lines looked at to learn the columns


def jsonl_columns(source: Source) -> dict[str, pa.DataType | None]:
    """The columns of the first lines; null where no line has a value yet."""
    types: dict[str, pa.DataType | None] = {}
    for block in blocks(source):
        for row, line in enumerate(block.splitlines()[:_SAMPLE], 1):
            for name, value in _parse(source, row, line).items():
                known = types.get(name)
                if known is None or _unknown(known):
                    types[name] = _type_of(value)
                elif pa.types.is_integer(known) and isinstance(value, float):
                    types[name] = pa.float64()
        break
    return types


def jsonl_batches(source: Source, types: dict[str, pa.DataType], rows: int) -> Iterator[Batch]:
    """The columns with the types given, a block of the file at a time.

    Raises DataError naming the row where a line is no JSON object or a value has another type.
    """
    schema = pa.schema(list(types.items()))
    parse = pa_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    first = 1
    for block in blocks(source):
        try:
            read = pa_json.ReadOptions(use_threads=False, block_size=len(block) + 1)
            table = pa_json.read_json(pa.BufferReader(block), read_options=read, parse_options=parse)
        except (pa.ArrowInvalid, OSError) as error:
            raise _broken(source, block, first, types, error) from error
        for start in range(0, table.num_rows, rows):
            part = table.slice(start, rows)
            yield Batch(source.name, first, part)
            first += part.num_rows


def blocks(source: Source) -> Iterator[bytes]:
    """The file in blocks of whole lines. Raises DataError where it cannot be unpacked."""
    rest = b""
    start = True
    try:
        with source.open() as stream:
            while chunk := stream.read(_BLOCK):
                if start:
                    chunk, start = chunk.removeprefix(b"\xef\xbb\xbf"), False
                cut = chunk.rfind(b"\n") + 1
                if cut:
                    yield rest + chunk[:cut]
                    rest = chunk[cut:]
                else:
                    rest += chunk
    except OSError as error:
        raise DataError(
            f"{source.name}: cannot be read: {error}", hint="make or copy the file again"
        ) from error
    if rest.strip():
        yield rest


def _unknown(type: pa.DataType) -> bool:
    return pa.types.is_null(type) or (pa.types.is_list(type) and pa.types.is_null(type.value_type))


def _type_of(value: Any) -> pa.DataType:
    if isinstance(value, list):
        types = [_type_of(entry) for entry in value]
        mixed = pa.float64() if pa.float64() in types else types[0] if types else pa.null()
        return pa.list_(mixed)
    if isinstance(value, dict):
        return pa.struct([(name, _type_of(entry)) for name, entry in value.items()])
    by_type = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}
    return by_type.get(type(value), pa.null())


def _parse(source: Source, row: int, line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line) if line.strip() else {}
    except ValueError as error:
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


def _broken(
    source: Source, block: bytes, first: int, types: dict[str, pa.DataType], error: Exception
) -> DataError:
    """Find the line that the fast reader stumbled over, and say what is wrong with it."""
    lines = [line for line in block.splitlines() if line.strip()]
    for row, line in enumerate(lines, first):
        for name, value in _parse(source, row, line).items():
            if name in types and value is not None and not _fits(value, types[name]):
                return DataError(
                    f"{source.name}: column {name!r}, row {row:,}: expected {_words(types[name])} as in the "
                    f"rows before, found {json.dumps(value)[:80]}",
                    hint=_advice(value, types[name]),
                )
    return DataError(
        f"{source.name}: cannot be read after row {first - 1:,}: {error}", hint="correct the file"
    )


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
    return "a number" if pa.types.is_floating(type) else str(type)
