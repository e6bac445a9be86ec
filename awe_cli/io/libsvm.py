"""Rows from libsvm text and the text of the extreme classification repository (XMC).

A line is `LABEL,LABEL… INDEX:VALUE INDEX:VALUE …`. The XMC form begins with a line of three counts (examples,
features, labels), which is checked against the rest.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from awe_cli.errors import DataError
from awe_cli.io.columns import Batch, drop_empty, first_failing, list_parts, make_list, truths
from awe_cli.io.jsonl import blocks
from awe_cli.io.sources import Source
from awe_cli.matrices.bags import kept_offsets

LABELS, INDICES, VALUES = "labels", "indices", "values"
_ROWS = 16384


def libsvm_columns(source: Source) -> dict[str, pa.DataType | None]:
    """The three columns such a file always has: labels (strings), indices (integers) and values."""
    ids = pa.large_list(pa.int64())
    return {LABELS: pa.large_list(pa.string()), INDICES: ids, VALUES: pa.large_list(pa.float32())}


def libsvm_batches(source: Source, columns: list[str], rows: int) -> Iterator[Batch]:
    """The columns asked for, `rows` rows at a time. Raises DataError naming the row that is malformed."""
    first, header = 1, None
    for number, block in enumerate(blocks(source)):
        lines = _lines(source, block)
        if number == 0:
            header = _header(lines[0].as_py())
            lines = lines.slice(1 if header else 0)
        for start in range(0, len(lines), min(rows, _ROWS)):
            part = lines.slice(start, min(rows, _ROWS))
            batch = Batch(source.name, first, pa.table({"line": part}))
            yield Batch(source.name, first, _parse(batch, part).select(columns))
            first += len(part)
    if header and header[0] != first - 1:
        raise DataError(
            f"{source.name}: expected {header[0]:,} rows, as its first line says, found {first - 1:,}",
            hint="the file is cut off, or its first line is wrong",
        )


def _lines(source: Source, block: bytes) -> pa.Array:
    try:
        return pa.array(block.splitlines(), pa.large_binary()).cast(pa.large_string())
    except pa.ArrowInvalid as error:
        raise DataError(
            f"{source.name}: expected UTF-8 text, found other bytes", hint="name the format with --format"
        ) from error


def _header(line: str) -> list[int] | None:
    tokens = line.split()
    return [int(token) for token in tokens] if len(tokens) == 3 and all(t.isdigit() for t in tokens) else None


def _parse(batch: Batch, lines: pa.Array) -> pa.Table:
    offsets, tokens = list_parts(pc.split_pattern_regex(pc.utf8_trim_whitespace(lines), r"\s+"))
    is_first = np.zeros(len(tokens), bool)
    is_first[offsets[:-1]] = True
    is_pair = truths(pc.match_substring(tokens, ":"))
    _refuse(batch, offsets, tokens, ~is_pair & ~is_first)
    is_label = is_first & ~is_pair
    label_offsets = kept_offsets(offsets, is_label)
    labels = _split_labels(label_offsets, tokens.filter(pa.array(is_label)))
    pair_offsets = kept_offsets(offsets, is_pair)
    indices, values = _pairs(batch, pair_offsets, tokens.filter(pa.array(is_pair)))
    pairs = {INDICES: make_list(pair_offsets, indices), VALUES: make_list(pair_offsets, values)}
    return pa.table({LABELS: labels, **pairs})


def _split_labels(offsets: NDArray[np.int64], tokens: pa.Array) -> pa.Array:
    """The labels of each row, which has one token with commas in it, or none."""
    inner, labels = list_parts(pc.split_pattern(tokens, ","))
    return drop_empty(inner[offsets], labels)


def _pairs(batch: Batch, offsets: NDArray[np.int64], tokens: pa.Array) -> tuple[pa.Array, pa.Array]:
    parts = pc.list_flatten(pc.split_pattern(tokens, ":", max_splits=1, reverse=True))
    even = pa.array(np.arange(0, len(parts), 2))
    found = []
    for column, type in ((parts.take(even), pa.int64()), (parts.take(pc.add(even, 1)), pa.float32())):
        _refuse(batch, offsets, tokens, np.arange(len(tokens)) == first_failing(column, type))
        found.append(column.cast(type))
    return found[0], found[1]


def _refuse(batch: Batch, offsets: NDArray[np.int64], tokens: pa.Array, bad: NDArray[np.bool_]) -> None:
    """Raise DataError at the first token where `bad` is True."""
    if bad.any():
        token = int(np.argmax(bad))
        row = batch.row(int(np.searchsorted(offsets, token, "right")) - 1)
        raise DataError(
            f"{batch.file}: row {row:,}: expected labels, then INDEX:VALUE pairs, "
            f"found {tokens[token].as_py()!r}",
            hint="write the line as 3,17 0:1.5 12:0.25",
        )
