"""Files with one thing a row, an id and features: the queries and the documents of a retrieval."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from awe_cli.data.annotated import FeatureColumns, RawReader
from awe_cli.data.gather import IdColumn, Origin, join, split_codes
from awe_cli.data.raw import Raw
from awe_cli.data.reading.columns import Piece, Role
from awe_cli.data.text import TextOptions
from awe_cli.data.vocabulary import encode
from awe_cli.errors import DataError


@dataclass(frozen=True)
class ThingColumns:
    """The columns to read."""

    features: FeatureColumns
    id: str
    split: str | None = None

    def roles(self) -> dict[str, Role]:
        """Column → what it is read as."""
        return {
            **self.features.roles(),
            self.id: Role.ID,
            **({self.split: Role.TEXT} if self.split else {}),
        }


@dataclass(frozen=True)
class Things:
    """Things in input order: ids (n,), raw features, the split of each where a column has it.

    untyped  whether they come from a file without types, as CSV is: ids that are digits may then be integers
    """

    ids: pa.Array
    raw: Raw
    split: NDArray[np.int8] | None
    untyped: bool


def read_things(
    pieces: Iterable[Piece], columns: ThingColumns, text: TextOptions | None, what: str
) -> Things:
    """Read all pieces; `what` they are, in the plural, is for messages.

    Raises DataError as the readers do, for an id that is there twice, and where there is no row.
    """
    reader, ids, splits, origin = RawReader(columns.features, text), IdColumn(columns.id), [], Origin()
    untyped = False
    for piece in pieces:
        origin.add(piece)
        untyped |= piece.untyped
        reader.add(piece)
        ids.add(piece, piece.column(columns.id))
        if columns.split:
            splits.append(split_codes(piece, columns.split))
    if not origin.rows:
        raise DataError(f"the file of {what} has no rows", hint="give it at least one row below its header")
    distinct, codes = encode(ids.values())
    if len(distinct) < len(codes):
        _refuse_twice(distinct, codes, columns.id, origin, what)
    return Things(distinct, reader.raw(), join(splits, np.int8) if columns.split else None, untyped)


def _refuse_twice(
    distinct: pa.Array, codes: NDArray[np.int32], column: str, origin: Origin, what: str
) -> None:
    first = np.unique(codes, return_index=True)[1]
    again = int(np.setdiff1d(np.arange(len(codes)), first)[0])
    file, row = origin.of(again)
    before = origin.of(int(first[codes[again]]))[1]
    raise DataError(
        f"{file}: column {column!r}, row {row:,}: expected ids that are there once, found "
        f"{distinct[int(codes[again])].as_py()!r}, which row {before:,} has, too",
        hint=f"give {what} different ids, or keep one of the rows",
    )
