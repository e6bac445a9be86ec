"""What the columns of a file look like: types, missing values, distinct values, examples."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from awe_cli.errors import AweError
from awe_cli.io.columns import MISSING, Role, is_list, is_string, joined_by, list_parts
from awe_cli.io.delimited import layout_of
from awe_cli.io.log import ReadingLog
from awe_cli.io.options import ReadOptions
from awe_cli.io.parquet import parquet_rows
from awe_cli.io.reader import columns_of, raw_batches
from awe_cli.io.sources import DELIMITED, Source

MOST_ROWS = 1_000_000  # that are read
_MOST_DISTINCT = 200_000  # values of a column that are kept apart
_SAMPLE = 10_000  # distinct texts that tell what a column of text holds
_MOST_SKIPPED = 100_000  # rows that cannot be read
_DEPTH = 3  # of fields inside fields
WHOLE, NUMBER, TEXT, TIME, TRUTH, EMPTY = "whole number", "number", "text", "time", "true or false", "empty"
_PATTERNS = (
    (WHOLE, r"^\s*[-+]?\d{1,18}\s*$"),
    (NUMBER, r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$"),
    (TRUTH, r"^(?i:true|false)$"),
    (TIME, r"^\s*\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?\s*$"),
)


@dataclass(frozen=True)
class Column:
    """One column.

    type      what its values, or the entries of its lists, are
    listed    whether its cells are lists
    missing   rows without a value
    distinct  distinct values, or entries; None for more than are kept apart
    low, high  the least and the greatest of numbers and times; None for others
    examples  the first distinct values, as text
    values    all distinct ones where they are few (at most 20), else none of them
    length    entries of a list, or words of a text, on average
    joined    what seems to separate several entries in one text
    fixed     the length of every list, where they are equally long
    """

    name: str
    type: str
    listed: bool
    missing: int
    distinct: int | None
    low: Any = None
    high: Any = None
    examples: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    length: float = 1.0
    joined: str | None = None
    fixed: int | None = None

    @property
    def kind(self) -> str:
        """The type in words: "list of whole numbers"."""
        if not self.listed:
            return self.type
        return f"list of {self.type}{'s' if self.type in (WHOLE, NUMBER, TIME) else ''}"


@dataclass(frozen=True)
class Profile:
    """What a file looks like.

    rows      that were read
    total     rows of the file; None where it was not read to its end
    header    whether the first row has the names of the columns (delimited text)
    problem   why reading stopped before the end, or would have, if it did
    skipped   rows that cannot be read and were left out
    """

    rows: int
    total: int | None
    columns: tuple[Column, ...]
    header: bool = True
    problem: AweError | None = None
    skipped: int = 0


@dataclass
class _Seen:
    """What was seen of a column so far."""

    listed: bool = False
    missing: int = 0
    distinct: pa.Array | None = None
    overflow: bool = False
    low: Any = None
    high: Any = None
    cells: int = 0
    entries: int = 0
    words: int = 0
    lengths: set[int] = field(default_factory=set)
    joined: str | None = None


def profile(source: Source, most: int = MOST_ROWS) -> Profile:
    """Read at most `most` rows of a file. Raises MissingInputError, DataError where not even columns can be told.

    Where rows cannot be read, they are left out and counted.
    """
    found = _profile(source, most)
    if found.problem is None:
        return found
    again = _profile(with_options(source, source.options, ReadingLog(allowed=_MOST_SKIPPED)), most)
    return found if again.rows <= found.rows else replace(again, problem=found.problem)


def with_options(source: Source, options: ReadOptions, log: ReadingLog | None = None) -> Source:
    """The same file or folder, read in another way."""
    log = log or source.log
    parts = tuple(with_options(part, options, log) for part in source.parts)
    return replace(source, options=options, log=log, parts=parts, known={})


def _profile(source: Source, most: int) -> Profile:
    names = _leaves(columns_of(source))
    seen: dict[str, _Seen] = {}
    rows, problem, whole = 0, None, True
    try:
        for batch in raw_batches(source, dict.fromkeys(names, Role.TEXT)):
            part = batch if rows + batch.table.num_rows <= most else batch.slice(0, most - rows)
            for name in names:
                _add(seen, name, part.column(name))
            rows += part.table.num_rows
            if part is not batch or rows == most:
                whole = False
                break
    except AweError as error:
        problem, whole = error, False
    total = rows if whole else None
    if not whole and source.format == "parquet" and problem is None:
        total = sum(parquet_rows(file) for file in source.files())
    first = source.files()[0]
    header = not (first.format in DELIMITED and layout_of(first).looks_like_data())
    columns = tuple(_column(name, seen.get(name) or _Seen(), rows) for name in names)
    return Profile(rows, total, columns, header, problem, len(source.log.skipped))


def _leaves(columns: Mapping[str, pa.DataType | None]) -> list[str]:
    """The names of the columns, or of the fields inside them."""
    return [leaf for name, type in columns.items() if name for leaf in _fields(name, type, _DEPTH)]


def _fields(name: str, type: pa.DataType | None, depth: int) -> Iterator[str]:
    entry = type.value_type if type is not None and is_list(type) else type
    if entry is not None and pa.types.is_struct(entry):
        for one in entry if depth else ():
            yield from _fields(f"{name}.{one.name}", one.type, depth - 1)
    else:
        yield name


def _add(seen: dict[str, _Seen], name: str, values: pa.Array) -> None:
    found = seen.setdefault(name, _Seen())
    if pa.types.is_float16(values.type):
        values = values.cast(pa.float32())
    if is_list(values.type):
        found.listed = True
        lengths = np.diff(list_parts(values)[0])
        found.lengths |= set(np.unique(lengths[: 1 << 12]).tolist()) if len(found.lengths) < 3 else set()
        found.cells += len(values)
        values = list_parts(values)[1]
        found.entries += len(values)
        found.missing += int(np.count_nonzero(lengths == 0))
        values = values.drop_null()
    else:
        kept = values.is_valid()
        if is_string(values.type):
            kept = pc.and_(kept, pc.invert(pc.is_in(values, value_set=pa.array(["", *MISSING], values.type))))
        elif pa.types.is_floating(values.type):
            kept = pc.and_(kept, pc.invert(pc.is_nan(values)))
        present = values.filter(kept)
        found.missing += len(values) - len(present)
        values = present
    if not len(values):
        return
    if is_string(values.type):
        found.words += pc.sum(pc.count_substring_regex(values, r"\S+")).as_py() or 0
        found.entries += 0 if found.listed else len(values)
        found.joined = found.joined or (joined_by(values) or (None,))[0]
    elif (
        pa.types.is_integer(values.type)
        or pa.types.is_floating(values.type)
        or pa.types.is_temporal(values.type)
    ):
        with contextlib.suppress(pa.ArrowException, NotImplementedError):  # of a type without an order
            ends = pc.min_max(values)
            found.low = _least(found.low, ends["min"].as_py(), min)
            found.high = _least(found.high, ends["max"].as_py(), max)
    if not found.overflow:
        _add_distinct(found, values)


def _add_distinct(found: _Seen, values: pa.Array) -> None:
    try:
        unique = values.unique()
        if found.distinct is not None:
            unique = pa.concat_arrays([found.distinct, unique.cast(found.distinct.type)]).unique()
    except (pa.ArrowException, NotImplementedError):  # of a type that Arrow cannot compare
        unique = values.slice(0, 3)
        found.overflow = True
    found.overflow |= len(unique) > _MOST_DISTINCT
    found.distinct = unique


def _least(known: Any, other: Any, choose: Any) -> Any:
    return other if known is None else known if other is None else choose(known, other)


def _column(name: str, seen: _Seen, rows: int) -> Column:
    distinct = seen.distinct if seen.distinct is not None else pa.array([], pa.string())
    type, low, high = _type(seen, distinct), seen.low, seen.high
    if is_string(distinct.type) and type in (WHOLE, NUMBER) and not seen.overflow:
        numbers = [float(value) for value in distinct.to_pylist()]
        low, high = min(numbers), max(numbers)
        if type == WHOLE:
            low, high = int(low), int(high)
    elif is_string(distinct.type) and type == TIME and not seen.overflow:
        low, high = min(distinct.to_pylist()), max(distinct.to_pylist())
    few = [str(value) for value in distinct.to_pylist()] if len(distinct) <= 20 and not seen.overflow else []
    length = seen.entries / max(1, seen.cells) if seen.listed else seen.words / max(1, seen.entries)
    return Column(
        name,
        type,
        seen.listed,
        rows - (seen.cells - seen.missing) if seen.listed else seen.missing,
        None if seen.overflow else len(distinct),
        low,
        high,
        tuple(str(value) for value in distinct.slice(0, 3).to_pylist()),
        tuple(few),
        length if seen.listed or type == TEXT else 1.0,
        seen.joined if type == TEXT and not seen.listed else None,
        min(seen.lengths) if len(seen.lengths) == 1 else None,
    )


def _type(seen: _Seen, distinct: pa.Array) -> str:
    type = distinct.type
    if not len(distinct):
        return EMPTY
    if is_string(type):
        sample = distinct.slice(0, _SAMPLE)
        return next(
            (
                what
                for what, pattern in _PATTERNS
                if pc.all(pc.match_substring_regex(sample, pattern)).as_py()
            ),
            TEXT,
        )
    if pa.types.is_boolean(type):
        return TRUTH
    if pa.types.is_integer(type):
        return WHOLE
    if pa.types.is_floating(type) or pa.types.is_decimal(type):
        whole = pa.types.is_floating(type) and pc.all(pc.equal(pc.floor(distinct), distinct)).as_py()
        return WHOLE if whole else NUMBER
    return TIME if pa.types.is_temporal(type) else str(type)
