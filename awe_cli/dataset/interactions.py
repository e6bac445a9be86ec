"""Interactions (a person chose an item): read from files, and merged to distinct pairs, each in one split."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from awe_cli.dataset.gather import IdCodes, split_codes
from awe_cli.dataset.hashing import hash_values, mix
from awe_cli.dataset.previous import Previous
from awe_cli.dataset.row_choice import LeftOut, Ratings, RowChoice, Times, frequent
from awe_cli.dataset.spill import Records, Spill, cut, fields_of, records_of, scatter
from awe_cli.dataset.splits import (
    SPLITS,
    TRAIN,
    SplitPairs,
    SplitRule,
    count_contradicted,
    names_valid,
    split_pairs,
)
from awe_cli.dataset.storage import PEOPLE_IN_GROUP, PeopleBlock
from awe_cli.dataset.versions import places_by_id
from awe_cli.dataset.vocabulary import continued, inverse, ranked
from awe_cli.errors import DataError
from awe_cli.io.columns import Batch, Role, refuse
from awe_cli.io.log import ReadingLog
from awe_cli.matrices.matrix import Lists

# Interactions (a person chose an item) as they stand in files.

_SECONDS_A_DAY = 86400.0
_MOST_HALF_LIVES = 60.0
_LEAST_WEIGHT = float(np.finfo(np.float32).tiny)  # as weights are stored
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
    """All rows as read, on disk: positions in `people` and `items`, which are in order of appearance.

    spill     parts of records as `kind` has them, but for their times, in the order of reading
    kind      the fields of a record: person, item, and those that there are of weight (float64), time (int64, float64
              or datetime64[us]) and split (TRAIN, VALID, TEST)
    rows_of   (people,) rows of each person
    times     None where rows have no time
    half_life  days in which a row loses half of its weight, still to be taken off; None: it keeps it
    named     whether some rows have the split VALID
    left_out  counts the rows that the choice of rows left out
    """

    people: pa.Array
    items: pa.Array
    spill: Spill
    kind: np.dtype
    rows_of: NDArray[np.int64]
    times: Times | None = None
    half_life: float | None = None
    named: bool = False
    left_out: LeftOut = field(default_factory=LeftOut)

    def __len__(self) -> int:
        return int(self.rows_of.sum())


def read_interactions(
    batches: Iterable[Batch],
    columns: InteractionColumns,
    folder: Path,
    half_life: float | None = None,
    choice: RowChoice | None = None,
) -> InteractionRows:
    """Read all pieces, and keep the rows of the choice in files below `folder`.

    half_life  days in which a row loses half of its weight (1 where it has none); None: it keeps it
    choice     None: all rows count, and each weight must be above 0

    Memory grows with people and items, not with rows. Raises DataError for a weight that is not positive, where no row
    is left, and as the readers do; WriteError.
    """
    choice = choice or RowChoice()
    left_out = LeftOut()
    reading = _Reading(columns, Spill(folder / "rows"))
    for read in batches:
        batch = read
        if columns.weight:
            if choice.min_weight is not None:
                batch = _of_least_weight(read, columns.weight, choice.min_weight, left_out)
            refuse_not_positive(batch, columns.weight, batch.column(columns.weight).to_numpy())
        reading.add(batch)
    if not reading.rows:
        if left_out.by_weight:
            raise DataError(
                f"column {columns.weight!r}: no row has a weight of {choice.min_weight:g} or more",
                hint="lower --min-weight",
            )
        raise DataError(NO_ROWS[0], hint=NO_ROWS[1])
    rows = reading.end(half_life, left_out, look_for_ratings=choice.min_weight is None)
    return _frequent(rows, choice, folder) if choice.min_per_user or choice.min_per_item else rows


_ROWS_AT_ONCE = 1 << 20  # whose ids are coded at once; as many as there are people, where these are more


class _Reading:
    """Pieces of rows on their way to the disk."""

    def __init__(self, columns: InteractionColumns, spill: Spill) -> None:
        self.rows = 0
        self._columns, self._spill = columns, spill
        self._user, self._item = IdCodes(columns.user), IdCodes(columns.item)
        self._more: dict[str, list[np.ndarray]] = {}  # other fields of the rows that are not written yet
        self._waiting, self._parts = 0, 0
        self._rows_of = np.zeros(0, np.int64)
        self._ratings, self._times, self._named = Ratings(), Times(), False
        self._log: ReadingLog | None = None

    def add(self, batch: Batch) -> None:
        """Take the rows of the next piece."""
        columns, n = self._columns, batch.table.num_rows
        self._user.column.add(batch, batch.column(columns.user))
        self._item.column.add(batch, batch.column(columns.item))
        if columns.weight:
            weight = batch.column(columns.weight).to_numpy()
            self._ratings.add(weight)
            self._more.setdefault("weight", []).append(weight)
        if columns.time:
            time = _times(batch, columns.time, self._times.kind)
            self._times.add(time)
            self._more.setdefault("time", []).append(time)
        if columns.split:
            split = split_codes(batch, columns.split)
            self._named |= names_valid(split)
            self._more.setdefault("split", []).append(split)
        self._log = batch.log
        self.rows += n
        self._waiting += n
        if self._waiting >= max(_ROWS_AT_ONCE, len(self._user.ids)):
            self._write()

    def _write(self) -> None:
        found = {"person": self._user.encode(), "item": self._item.encode()}
        found |= {name: np.concatenate(parts) for name, parts in self._more.items()}
        self._rows_of = _added(self._rows_of, found["person"], len(self._user.ids))
        self._spill.append(self._parts, records_of(found))
        self._parts, self._waiting = self._parts + 1, 0
        self._more.clear()

    def end(self, half_life: float | None, left_out: LeftOut, *, look_for_ratings: bool) -> InteractionRows:
        """What was read, and what a careful reader would say of it in the log."""
        self._write()
        columns, log = self._columns, self._log
        assert log is not None
        fields: list[tuple[str, Any]] = [("person", np.int32), ("item", np.int32)]
        if columns.weight:
            fields.append(("weight", np.float64))
            if look_for_ratings:
                self._ratings.note(log, columns.weight)
        if columns.time:
            fields.append(("time", self._times.kind))
            self._times.warn_of_mixed(log, columns.time)
        if columns.split:
            fields.append(("split", np.int8))
        return InteractionRows(
            people=self._user.ids,
            items=self._item.ids,
            spill=self._spill,
            kind=np.dtype(fields),
            rows_of=self._rows_of,
            times=self._times if columns.time else None,
            half_life=half_life,
            named=self._named,
            left_out=left_out,
        )


def _added(counts: NDArray[np.int64], codes: NDArray[np.int32], n: int) -> NDArray[np.int64]:
    """The counts (up to n,) of `n` codes, with those of more codes."""
    more = np.bincount(codes, minlength=n)
    more[: len(counts)] += counts
    return more.astype(np.int64, copy=False)


def _of_least_weight(batch: Batch, column: str, least: float, left_out: LeftOut) -> Batch:
    """The rows with a weight of at least `least`; the others are counted."""
    weights = batch.column(column).to_numpy()
    kept = weights >= least
    left_out.by_weight += int(np.count_nonzero(~kept))
    left_out.zero_weight += int(np.count_nonzero(weights == 0))
    return batch.keep(kept)


def _frequent(rows: InteractionRows, choice: RowChoice, folder: Path) -> InteractionRows:
    """The rows of people and items with enough pairs."""
    n_people, n_items = len(rows.people), len(rows.items)
    bounds = cut(rows.rows_of, _ROWS_IN_PART, 1)
    parts, pairs = Spill(folder / "all"), Spill(folder / "distinct")
    for records in rows.spill.drain():
        scatter(parts, np.searchsorted(bounds, records["person"], "right") - 1, records.astype(rows.kind))
    for part in range(len(bounds) - 1):
        records = parts.read(part, rows.kind)
        pairs.append(part, np.unique(records["person"].astype(np.int64) * n_items + records["item"]))

    def distinct() -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        for part in range(len(bounds) - 1):
            keys = pairs.read(part, np.dtype(np.int64))
            yield keys // n_items, keys % n_items

    people, items = frequent(distinct, n_people, n_items, choice)
    pairs.close()
    person, item = (np.cumsum(stays, dtype=np.int32) - 1 for stays in (people, items))
    kept, rows_of = Spill(folder / "frequent"), np.zeros(0, np.int64)
    for part, records in enumerate(parts.drain()):
        left = records[people[records["person"]] & items[records["item"]]]
        left["person"], left["item"] = person[left["person"]], item[left["item"]]
        rows_of = _added(rows_of, left["person"], int(people.sum()))
        kept.append(part, left)
    rows.left_out.rare = len(rows) - int(rows_of.sum())
    return replace(
        rows,
        people=rows.people.filter(pa.array(people)),
        items=rows.items.filter(pa.array(items)),
        spill=kept,
        rows_of=rows_of,
    )


def decay(time: np.ndarray, half_life: float, times: Times) -> NDArray[np.float64]:
    """What is left of each row's weight (n,): 2^(-age / half_life), its age in days before the latest row.

    Times are datetime64[us], or numbers since 1970 whose size tells seconds from milli-, micro- and nanoseconds.
    Beyond 60 half-lives no more is lost, so that who has only old rows still has a history.

    times  what is known of those of all rows
    """
    latest = np.asarray(times.latest).astype(time.dtype)
    if time.dtype.kind == "M":
        age = (latest - time) / np.timedelta64(1, "D")
    else:
        unit = next((unit for unit, limit in _TIME_UNITS.items() if times.farthest < limit), 1e9)
        age = (latest - time).astype(np.float64) / (unit * _SECONDS_A_DAY)
    return np.exp2(-np.minimum(age / half_life, _MOST_HALF_LIVES))


def refuse_not_positive(
    batch: Batch, column: str, weights: NDArray[np.float64], offsets: NDArray[np.int64] | None = None
) -> None:
    """Raise DataError at the first weight that is zero or negative, or is so in 32 bits.

    offsets  where a row has several
    """
    bad = weights < _LEAST_WEIGHT
    too_small = bad.any() and weights[np.argmax(bad)] > 0
    expected = f"a weight of at least {_LEAST_WEIGHT:.2g}" if too_small else "a weight above 0"
    hint = "leave the row out: a pair that is not there counts as not chosen"
    refuse(batch, column, bad, expected, weights, hint, offsets)


def _times(batch: Batch, column: str, kind: np.dtype | None) -> np.ndarray:
    """The times of the piece, dates where those before are of such a `kind`."""
    values = batch.column(column)
    is_date = pa.types.is_timestamp(values.type)
    times = values.cast(pa.int64()).to_numpy().view("datetime64[us]") if is_date else values.to_numpy()
    if kind is not None and (kind.kind == "M") != is_date:
        expected = "dates as in the rows before" if not is_date else "numbers as in the rows before"
        refuse(batch, column, np.ones(len(times), bool), expected, times, "write all times in one way")
    return times


# Distinct pairs of a person and an item, each in one split, in their final order.

_ROWS_IN_PART = (
    1 << 21
)  # that are merged and split at once; those of as many people as one group of rows has, at least


@dataclass(frozen=True)
class Interactions:
    """Distinct pairs by split. Only people and items are in memory: `blocks` reads the pairs.

    people     ids by value, ascending
    items      labels in index order: by descending number of training pairs, then by value; those of a version before
               first, in its order
    sizes      split → pairs of each person (people,); counts: split → pairs of each item (items,)
    weighted   whether pairs have weights
    rows       rows read; merged: rows that repeated a pair
    leaked     pairs found in two splits, kept in the earliest
    set_aside  whether the split valid was taken from train without being asked for
    contradicted  pairs that a column holds out, or trains on, otherwise than the version before did
    stayed, came  (people,) pairs that were in the version before, and those that were not; None without one
    pairs      on disk, in parts of the people between two `bounds`, with items in order of appearance
    label      (items,) the index of each of these
    """

    people: pa.Array
    items: pa.Array
    sizes: dict[str, NDArray[np.int32]]
    counts: dict[str, NDArray[np.int64]]
    weighted: bool
    rows: int
    merged: int
    leaked: int
    set_aside: bool
    contradicted: int
    stayed: NDArray[np.int64] | None
    came: NDArray[np.int64] | None
    pairs: Spill
    bounds: NDArray[np.int64]
    label: NDArray[np.int32]

    def blocks(self) -> Iterator[PeopleBlock]:
        """All people in order, as many at a time as whole groups of rows in the file."""
        for part, (start, stop) in enumerate(itertools.pairwise(self.bounds.tolist())):
            pairs = self.pairs.read(part, _pair_kind(weighted=self.weighted))
            yield _by_split(pairs, self.label[pairs["item"]], start, stop, weighted=self.weighted)


def build_interactions(
    rows: InteractionRows, rule: SplitRule, folder: Path, previous: Previous | None = None
) -> Interactions:
    """Merge duplicates, split, and put people and items in their final order; pairs are kept in files below `folder`.

    previous  the version before, whose pairs keep their split and whose items keep their order
    """
    order = pc.sort_indices(rows.people).to_numpy().astype(np.int64)
    people, n_items = rows.people.take(pa.array(order)), len(rows.items)
    rows_of = np.zeros(len(people), np.int64)
    rows_of[: len(rows.rows_of)] = rows.rows_of
    bounds = cut(rows_of[order], _ROWS_IN_PART, PEOPLE_IN_GROUP)
    parts, kind = _by_person(rows, inverse(order), bounds, folder)
    named = rows.named and _keeps_valid(parts, kind, len(bounds) - 1, n_items)
    before = _Before(previous, people, rows.items) if previous else None
    pairs = Spill(folder / "pairs")
    sizes = {split: np.zeros(len(people), np.int32) for split in SPLITS}
    counts = {split: np.zeros(n_items, np.int64) for split in SPLITS}
    item_hash = mix(hash_values(rows.items))
    leaked = n_pairs = contradicted = 0
    for part, (start, stop) in enumerate(itertools.pairwise(bounds.tolist())):
        merged = _merge(parts.read(part, kind), n_items)
        parts.remove(part)
        kept = before.splits(merged, start, stop) if before else None
        person_hash = hash_values(people.slice(start, stop - start))
        asked = _asked(merged, start, person_hash, item_hash)
        codes = split_pairs(asked, rule, merged.split, kept, named=named)
        for code, split in enumerate(SPLITS):
            chosen = codes == code
            sizes[split][start:stop] = _counts(merged.person[chosen], start, stop)
            counts[split] += np.bincount(merged.item[chosen], minlength=n_items)
        leaked, n_pairs = leaked + merged.leaked, n_pairs + len(codes)
        contradicted += count_contradicted(merged.split, kept)
        found: dict[str, np.ndarray] = {"person": merged.person, "item": merged.item, "split": codes}
        if merged.weight is not None:
            found["weight"] = merged.weight
        pairs.append(part, records_of(found).astype(_pair_kind(weighted="weight" in found)))
    label_order = ranked(rows.items, counts[SPLITS[TRAIN]])
    if previous:
        label_order = continued(label_order, places_by_id(rows.items, previous.labels))
    return Interactions(
        people,
        rows.items.take(pa.array(label_order)),
        sizes,
        {split: of_items[label_order] for split, of_items in counts.items()},
        weighted="weight" in fields_of(kind),
        rows=len(rows),
        merged=len(rows) - n_pairs,
        leaked=leaked,
        set_aside=rule.sets_aside(named=named),
        contradicted=contradicted,
        stayed=before.stayed if before else None,
        came=before.came if before else None,
        pairs=pairs,
        bounds=bounds,
        label=inverse(label_order),
    )


def _counts(person: NDArray[np.int64], start: int, stop: int) -> NDArray[np.int64]:
    """How often each of the people `start` … `stop` - 1 is there."""
    return np.bincount(person - start, minlength=stop - start)


class _Before:
    """The pairs of the version before, among which those of this one are looked up."""

    def __init__(self, previous: Previous, people: pa.Array, items: pa.Array) -> None:
        self._previous = previous
        self._person = places_by_id(people, previous.people)
        self._item = places_by_id(items, previous.labels)
        self.stayed, self.came = (np.zeros(len(people), np.int64) for _ in range(2))

    def splits(self, merged: _Merged, start: int, stop: int) -> NDArray[np.int8]:
        """The split that each pair of the people `start` … `stop` - 1 had (pairs,), -1 where it was not there.

        `stayed` and `came` count them.
        """
        kept = self._previous.pair_splits(self._person[merged.person], self._item[merged.item])
        stayed, came = (_counts(merged.person[old], start, stop) for old in (kept >= 0, kept < 0))
        self.stayed[start:stop], self.came[start:stop] = stayed, came
        return kept


def _by_person(
    rows: InteractionRows, rank: NDArray[np.int32], bounds: NDArray[np.int64], folder: Path
) -> tuple[Spill, np.dtype]:
    """The rows in parts, each of the people between two bounds in their final order, and the type of a record."""
    fields = {name: rows.kind[name] for name in fields_of(rows.kind)}
    if rows.half_life is not None:
        fields["weight"] = np.dtype(np.float64)
    kind = np.dtype(list(fields.items()))
    parts = Spill(folder / "people")
    for records in rows.spill.drain():
        moved = np.empty(len(records), kind)
        for name in fields_of(records.dtype):
            moved[name] = records[name]
        moved["person"] = rank[records["person"]]
        if rows.half_life is not None:
            assert rows.times is not None
            weight = decay(moved["time"], rows.half_life, rows.times)
            moved["weight"] = weight * (records["weight"] if "weight" in fields_of(records.dtype) else 1.0)
        scatter(parts, np.searchsorted(bounds, moved["person"], "right") - 1, moved)
    return parts, kind


def _keeps_valid(parts: Spill, kind: np.dtype, n: int, n_items: int) -> bool:
    """Whether a pair of the `n` parts is left in the split valid when those in several are kept in the earliest."""
    return any(names_valid(_merge(parts.read(part, kind), n_items).split) for part in range(n))


@dataclass(frozen=True)
class _Merged:
    """The distinct pairs (pairs,) of a part, by person and then by item as they were met.

    age      the rank of each by time, ties by row; None where times are unknown
    leaked   how many pairs are in two splits; `split` has the earliest
    """

    person: NDArray[np.int64]
    item: NDArray[np.int32]
    age: NDArray[np.int64] | None
    split: NDArray[np.int8] | None
    weight: NDArray[np.float32] | None
    leaked: int


def _merge(records: Records, n_items: int) -> _Merged:
    """The pair of several rows has the time of the latest, else it comes with the first."""
    time, given, weight = (
        np.ascontiguousarray(records[name]) if name in fields_of(records.dtype) else None
        for name in ("time", "split", "weight")
    )
    keys, row, group = _distinct(records["person"].astype(np.int64) * n_items + records["item"], time)
    split, leaked = _earliest(given, group, len(keys))
    summed = None if weight is None else _summed(weight, given, split, group, len(keys))
    age = None if time is None else _ages(time[row], row)
    return _Merged(keys // n_items, (keys % n_items).astype(np.int32), age, split, summed, leaked)


def _asked(
    merged: _Merged, start: int, person_hash: NDArray[np.uint64], item_hash: NDArray[np.uint64]
) -> SplitPairs:
    """What the split rules look at: pairs of the people from `start`, who have these hashes."""
    pair_hash = mix(person_hash[merged.person - start] + item_hash[merged.item])
    indptr = np.searchsorted(merged.person, start + np.arange(len(person_hash) + 1)).astype(np.int64)
    return SplitPairs(indptr, person_hash, pair_hash, merged.age)


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
    weight: NDArray[np.float64],
    given: NDArray[np.int8] | None,
    split: NDArray[np.int8] | None,
    group: NDArray[np.int64],
    n: int,
) -> NDArray[np.float32]:
    """The weights of each group's rows, those of a later split left out."""
    if given is not None and split is not None:
        weight = np.where(given == split[group], weight, 0)
    return np.bincount(group, weights=weight, minlength=n).astype(np.float32)


def _ages(time: np.ndarray, row: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rank of each pair by time, ties by row."""
    ages = np.empty(len(time), np.int64)
    ages[np.lexsort((row, time))] = np.arange(len(time))
    return ages


def _pair_kind(*, weighted: bool) -> np.dtype:
    """The fields of a pair on disk."""
    more = [("weight", np.float32)] if weighted else []
    return np.dtype([("person", np.int32), ("item", np.int32), ("split", np.int8), *more])


def _by_split(
    pairs: Records, label: NDArray[np.int32], start: int, stop: int, *, weighted: bool
) -> PeopleBlock:
    person = pairs["person"].astype(np.int64)
    lists, weights = {}, {}
    for code, split in enumerate(SPLITS):
        entries = np.flatnonzero(pairs["split"] == code)
        entries = entries[np.argsort(person[entries] << 32 | label[entries])]
        indptr = np.searchsorted(person[entries], np.arange(start, stop + 1)).astype(np.int64)
        lists[split] = Lists(indptr, label[entries])
        if weighted:
            weights[split] = pairs["weight"][entries]
    return PeopleBlock(start, stop, lists, weights or None)
