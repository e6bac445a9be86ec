"""New input of any length, a batch of examples at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from awe_cli.data.encoder import Encoded, Encoder
from awe_cli.data.gather import join
from awe_cli.data.hashing import hash_values
from awe_cli.data.reading.columns import Piece, Role, is_list, truths
from awe_cli.data.reading.pieces import columns_of, raw_pieces, read_pieces
from awe_cli.data.reading.sources import Source, open_sources

_ROWS = 65536  # interactions read at a time


def read_encoded(
    encoder: Encoder, path: str, format: str | None = None, size: int = 8192
) -> Iterator[Encoded]:
    """The examples of a file ("-" is stdin, spooled to disk), at most `size` at a time, in its order.

    Memory does not grow with the file as long as rows of the same person (or id) are consecutive; where they
    are not, the needed columns are read at once. Raises what the readers and `Encoder.encode` raise.
    """
    with open_sources([path], format) as (source,):
        pieces = raw_pieces(source, encoder.roles(), _ROWS if encoder.of_people else size)
        if encoder.key is not None and not _one_row_each(encoder, source):
            consecutive = is_consecutive(source, encoder.key)
            pieces = whole_groups(pieces, encoder.key) if consecutive else all_at_once(pieces)
        for piece in pieces:
            yield from _batches(encoder, piece, size)


def is_consecutive(source: Source, key: str) -> bool:
    """Whether rows with the same key always follow each other.

    Keys in ascending or descending order need no memory, others 8 bytes for each run of equal keys.
    """
    if _is_sorted(source, key, pc.less) or _is_sorted(source, key, pc.greater):
        return True
    hashes: list[NDArray[np.uint64]] = []
    last = None
    for values in _keys(source, key):
        starts = np.append(values[0].as_py() != last, truths(pc.not_equal(values[1:], values[:-1])))
        last = values[-1].as_py()
        hashes.append(hash_values(values.filter(pa.array(starts))))
    runs = join(hashes, np.uint64)
    runs.sort()
    return not (runs[1:] == runs[:-1]).any()


def _is_sorted(source: Source, key: str, out_of_order: Callable[[pa.Array, pa.Array], pa.Array]) -> bool:
    """Whether no key is `out_of_order` after the one before it. Stops at the first that is."""
    last = None
    for found in _keys(source, key):
        values = found if last is None else pa.concat_arrays([last.cast(found.type), found])
        if pc.any(out_of_order(values[1:], values[:-1])).as_py():
            return False
        last = values[-1:]
    return True


def _keys(source: Source, key: str) -> Iterator[pa.Array]:
    for piece in read_pieces(source, {key: Role.ID}):
        yield piece.column(key)


def whole_groups(pieces: Iterable[Piece], key: str) -> Iterator[Piece]:
    """The same rows, cut only where the key changes."""
    held: Piece | None = None
    for found in pieces:
        piece = found if held is None else _joined([held, found])
        values = piece.column(key)
        other = truths(pc.not_equal(values, values[-1]))
        cut = len(other) - int(np.argmax(other[::-1])) if other.any() else 0
        if cut:
            yield dataclasses.replace(piece, table=piece.table.slice(0, cut))
        held = dataclasses.replace(piece, first_row=piece.first_row + cut, table=piece.table.slice(cut))
    if held is not None:
        yield held


def all_at_once(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """All rows as one piece."""
    found = list(pieces)
    if found:
        yield _joined(found)


def _joined(pieces: list[Piece]) -> Piece:
    return dataclasses.replace(pieces[0], table=pa.concat_tables([piece.table for piece in pieces]))


def _one_row_each(encoder: Encoder, source: Source) -> bool:
    """Whether each row is a person with a list of items: then no rows have to be put together."""
    type = columns_of(source).get(encoder.columns["item"]) if encoder.of_people else None
    return type is not None and is_list(type)


def _batches(encoder: Encoder, piece: Piece, size: int) -> Iterator[Encoded]:
    encoded = encoder.encode(piece.table, piece.file, piece.first_row, untyped=piece.untyped)
    unknown = encoded.unknown
    for start in range(0, len(encoded.examples), size):
        stop = min(start + size, len(encoded.examples))
        yield Encoded(encoded.examples.slice(start, stop), unknown)
        unknown = 0  # counted with the first batch of the piece
