"""Rows from libsvm text and the text of the extreme classification repository (XMC).

A line is `LABEL,LABEL… INDEX:VALUE INDEX:VALUE …`. The XMC form begins with a line of three counts (examples,
features, labels), which is checked against the rest. Lines of LETOR and SVMrank have `qid:QUERY` after the label, and
maybe a comment: `2 qid:7 1:0.5 # docid = D12`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from awe_cli.errors import DataError
from awe_cli.io.columns import (
    Batch,
    RowsLeftOutError,
    drop_empty,
    first_failing,
    list_parts,
    make_list,
    one_array,
    refuse,
    truths,
)
from awe_cli.io.lines import blocks, head
from awe_cli.io.sources import Source
from awe_cli.matrices.bags import kept_offsets

LABELS, INDICES, VALUES = "labels", "indices", "values"
QUERY, DOCUMENT, GRADE = "qid", "docid", "grade"  # where lines have them
_NUMBER = r"^[-+]?\d+(\.\d*)?([eE][-+]?\d+)?$"
_LOOKED_AT = 1 << 18  # bytes, to learn whether they have
_ROWS = 16384


def libsvm_columns(source: Source) -> dict[str, pa.DataType | None]:
    """The three columns such a file always has: labels (strings), indices (integers) and values.

    Also qid and grade (the label as a number), where the first lines have a query, and docid, where they have comments.
    """
    ids = pa.large_list(pa.int64())
    columns = {LABELS: pa.large_list(pa.string()), INDICES: ids, VALUES: pa.large_list(pa.float32())}
    text = head(source, _LOOKED_AT)
    columns |= {QUERY: pa.string(), GRADE: pa.float64()} if b" qid:" in text else {}
    return columns | ({DOCUMENT: pa.string()} if b"#" in text else {})


def libsvm_batches(source: Source, columns: list[str], rows: int) -> Iterator[Batch]:
    """The columns asked for, `rows` rows at a time. Raises DataError naming the row that is malformed."""
    first, header, read = 1, None, 0
    for number, (_, block) in enumerate(blocks(source)):
        lines = _lines(source, block)
        if number == 0:
            header = _header(lines[0].as_py())
            lines = lines.slice(1 if header else 0)
        for start in range(0, len(lines), min(rows, _ROWS)):
            part = lines.slice(start, min(rows, _ROWS))
            batch = Batch(
                source.name, first, pa.table({"line": part}), log=source.log, options=source.options
            )
            first += len(part)
            filled = truths(pc.match_substring_regex(part, r"^\s*[^\s#]"))
            batch, part = batch.keep(filled), part.filter(pa.array(filled))  # blank lines are no examples
            read += len(part)
            batch, table = _read(replace(batch, droppable=source.log.allowed > 0), part)
            if header:
                _check_counts(batch, table, header)
            yield replace(batch, table=table.select(columns), droppable=False)
    if header and header[0] not in (read, first - 1):
        raise DataError(
            f"{source.name}: expected {header[0]:,} rows, as its first line says, found {read:,}",
            hint="the file is cut off, or its first line is wrong",
        )


def _read(batch: Batch, lines: pa.Array) -> tuple[Batch, pa.Table]:
    """The columns of some lines; those that cannot be read are left out as far as the log allows."""
    while True:
        try:
            return batch, _parse(batch, lines)
        except RowsLeftOutError as error:
            batch, lines = batch.keep(error.kept), lines.filter(pa.array(error.kept))


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


def _check_counts(batch: Batch, table: pa.Table, header: list[int]) -> None:
    """Raise DataError at the first index or label beyond the counts of the first line; they count from 0, or from 1."""
    for column, count in ((INDICES, header[1]), (LABELS, header[2])):
        offsets, entries = list_parts(one_array(table.column(column)))
        if column == LABELS:
            numeric = pc.match_substring_regex(entries, r"^\d{1,18}$")
            entries = pc.if_else(numeric, entries, "0").cast(pa.int64())
        numbers = entries.to_numpy()
        largest = count - 1 if (numbers == 0).any() else count
        what = "features" if column == INDICES else "labels"
        expected = f"a number of at most {largest:,}: the first line counts {count:,} {what}"
        too_large = numbers > largest
        refuse(batch, column, too_large, expected, entries, "correct the first line or the row", offsets)


def _parse(batch: Batch, lines: pa.Array) -> pa.Table:
    queries = pc.replace_substring_regex(
        pc.if_else(pc.match_substring_regex(lines, r"^\S*\s+qid:"), lines, None),
        r"^\S*\s+qid:(\S*).*$",
        r"\1",
    )
    queries = pc.fill_null(queries, "")
    comments = pc.if_else(pc.match_substring(lines, "#"), lines, "")
    comments = pc.utf8_trim_whitespace(pc.replace_substring_regex(comments, r"^[^#]*#", ""))
    documents = pc.replace_substring_regex(comments, r"^.*\bdocid\s*=\s*(\S+).*$", r"\1")
    lines = pc.replace_substring_regex(lines, r"#.*$", "")
    lines = pc.replace_substring_regex(lines, r"^(\S*)\s+qid:\S*", r"\1")
    offsets, tokens = list_parts(pc.split_pattern_regex(pc.utf8_trim_whitespace(lines), r"\s+"))
    first = tokens.take(pa.array(offsets[:-1]))  # a line has one token at least, maybe an empty one
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
    texts = {QUERY: queries.cast(pa.string()), DOCUMENT: documents.cast(pa.string())}
    grades = pc.if_else(pc.match_substring_regex(first, _NUMBER), first, None).cast(pa.float64())
    return pa.table({LABELS: labels, **pairs, **texts, GRADE: grades})


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
        position = int(np.searchsorted(offsets, token, "right")) - 1
        expected, hint = "labels, then INDEX:VALUE pairs", "write the line as 3,17 0:1.5 12:0.25"
        batch.log.bad_row(batch.file, batch.row(position), expected, repr(tokens[token].as_py())[:80], hint)
        raise RowsLeftOutError(np.arange(batch.table.num_rows) != position)
