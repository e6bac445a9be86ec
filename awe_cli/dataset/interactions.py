"""Interactions (a person chose an item): read from files, and merged to distinct pairs, each in one split."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from awe_cli.dataset.gather import IdColumn, join, split_codes
from awe_cli.dataset.hashing import hash_values, mix
from awe_cli.dataset.previous import Previous
from awe_cli.dataset.row_choice import (
    LeftOut,
    RowChoice,
    frequent_pairs,
    note_rating_scale,
    only_used,
    warn_of_mixed_times,
)
from awe_cli.dataset.splits import SPLITS, TRAIN, SplitPairs, SplitRule, count_contradicted, split_pairs
from awe_cli.dataset.versions import places_by_id
from awe_cli.dataset.vocabulary import continued, encode, inverse, ranked
from awe_cli.errors import DataError
from awe_cli.io.columns import Batch, Role, refuse
from awe_cli.matrices.matrix import Lists

# Interactions (a person chose an item) as they stand in files.

_SECONDS_A_DAY = 86400.0
_MOST_HALF_LIVES = 60.0
# Units a second has, and the number that times since 1970 in this unit stay below until the year 5138.
_TIME_UNITS = {1.0: 1e11, 1e3: 1e14, 1e6: 1e17}
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
    left_out counts the rows that the choice of rows left out.
    """

    people: pa.Array
    items: pa.Array
    person: NDArray[np.int32]
    item: NDArray[np.int32]
    weight: NDArray[np.float64] | None
    time: np.ndarray | None
    split: NDArray[np.int8] | None
    left_out: LeftOut = field(default_factory=LeftOut)


def read_interactions(
    batches: Iterable[Batch],
    columns: InteractionColumns,
    half_life: float | None = None,
    choice: RowChoice | None = None,
) -> InteractionRows:
    """Read all pieces, and keep the rows of the choice.

    half_life  days in which a row loses half of its weight (1 where it has none); None: it keeps it
    choice     None: all rows count, and each weight must be above 0

    Raises DataError for a weight that is not positive, where no row is left, and as the readers do.
    """
    choice = choice or RowChoice()
    left_out = LeftOut()
    user, item = IdColumn(columns.user), IdColumn(columns.item)
    weights: list[np.ndarray] = []
    times: list[np.ndarray] = []
    splits: list[np.ndarray] = []
    log = None
    for read in batches:
        batch, log = read, read.log
        if columns.weight:
            if choice.min_weight is not None:
                batch = _of_least_weight(read, columns.weight, choice.min_weight, left_out)
            weights.append(batch.column(columns.weight).to_numpy())
            refuse_not_positive(batch, columns.weight, weights[-1])
        user.add(batch, batch.column(columns.user))
        item.add(batch, batch.column(columns.item))
        if columns.time:
            times.append(_times(batch, columns.time, times))
        if columns.split:
            splits.append(split_codes(batch, columns.split))
    if not user.rows:
        if left_out.by_weight:
            raise DataError(
                f"column {columns.weight!r}: no row has a weight of {choice.min_weight:g} or more",
                hint="lower --min-weight",
            )
        raise DataError(NO_ROWS[0], hint=NO_ROWS[1])
    assert log is not None
    people, person = encode(user.values())
    user.chunks.clear()
    items, chosen = encode(item.values())
    weight = join(weights, np.float64) if columns.weight else None
    if weight is not None and columns.weight and choice.min_weight is None:
        note_rating_scale(log, columns.weight, weight)
    time = join(times, np.float64) if columns.time else None
    if time is not None and columns.time:
        warn_of_mixed_times(log, columns.time, time)
    if half_life is not None:
        assert time is not None
        weight = decay(time, half_life) * (1.0 if weight is None else weight)
    rows = InteractionRows(
        people=people,
        items=items,
        person=person,
        item=chosen,
        weight=weight,
        time=time,
        split=join(splits, np.int8) if columns.split else None,
        left_out=left_out,
    )
    return _frequent(rows, choice) if choice.min_per_user or choice.min_per_item else rows


