"""Which rows of interactions count: those of a least weight, and of people and items with enough pairs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from awe_cli.dataset.vocabulary import encode
from awe_cli.errors import DataError
from awe_cli.io.log import ReadingLog


@dataclass(frozen=True)
class RowChoice:
    """Thresholds; None: no row is left out by this one.

    min_weight    least weight of a row
    min_per_user  least number of distinct items of a person
    min_per_item  least number of distinct people of an item
    """

    min_weight: float | None = None
    min_per_user: int | None = None
    min_per_item: int | None = None

    def stored(self) -> dict[str, Any]:
        """The thresholds that are set, for the manifest."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass
class LeftOut:
    """Rows that the choice left out: of a weight below the least, and of people or items with too few pairs."""

    by_weight: int = 0
    zero_weight: int = 0
    rare: int = 0

    def summary(self) -> dict[str, int]:
        """The counts that are not 0."""
        return {name: n for name, n in vars(self).items() if n}


def frequent_pairs(
    person: NDArray[np.int32], item: NDArray[np.int32], choice: RowChoice
) -> NDArray[np.bool_]:
    """Which rows (n,) stay when rare people and rare items leave in turn, until none is rare any more.

    Distinct pairs are counted, in all splits. Raises DataError where nothing stays.
    """
    per_user, per_item = choice.min_per_user or 1, choice.min_per_item or 1
    n_items = int(item.max(initial=-1)) + 1
    keys, group = np.unique(person.astype(np.int64) * n_items + item, return_inverse=True)
    people, items = keys // max(n_items, 1), keys % max(n_items, 1)
    kept = np.ones(len(keys), np.bool_)
    while kept.any():
        items_of = np.bincount(people[kept], minlength=int(people.max()) + 1)
        people_of = np.bincount(items[kept], minlength=n_items)
        stays = kept & (items_of[people] >= per_user) & (people_of[items] >= per_item)
        if stays.sum() == kept.sum():
            return kept[group]
        kept = stays
    raise DataError(
        f"no interaction is left: no group of people has {per_user:,} items or more each, "
        f"of which each has {per_item:,} people or more",
        hint="lower --min-per-user or --min-per-item",
    )


def only_used(ids: pa.Array, codes: NDArray[np.int32]) -> tuple[pa.Array, NDArray[np.int32]]:
    """The ids that some code points at, in their order, and the codes as positions among them."""
    used = np.zeros(len(ids), np.bool_)
    used[codes] = True
    return ids.filter(pa.array(used)), (np.cumsum(used) - 1).astype(np.int32)[codes]


# What a careful reader of the file would notice.

_HIGHEST_RATING = 10.0
_RATING_SCALE = 3  # distinct values that make a scale
_LEAST_TIME = 1e8  # in March 1973, in seconds; smaller numbers are counters, years or dates written as digits
_UNITS = (("seconds", 1e11), ("milliseconds", 1e14), ("microseconds", 1e17), ("nanoseconds", np.inf))


def note_rating_scale(log: ReadingLog, column: str, weight: NDArray[np.float64]) -> None:
    """Note that weights look like ratings, of which low ones say that a person did not like the item.

    Ratings are multiples of 0.5 up to 10, and their lowest value is not the usual one, as it is of counts.
    """
    values = np.unique(weight)
    if len(values) < _RATING_SCALE or values[-1] > _HIGHEST_RATING or (values * 2 % 1).any():
        return
    if values[-1] < _RATING_SCALE or np.median(weight) <= values[0]:
        return
    high = values[np.searchsorted(values, 0.7 * values[-1])]
    log.notes["weights"] = (
        f"weights of column {column!r} look like ratings from {values[0]:g} to {values[-1]:g}, and low ones "
        f"count as choices too; --min-weight {high:g} would leave out those below {high:g}"
    )


def warn_of_mixed_times(log: ReadingLog, column: str, time: np.ndarray) -> None:
    """Warn of numeric times that stand in several units since 1970, or are 0 beside others."""
    if time.dtype.kind == "M" or not len(time):
        return
    size = np.abs(time.astype(np.float64))
    since_1970 = size[size >= _LEAST_TIME]
    unit = np.searchsorted([limit for _, limit in _UNITS], since_1970, "right")
    counts = np.bincount(unit, minlength=len(_UNITS))
    found = [f"{n:,} {name}" for n, (name, _) in zip(counts.tolist(), _UNITS, strict=True) if n]
    if len(found) > 1:
        log.warn(
            f"times of column {column!r} look like numbers in several units: {', '.join(found)}; they are "
            "compared as numbers: write all of them in one unit"
        )
    zeros = int(np.count_nonzero(size == 0))
    if zeros and len(since_1970):
        log.warn(f"times of column {column!r} that are 0, as where a time is missing: {zeros:,}")


def warn_of_twins(log: ReadingLog, column: str, ids: pa.Array) -> None:
    """Warn of ids, each there once, that differ only in Unicode form (NFC) or in spaces around them."""
    if not pa.types.is_string(ids.type) and not pa.types.is_large_string(ids.type):
        return
    plain = pc.utf8_trim_whitespace(pc.utf8_normalize(ids, "NFC"))
    kinds, codes = encode(pa.chunked_array([plain]))
    if len(kinds) == len(ids):
        return
    twins = np.flatnonzero(np.bincount(codes, minlength=len(kinds)) > 1)
    shown = ", ".join(repr(kinds[int(kind)].as_py()) for kind in twins[:3])
    log.warn(
        f"ids of column {column!r} that differ only in Unicode form or in spaces around them: {len(twins):,}, "
        f"such as {shown}; they are different ids (normalise the column to NFC and trim it to make them one)"
    )
