"""Interactions (a person chose an item) as they stand in files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from awe_cli.data.gather import IdColumn, join, split_codes
from awe_cli.data.reading.columns import Piece, Role
from awe_cli.data.reading.refusal import refuse
from awe_cli.data.vocabulary import encode
from awe_cli.errors import DataError

NO_ROWS = ("the input has no rows", "name a file with at least one row")


@dataclass(frozen=True)
class InteractionColumns:
    """The columns to read."""

    user: str
    item: str
    weight: str | None = None
    time: str | None = None
    split: str | None = None

    def roles(self) -> dict[str, Role]:
        """Column → what it is read as."""
        wanted = {self.user: Role.ID, self.item: Role.ID}
        optional = {self.weight: Role.NUMBER, self.time: Role.TIME, self.split: Role.TEXT}
        return wanted | {name: role for name, role in optional.items() if name is not None}


@dataclass(frozen=True)
class InteractionRows:
    """All rows (n,) as read: positions in `people` and `items`, which are in order of appearance.

    time holds integers, floats or datetime64[us]; split holds TRAIN, VALID, TEST.
    """

    people: pa.Array
    items: pa.Array
    person: NDArray[np.int32]
    item: NDArray[np.int32]
    weight: NDArray[np.float64] | None
    time: np.ndarray | None
    split: NDArray[np.int8] | None


def read_interactions(pieces: Iterable[Piece], columns: InteractionColumns) -> InteractionRows:
    """Read all pieces. Raises DataError for a weight that is not positive, and as the readers do."""
    user, item = IdColumn(columns.user), IdColumn(columns.item)
    weights: list[np.ndarray] = []
    times: list[np.ndarray] = []
    splits: list[np.ndarray] = []
    for piece in pieces:
        user.add(piece, piece.column(columns.user))
        item.add(piece, piece.column(columns.item))
        if columns.weight:
            weights.append(piece.column(columns.weight).to_numpy())
            refuse_not_positive(piece, columns.weight, weights[-1])
        if columns.time:
            times.append(_times(piece, columns.time, times))
        if columns.split:
            splits.append(split_codes(piece, columns.split))
    if not user.rows:
        raise DataError(NO_ROWS[0], hint=NO_ROWS[1])
    people, person = encode(user.values())
    user.chunks.clear()
    items, chosen = encode(item.values())
    return InteractionRows(
        people=people,
        items=items,
        person=person,
        item=chosen,
        weight=join(weights, np.float64) if columns.weight else None,
        time=join(times, np.float64) if columns.time else None,
        split=join(splits, np.int8) if columns.split else None,
    )


def refuse_not_positive(
    piece: Piece, column: str, weights: NDArray[np.float64], offsets: NDArray[np.int64] | None = None
) -> None:
    """Raise DataError at the first weight that is zero or negative; `offsets` where a row has several."""
    hint = "leave the row out: a pair that is not there counts as not chosen"
    refuse(piece, column, weights <= 0, "a weight above 0", weights, hint, offsets)


def _times(piece: Piece, column: str, before: list[np.ndarray]) -> np.ndarray:
    values = piece.column(column)
    is_date = pa.types.is_timestamp(values.type)
    times = values.cast(pa.int64()).to_numpy().view("datetime64[us]") if is_date else values.to_numpy()
    if before and (before[0].dtype.kind == "M") != is_date:
        expected = "dates as in the rows before" if not is_date else "numbers as in the rows before"
        refuse(piece, column, np.ones(len(times), bool), expected, times, "write all times in one way")
    return times