def _of_least_weight(batch: Batch, column: str, least: float, left_out: LeftOut) -> Batch:
    """The rows with a weight of at least `least`; the others are counted."""
    weights = batch.column(column).to_numpy()
    kept = weights >= least
    left_out.by_weight += int(np.count_nonzero(~kept))
    left_out.zero_weight += int(np.count_nonzero(weights == 0))
    return batch.keep(kept)


def _frequent(rows: InteractionRows, choice: RowChoice) -> InteractionRows:
    """The rows of people and items with enough pairs."""
    kept = frequent_pairs(rows.person, rows.item, choice)
    rows.left_out.rare = int(np.count_nonzero(~kept))
    people, person = only_used(rows.people, rows.person[kept])
    items, item = only_used(rows.items, rows.item[kept])
    return replace(
        rows,
        people=people,
        items=items,
        person=person,
        item=item,
        weight=None if rows.weight is None else rows.weight[kept],
        time=None if rows.time is None else rows.time[kept],
        split=None if rows.split is None else rows.split[kept],
    )


def decay(time: np.ndarray, half_life: float) -> NDArray[np.float64]:
    """What is left of each row's weight (n,): 2^(-age / half_life), its age in days before the latest row.

    Times are datetime64[us], or numbers since 1970 whose size tells seconds from milli-, micro- and nanoseconds.
    Beyond 60 half-lives no more is lost, so that who has only old rows still has a history.
    """
    if time.dtype.kind == "M":
        age = (time.max() - time) / np.timedelta64(1, "D")
    else:
        largest = float(np.abs(time).max())
        unit = next((unit for unit, limit in _TIME_UNITS.items() if largest < limit), 1e9)
        age = (time.max() - time).astype(np.float64) / (unit * _SECONDS_A_DAY)
    return np.exp2(-np.minimum(age / half_life, _MOST_HALF_LIVES))


def refuse_not_positive(
    batch: Batch, column: str, weights: NDArray[np.float64], offsets: NDArray[np.int64] | None = None
) -> None:
    """Raise DataError at the first weight that is zero or negative; `offsets` where a row has several."""
    hint = "leave the row out: a pair that is not there counts as not chosen"
    refuse(batch, column, weights <= 0, "a weight above 0", weights, hint, offsets)


def _times(batch: Batch, column: str, before: list[np.ndarray]) -> np.ndarray:
    values = batch.column(column)
    is_date = pa.types.is_timestamp(values.type)
    times = values.cast(pa.int64()).to_numpy().view("datetime64[us]") if is_date else values.to_numpy()
    if before and (before[0].dtype.kind == "M") != is_date:
        expected = "dates as in the rows before" if not is_date else "numbers as in the rows before"
        refuse(batch, column, np.ones(len(times), bool), expected, times, "write all times in one way")
    return times


# Distinct pairs of a person and an item, each in one split, in their final order.


@dataclass(frozen=True)
class Interactions:
    """Distinct pairs by split.

    people     ids by value, ascending; row i of each list is people[i]
    items      labels in index order: by descending number of training pairs, then by value; those of a version before
               first, in its order
    lists      split → items of each person, ascending; weights: split → their weights, or None
    rows       rows read; merged: rows that repeated a pair
    leaked     pairs found in two splits, kept in the earliest
    set_aside  whether the split valid was taken from train without being asked for
    contradicted  pairs that a column holds out, or trains on, otherwise than the version before did
    """

    people: pa.Array
    items: pa.Array
    lists: dict[str, Lists]
    weights: dict[str, NDArray[np.float32]] | None
    rows: int
    merged: int
    leaked: int
    set_aside: bool
    contradicted: int = 0


