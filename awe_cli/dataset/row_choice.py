"""Which rows of interactions count: those of a least weight, and of people and items with enough pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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


def frequent(
    parts: Callable[[], Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]],
    n_people: int,
    n_items: int,
    choice: RowChoice,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Who stays (people,), and what (items,), when rare people and rare items leave in turn, until none is rare.

    parts  yields the distinct (person, item) pairs, in all splits, in any number of parts, each time it is called

    Raises DataError where nothing stays.
    """
    per_user, per_item = choice.min_per_user or 1, choice.min_per_item or 1
    people, items, before = np.ones(n_people, np.bool_), np.ones(n_items, np.bool_), -1
    while True:
        items_of, people_of = np.zeros(n_people, np.int64), np.zeros(n_items, np.int64)
        for person, item in parts():
            kept = people[person] & items[item]
            items_of += np.bincount(person[kept], minlength=n_people)
            people_of += np.bincount(item[kept], minlength=n_items)
        left = int(items_of.sum())
        people, items = items_of >= per_user, people_of >= per_item
        if left == before:
            break
        before = left
    if not left:
        raise DataError(
            f"no interaction is left: no group of people has {per_user:,} items or more each, "
            f"of which each has {per_item:,} people or more",
            hint="lower --min-per-user or --min-per-item",
        )
    return people, items


# What a careful reader of the file would notice.

_HIGHEST_RATING = 10.0
_RATING_SCALE = 3  # distinct values that make a scale
_LEAST_TIME = 1e8  # in March 1973, in seconds; smaller numbers are counters, years or dates written as digits
_UNITS = (("seconds", 1e11), ("milliseconds", 1e14), ("microseconds", 1e17), ("nanoseconds", np.inf))


class Ratings:
    """Whether weights look like ratings, of which low ones say that a person did not like the item.

    Ratings are multiples of 0.5 up to 10, and their lowest value is not the usual one, as it is of counts.
    """

    def __init__(self) -> None:
        self._halves = np.zeros(
            int(2 * _HIGHEST_RATING) + 1, np.int64
        )  # how often each multiple of 0.5 was found
        self._others = False

    def add(self, weight: NDArray[np.float64]) -> None:
        """Take more weights, all above 0."""
        if self._others or weight.max(initial=0) > _HIGHEST_RATING or (weight * 2 % 1).any():
            self._others = True
            return
        self._halves += np.bincount((2 * weight).astype(np.int64), minlength=len(self._halves))

    def note(self, log: ReadingLog, column: str) -> None:
        """Note that they look like ratings, where they do."""
        values = np.flatnonzero(self._halves) / 2
        if self._others or len(values) < _RATING_SCALE or values[-1] < _RATING_SCALE:
            return
        lowest = self._halves[self._halves > 0][0]
        if self._halves.sum() // 2 < lowest:  # the median is the lowest value
            return
        high = values[np.searchsorted(values, 0.7 * values[-1])]
        log.notes["weights"] = (
            f"weights of column {column!r} look like ratings from {values[0]:g} to {values[-1]:g}, and low ones "
            f"count as choices too; --min-weight {high:g} would leave out those below {high:g}"
        )


class Times:
    """The units that numeric times since 1970 seem to have, the latest time, and the one farthest from 0.

    latest, farthest  in the type that all times have together: datetime64[us], int64 or float64
    """

    def __init__(self) -> None:
        self.kind: np.dtype | None = None
        self.latest: Any = None
        self.farthest = 0.0
        self._units = np.zeros(len(_UNITS), np.int64)
        self._zeros = 0

    def add(self, time: np.ndarray) -> None:
        """Take more times, all numbers or all dates."""
        if not len(time):
            return
        self.kind = time.dtype if self.kind is None else np.result_type(self.kind, time.dtype)
        self.latest = time.max() if self.latest is None else max(self.latest, time.max())
        if time.dtype.kind == "M":
            return
        self.farthest = max(self.farthest, float(np.abs(time).max()))
        size = np.abs(time.astype(np.float64))
        unit = np.searchsorted([limit for _, limit in _UNITS], size[size >= _LEAST_TIME], "right")
        self._units += np.bincount(unit, minlength=len(_UNITS))
        self._zeros += int(np.count_nonzero(size == 0))

    def warn_of_mixed(self, log: ReadingLog, column: str) -> None:
        """Warn of times that stand in several units, or are 0 beside others."""
        found = [f"{n:,} {name}" for n, (name, _) in zip(self._units.tolist(), _UNITS, strict=True) if n]
        if len(found) > 1:
            log.warn(
                f"times of column {column!r} look like numbers in several units: {', '.join(found)}; they are "
                "compared as numbers: write all of them in one unit"
            )
        if self._zeros and self._units.any():
            log.warn(f"times of column {column!r} that are 0, as where a time is missing: {self._zeros:,}")


def warn_of_twins(log: ReadingLog, column: str, ids: pa.Array) -> None:
    """Warn of ids, each there once, that differ only in Unicode form (NFC), in spaces around them, or in letters
    that are not seen, such as a zero-width space."""
    if not pa.types.is_string(ids.type) and not pa.types.is_large_string(ids.type):
        return
    seen = pc.replace_substring_regex(pc.utf8_normalize(ids, "NFC"), r"\p{Cf}", "")
    plain = pc.utf8_trim_whitespace(seen)
    kinds, codes = encode(pa.chunked_array([plain]))
    if len(kinds) == len(ids):
        return
    twins = np.flatnonzero(np.bincount(codes, minlength=len(kinds)) > 1)
    shown = ", ".join(repr(kinds[int(kind)].as_py()) for kind in twins[:3])
    log.warn(
        f"ids of column {column!r} that differ only in Unicode form, in spaces around them or in letters that are "
        f"not seen: {len(twins):,}, such as {shown}; they are different ids (normalise the column to NFC and trim it "
        "to make them one)"
    )
