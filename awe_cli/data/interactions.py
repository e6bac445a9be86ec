"""Interactions (a person chose an item) from files to distinct pairs, each in one split."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from awe_cli.data.columns import Piece, Role, fail
from awe_cli.data.gather import IdColumn, Origin, join, split_codes
from awe_cli.data.hashing import hash_values, mix
from awe_cli.data.matrix import Lists
from awe_cli.data.splits import Pairs, SplitRule, split_pairs
from awe_cli.data.storage import SPLITS
from awe_cli.data.vocabulary import encode, inverse, ranked
from awe_cli.errors import DataError


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
class Rows:
    """All rows as read: positions in `people` and `items`, which are in order of appearance."""

    people: pa.Array
    items: pa.Array
    person: NDArray[np.int32]
    item: NDArray[np.int32]
    weight: NDArray[np.float64] | None
    time: np.ndarray | None
    split: NDArray[np.int8] | None


@dataclass(frozen=True)
class Interactions:
    """Distinct pairs by split.

    people   ids by value, ascending; row i of each list is people[i]
    items    labels in index order: by descending number of training pairs, then by value
    lists    split → items of each person, ascending; weights split → their weights, or None
    merged   rows that repeated a pair; leaked: pairs found in two splits, kept in the earliest
    set_aside  whether the split valid was taken from train without being asked for
    """

    people: pa.Array
    items: pa.Array
    lists: dict[str, Lists]
    weights: dict[str, NDArray[np.float32]] | None
    rows: int
    merged: int
    leaked: int
    set_aside: bool


def read_interactions(pieces: Iterable[Piece], columns: InteractionColumns) -> Rows:
    """Read all pieces. Raises DataError for a weight that is not positive, and as the readers do."""
    user, item = IdColumn(columns.user), IdColumn(columns.item)
    weights, times, splits = [], [], []
    origin = Origin()
    for piece in pieces:
        origin.add(piece)
        user.add(piece, _one(piece, columns.user))
        item.add(piece, _one(piece, columns.item))
        if columns.weight:
            weights.append(_one(piece, columns.weight).to_numpy())
            refuse_not_positive(piece, columns.weight, weights[-1])
        if columns.time:
            times.append(_time(piece, columns.time, times))
        if columns.split:
            splits.append(split_codes(piece, columns.split))
    if not origin.rows:
        raise DataError("the input has no rows", hint="name a file with at least one row below its header")
    people, person = encode(user.values())
    user.chunks.clear()
    items, chosen = encode(item.values())
    return Rows(
        people, items, person, chosen,
        join(weights, np.float64) if columns.weight else None,
        join(times, np.float64) if columns.time else None,
        join(splits, np.int8) if columns.split else None,
    )  # fmt: skip


def build_interactions(rows: Rows, rule: SplitRule) -> Interactions:
    """Merge duplicates, split, and put people and items in their final order."""
    order = pc.sort_indices(rows.people).to_numpy().astype(np.int64)
    people = rows.people.take(pa.array(order))
    keys = inverse(order)[rows.person].astype(np.int64) * len(rows.items) + rows.item
    pairs, first, group = _distinct(keys, rows.time)
    person, item = pairs // len(rows.items), (pairs % len(rows.items)).astype(np.int32)
    given, leaked = _earliest(rows.split, group, len(pairs))
    weight = _summed(rows, given, group, len(pairs))
    indptr = np.searchsorted(person, np.arange(len(people) + 1)).astype(np.int64)
    person_hash = hash_values(people)
    pair_hash = mix(person_hash[person] + mix(hash_values(rows.items))[item])
    age = None if rows.time is None else _ages(rows.time[first], first)
    codes = split_pairs(Pairs(indptr, person_hash, pair_hash, age), rule, given)
    del pair_hash, keys, pairs
    counts = np.bincount(item[codes == 0], minlength=len(rows.items)).astype(np.int64)
    label_order = ranked(rows.items, counts)
    label = inverse(label_order)[item]
    lists, weights = _by_split(person, label, codes, weight, len(people))
    items = rows.items.take(pa.array(label_order))
    return Interactions(
        people, items, lists, weights, rows=len(rows.person), merged=len(rows.person) - len(codes), leaked=leaked,
        set_aside=rule.sets_aside(given),
    )  # fmt: skip


def refuse_not_positive(
    piece: Piece, column: str, weights: NDArray[np.float64], offsets: NDArray[np.int64] | None = None
) -> None:
    """Raise DataError at the first weight that is zero or negative; `offsets` where a row has several."""
    bad = weights <= 0
    if bad.any():
        entry = int(np.argmax(bad))
        position = entry if offsets is None else int(np.searchsorted(offsets, entry, "right")) - 1
        fail(piece, column, position, "a weight above 0", weights[entry],
             "leave the row out: a pair that is not there counts as not chosen")  # fmt: skip


def _one(piece: Piece, column: str) -> pa.Array:
    return piece.table.column(column).combine_chunks()


def _time(piece: Piece, column: str, before: list[np.ndarray]) -> np.ndarray:
    values = _one(piece, column)
    times = (values.cast(pa.int64()) if pa.types.is_timestamp(values.type) else values).to_numpy()
    times = times.view("datetime64[us]") if pa.types.is_timestamp(values.type) else times
    if before and before[0].dtype.kind != times.dtype.kind and "M" in (before[0].dtype.kind + times.dtype.kind):
        fail(piece, column, 0, "times written as before", str(times[0]), "write all times in one way")
    return times


def _distinct(
    keys: NDArray[np.int64], time: np.ndarray | None
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The distinct keys, ascending; for each the row it came with first (by time, if known); each row's group."""
    order = np.argsort(keys, kind="stable") if time is None else np.lexsort((time, keys))
    ordered = keys[order]
    new = np.ones(len(keys), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
    group = np.empty(len(keys), np.int64)
    group[order] = np.cumsum(new) - 1
    return ordered[new], order[new], group


def _earliest(
    split: NDArray[np.int8] | None, group: NDArray[np.int64], n: int
) -> tuple[NDArray[np.int8] | None, int]:
    """The earliest split of each group, and how many groups are in more than one."""
    if split is None:
        return None, 0
    earliest, latest = np.full(n, len(SPLITS), np.int8), np.full(n, -1, np.int8)
    np.minimum.at(earliest, group, split)
    np.maximum.at(latest, group, split)
    return earliest, int(np.count_nonzero(earliest != latest))


def _summed(
    rows: Rows, given: NDArray[np.int8] | None, group: NDArray[np.int64], n: int
) -> NDArray[np.float32] | None:
    """The weights of each group's rows, those of a later split left out."""
    if rows.weight is None:
        return None
    weight = rows.weight if given is None or rows.split is None else np.where(rows.split == given[group], rows.weight, 0)
    return np.bincount(group, weights=weight, minlength=n).astype(np.float32)


def _ages(time: np.ndarray, row: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rank of each pair by time, ties by row."""
    ages = np.empty(len(time), np.int64)
    ages[np.lexsort((row, time))] = np.arange(len(time))
    return ages


def _by_split(
    person: NDArray[np.int64], label: NDArray[np.int32], codes: NDArray[np.int8],
    weight: NDArray[np.float32] | None, n: int,
) -> tuple[dict[str, Lists], dict[str, NDArray[np.float32]] | None]:  # fmt: skip
    lists, weights = {}, {}
    for code, split in enumerate(SPLITS):
        entries = np.flatnonzero(codes == code)
        entries = entries[np.argsort(person[entries] << 32 | label[entries])]
        indptr = np.searchsorted(person[entries], np.arange(n + 1)).astype(np.int64)
        lists[split] = Lists(indptr, label[entries])
        if weight is not None:
            weights[split] = weight[entries]
    return lists, weights if weight is not None else None
