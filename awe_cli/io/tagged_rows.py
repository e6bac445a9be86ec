"""Rows of text with its labels on the same line: as fastText writes them, and as Annif does.

fastText  `__label__a __label__b the text`, a label being what begins with __label__, wherever it stands
Annif     `the text<TAB><uri> <uri>`, URIs in angle brackets, with spaces or tabs between them
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from awe_cli.io.columns import Batch, list_parts, make_list, split_at_spaces, truths
from awe_cli.io.lines import blocks
from awe_cli.io.sources import Source
from awe_cli.matrices.bags import kept_offsets

TEXT, LABELS = "text", "labels"
# Lines of Annif, and lines of text that may have no labels.
_LABELLED, _ANY = r"^[^\t]*\t\s*(<[^<>\s]*>\s*)*$", r"^[^\t]*(\t.*)?$"
_PREFIX = "__label__"


def tagged_columns(source: Source) -> dict[str, pa.DataType | None]:
    """The two columns such a file always has."""
    return {TEXT: pa.string(), LABELS: pa.large_list(pa.string())}


def tagged_pieces(source: Source, columns: list[str], rows: int) -> Iterator[Batch]:
    """The columns asked for, `rows` rows at a time; blank lines are no rows.

    Raises DataError naming the row of an Annif line without a tab, or with labels that are no URIs.
    """
    shape = _LABELLED if LABELS in columns else _ANY
    first = 1
    for _, block in blocks(source):
        texts = [line.removesuffix(b"\r") for line in block.split(b"\n")]
        lines = pa.array([line for line in texts if line.strip()], pa.binary()).cast(pa.string())
        for start in range(0, len(lines), rows):
            part = lines.slice(start, rows)
            numbered = Batch(
                source.name, first, pa.table({"line": part}), log=source.log, options=source.options
            )
            first += len(part)
            batch = (
                _fasttext(numbered, part) if source.format == "fasttext" else _annif(numbered, part, shape)
            )
            yield Batch(
                batch.file, batch.first_row, batch.table.select(columns), numbers=batch.numbers,
                log=batch.log, options=batch.options,
            )  # fmt: skip


def _fasttext(batch: Batch, lines: pa.Array) -> Batch:
    offsets, tokens = list_parts(split_at_spaces(lines))
    is_label = truths(pc.starts_with(tokens, _PREFIX))
    labels = pc.replace_substring_regex(tokens.filter(pa.array(is_label)), f"^{_PREFIX}", "")
    text = pc.utf8_trim_whitespace(pc.replace_substring_regex(lines, rf"(^|\s){_PREFIX}\S*", " "))
    return _with(batch, text, make_list(kept_offsets(offsets, is_label), labels))


def _annif(batch: Batch, lines: pa.Array, shape: str) -> Batch:
    good = truths(pc.match_substring_regex(lines, shape))
    for position in np.flatnonzero(~good):
        batch.log.bad_row(
            batch.file,
            batch.row(int(position)),
            "a text, a tab and URIs in angle brackets",
            repr(lines[int(position)].as_py()[-80:]),
            "write the line as TEXT<tab><http://…> <http://…>, or name another --format",
        )
    kept = batch.keep(good)
    tabbed = pc.binary_join_element_wise(lines.filter(pa.array(good)), "", "\t")  # one tab at least
    parts = pc.split_pattern(tabbed, "\t", max_splits=1)
    uris = pc.replace_substring_regex(
        pc.list_element(parts, 1) if len(parts) else lines.slice(0, 0), r"[<>\t]+", " "
    )
    texts = pc.list_element(parts, 0) if len(parts) else lines.slice(0, 0)
    return _with(kept, texts, split_at_spaces(uris))


def _with(batch: Batch, text: pa.Array, labels: pa.Array) -> Batch:
    table = pa.table({TEXT: text, LABELS: labels})
    return Batch(
        batch.file, batch.first_row, table, numbers=batch.numbers, log=batch.log, options=batch.options
    )