def build_interactions(
    rows: InteractionRows, rule: SplitRule, previous: Previous | None = None
) -> Interactions:
    """Merge duplicates, split, and put people and items in their final order.

    previous  the version before, whose pairs keep their split and whose items keep their order
    """
    order = pc.sort_indices(rows.people).to_numpy().astype(np.int64)
    people = rows.people.take(pa.array(order))
    merged = _merge(rows, inverse(order)[rows.person])
    kept = previous.pair_splits(people, rows.items, merged.person, merged.item) if previous else None
    codes = split_pairs(_pairs(rows, merged, people), rule, merged.split, kept)
    counts = np.bincount(merged.item[codes == TRAIN], minlength=len(rows.items)).astype(np.int64)
    label_order = ranked(rows.items, counts)
    if previous:
        label_order = continued(label_order, places_by_id(rows.items, previous.labels))
    label = inverse(label_order)[merged.item]
    lists, weights = _by_split(merged, label, codes, len(people))
    return Interactions(
        people,
        rows.items.take(pa.array(label_order)),
        lists,
        weights,
        rows=len(rows.person),
        merged=len(rows.person) - len(codes),
        leaked=merged.leaked,
        set_aside=rule.sets_aside(merged.split),
        contradicted=count_contradicted(merged.split, kept),
    )


@dataclass(frozen=True)
class _Merged:
    """The distinct pairs (pairs,), by person and then by item as they were met.

    row      the row each came with: the latest where times are known, else the first
    leaked   how many pairs are in two splits; `split` has the earliest
    """

    person: NDArray[np.int64]
    item: NDArray[np.int32]
    row: NDArray[np.int64]
    split: NDArray[np.int8] | None
    weight: NDArray[np.float32] | None
    leaked: int


def _merge(rows: InteractionRows, person: NDArray[np.int32]) -> _Merged:
    n_items = len(rows.items)
    keys, row, group = _distinct(person.astype(np.int64) * n_items + rows.item, rows.time)
    split, leaked = _earliest(rows.split, group, len(keys))
    weight = _summed(rows, split, group, len(keys))
    return _Merged(keys // n_items, (keys % n_items).astype(np.int32), row, split, weight, leaked)


def _pairs(rows: InteractionRows, merged: _Merged, people: pa.Array) -> SplitPairs:
    """What the split rules look at."""
    person_hash = hash_values(people)
    pair_hash = mix(person_hash[merged.person] + mix(hash_values(rows.items))[merged.item])
    indptr = np.searchsorted(merged.person, np.arange(len(people) + 1)).astype(np.int64)
    age = None if rows.time is None else _ages(rows.time[merged.row], merged.row)
    return SplitPairs(indptr, person_hash, pair_hash, age)


def _distinct(
    keys: NDArray[np.int64], time: np.ndarray | None
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The distinct keys, ascending; the latest row of each, or the first where times are unknown; each row's group."""
    order = np.argsort(keys, kind="stable") if time is None else np.lexsort((time, keys))
    ordered = keys[order]
    new = np.ones(len(keys), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
    group = np.empty(len(keys), np.int64)
    group[order] = np.cumsum(new) - 1
    latest = np.append(new[1:], True)
    return ordered[new], order[new if time is None else latest], group


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
    rows: InteractionRows, given: NDArray[np.int8] | None, group: NDArray[np.int64], n: int
) -> NDArray[np.float32] | None:
    """The weights of each group's rows, those of a later split left out."""
    if rows.weight is None:
        return None
    weight = (
        rows.weight
        if given is None or rows.split is None
        else np.where(rows.split == given[group], rows.weight, 0)
    )
    return np.bincount(group, weights=weight, minlength=n).astype(np.float32)


def _ages(time: np.ndarray, row: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rank of each pair by time, ties by row."""
    ages = np.empty(len(time), np.int64)
    ages[np.lexsort((row, time))] = np.arange(len(time))
    return ages


def _by_split(
    merged: _Merged, label: NDArray[np.int32], codes: NDArray[np.int8], n: int
) -> tuple[dict[str, Lists], dict[str, NDArray[np.float32]] | None]:
    lists, weights = {}, {}
    for code, split in enumerate(SPLITS):
        entries = np.flatnonzero(codes == code)
        entries = entries[np.argsort(merged.person[entries] << 32 | label[entries])]
        indptr = np.searchsorted(merged.person[entries], np.arange(n + 1)).astype(np.int64)
        lists[split] = Lists(indptr, label[entries])
        if merged.weight is not None:
            weights[split] = merged.weight[entries]
    return lists, weights or None
