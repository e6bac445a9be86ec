"""Rows from libsvm text and the text of the extreme classification repository (XMC).

A line is `LABEL,LABEL… INDEX:VALUE INDEX:VALUE …`. The XMC form begins with a line of three counts (examples,
features, labels), which is checked against the rest.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from awe_cli.data.columns import Piece, drop_empty, first_failing, list_parts, make_list
from awe_cli.data.read_jsonl import blocks
from awe_cli.data.sources import Source
from awe_cli.errors import DataError

LABELS, INDICES, VALUES = "labels", "indices", "values"
_ROWS = 16384


def libsvm_columns(source: Source) -> dict[str, pa.DataType | None]:
    """The three columns such a file always has: labels (strings), indices (integers) and values."""
    ids = pa.large_list(pa.int64())
    return {LABELS: pa.large_list(pa.string()), INDICES: ids, VALUES: pa.large_list(pa.float32())}


def libsvm_pieces(source: Source, columns: list[str], rows: int) -> Iterator[Piece]:
    """The columns asked for, `rows` rows at a time. Raises DataError naming the row that is malformed."""
    first, header = 1, None
    for number, block in enumerate(blocks(source)):
        lines = pa.array(block.decode("utf-8", "replace").splitlines(), pa.large_string())
        lines = pc.utf8_rtrim_whitespace(lines)
        if number == 0:
            header = _header(lines[0].as_py())
            lines = lines.slice(1 if header else 0)
        for start in range(0, len(lines), min(rows, _ROWS)):
            part = lines.slice(start, min(rows, _ROWS))
            piece = Piece(source.name, first, pa.table({"line": part}))
            yield Piece(source.name, first, _parse(piece, part).select(columns))
            first += len(part)
    if header and header[0] != first - 1:
        raise DataError(f"{source.name}: expected {header[0]:,} rows, as its first line says, found {first - 1:,}",
                        hint="the file is cut off, or its first line is wrong")  # fmt: skip


def _header(line: str) -> list[int] | None:
    tokens = line.split()
    return [int(token) for token in tokens] if len(tokens) == 3 and all(t.isdigit() for t in tokens) else None


def _parse(piece: Piece, lines: pa.Array) -> pa.Table:
    starts_blank = pc.or_(pc.starts_with(lines, " "), pc.equal(lines, "")).to_numpy(zero_copy_only=False)
    offsets, tokens = list_parts(pc.split_pattern_regex(pc.utf8_trim_whitespace(lines), r"\s+"))
    is_first = np.zeros(len(tokens), bool)
    is_first[offsets[:-1]] = True
    has_pair = pc.match_substring(tokens, ":").to_numpy(zero_copy_only=False)
    is_label = is_first & ~has_pair
    stray = ~has_pair & ~is_first
    if stray.any():
        _malformed(piece, offsets, tokens, int(np.argmax(stray)))
    label_text = pa.array(np.full(len(lines), "", object), pa.large_string())
    with_label = np.flatnonzero(is_label[offsets[:-1]] & ~starts_blank)
    label_text = pc.replace_with_mask(
        label_text, pa.array(np.isin(np.arange(len(lines)), with_label)),
        tokens.take(pa.array(offsets[:-1][with_label])).cast(pa.large_string()),
    )  # fmt: skip
    labels = drop_empty(*list_parts(pc.split_pattern(label_text, ",")))
    pair_offsets = np.concatenate([[0], np.cumsum(has_pair)])[offsets]
    indices, values = _pairs(piece, pair_offsets, tokens.filter(pa.array(has_pair)))
    return pa.table({LABELS: labels, INDICES: make_list(pair_offsets, indices), VALUES: make_list(pair_offsets, values)})


def _pairs(piece: Piece, offsets: np.ndarray, tokens: pa.Array) -> tuple[pa.Array, pa.Array]:
    if not len(tokens):
        return pa.array([], pa.int64()), pa.array([], pa.float32())
    parts = pc.list_flatten(pc.split_pattern(tokens, ":", max_splits=1, reverse=True))
    indices, values = parts.take(pa.array(np.arange(0, len(parts), 2))), parts.take(pa.array(np.arange(1, len(parts), 2)))
    try:
        return indices.cast(pa.int64()), values.cast(pa.float32())
    except pa.ArrowInvalid:
        broken = []
        for column, type in ((indices, pa.int64()), (values, pa.float32())):
            try:
                column.cast(type)
            except pa.ArrowInvalid:
                broken.append(first_failing(column, type))
        _malformed(piece, offsets, tokens, min(broken))
        raise


def _malformed(piece: Piece, offsets: np.ndarray, tokens: pa.Array, token: int) -> None:
    row = int(np.searchsorted(offsets, token, "right")) - 1
    raise DataError(
        f"{piece.file}: row {piece.row(row):,}: expected labels, then INDEX:VALUE pairs, found {tokens[token].as_py()!r}",
        hint="write the line as 3,17 0:1.5 12:0.25",
    )
