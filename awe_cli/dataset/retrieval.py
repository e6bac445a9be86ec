"""Queries, documents, and which documents answer which queries, as files have them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from awe_cli.dataset.feature_columns import FeatureColumns, RawReader
from awe_cli.dataset.features import Raw
from awe_cli.dataset.gather import IdColumn, Origin, join, split_codes
from awe_cli.dataset.splits import SPLITS
from awe_cli.dataset.text import TextOptions
from awe_cli.dataset.vocabulary import encode, look_up
from awe_cli.errors import DataError
from awe_cli.io.columns import Batch, Role
from awe_cli.matrices.matrix import Lists

# Files with one thing a row, an id and features: the queries and the documents of a retrieval.


@dataclass(frozen=True)
class FeatureTableColumns:
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
class FeatureTable:
    """Things in input order: ids (n,), raw features, the split of each where a column has it.

    untyped  whether they come from a file without types, as CSV is: ids that are digits may then be integers
    """

    ids: pa.Array
    raw: Raw
    split: NDArray[np.int8] | None
    untyped: bool


def read_feature_table(
    batches: Iterable[Batch],
    columns: FeatureTableColumns,
    text: TextOptions | None,
    what: str,
    *,
    hashing: bool = False,
) -> FeatureTable:
    """Read all pieces; `what` they are, in the plural, is for messages; with `hashing` only hashes of names are kept.

    Raises DataError as the readers do, for an id that is there twice, and where there is no row.
    """
    reader = RawReader(columns.features, text, hashing=hashing)
    ids, splits, origin = IdColumn(columns.id), [], Origin()
    untyped = False
    for batch in batches:
        origin.add(batch)
        untyped |= batch.untyped
        reader.add(batch)
        ids.add(batch, batch.column(columns.id))
        if columns.split:
            splits.append(split_codes(batch, columns.split))
    if not origin.rows:
        raise DataError(f"the file of {what} has no rows", hint="give it at least one row below its header")
    distinct, codes = encode(ids.values())
    if len(distinct) < len(codes):
        _refuse_duplicate_ids(distinct, codes, columns.id, origin, what)
    return FeatureTable(distinct, reader.raw(), join(splits, np.int8) if columns.split else None, untyped)


def _refuse_duplicate_ids(
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


# Which documents answer which queries: pairs of ids from a file, as lists of documents.

MAX_GRADE = (
    30  # grades beyond it count as this: the gain 2^g - 1 of one document would be all that is measured
)


@dataclass(frozen=True)
class RelevanceColumns:
    """The columns to read; without a grade, every pair is relevant. A split is that of the pair's query."""

    query: str
    document: str
    grade: str | None = None
    split: str | None = None

    def roles(self) -> dict[str, Role]:
        """Column → what it is read as."""
        grade = {self.grade: Role.NUMBER} if self.grade else {}
        split = {self.split: Role.TEXT} if self.split else {}
        return {self.query: Role.ID, self.document: Role.ID, **grade, **split}


@dataclass(frozen=True)
class Relevance:
    """The relevant documents of each query, and what became of the pairs.

    lists      positions among the documents, ascending
    grades     (pairs kept,) the grade of each entry of `lists`, at most MAX_GRADE; None where all are 1
    capped     kept rows whose grade was beyond MAX_GRADE
    pairs      rows of the file
    not_relevant  rows whose grade is not above 0
    unknown    relevant rows that name a query, or a document, that is not there: left out
    repeated   relevant rows that were there before
    split      (queries,) the earliest split that a query has a pair in, TRAIN where it has none; None without splits
    """

    lists: Lists
    grades: NDArray[np.float32] | None
    capped: int
    pairs: int
    not_relevant: int
    unknown_queries: int
    unknown_documents: int
    repeated: int
    split: NDArray[np.int8] | None = None


def read_relevance(
    batches: Iterable[Batch], columns: RelevanceColumns, queries: pa.Array, documents: pa.Array
) -> Relevance:
    """Read all pairs. Raises DataError where none is relevant, or none of those names what there is."""
    query, document, grades = IdColumn(columns.query), IdColumn(columns.document), []
    splits: list[NDArray[np.int8]] = []
    untyped, name = False, "the relevance file"
    for batch in batches:
        query.add(batch, batch.column(columns.query))
        document.add(batch, batch.column(columns.document))
        if columns.grade:
            grades.append(batch.column(columns.grade).to_numpy().astype(np.float64))
        if columns.split:
            splits.append(split_codes(batch, columns.split))
        untyped, name = untyped or batch.untyped, batch.file
    grade = join(grades, np.float64) if columns.grade else np.ones(query.rows)
    relevant = grade > 0
    if not relevant.any():
        raise DataError(
            f"{name}: expected pairs that are relevant, found none in {query.rows:,} rows",
            hint=f"a pair is relevant if its grade ({columns.grade!r}) is above 0"
            if columns.grade
            else "give it one row for each query and document that answers it",
        )
    q = _positions(query, queries, f"{name}: column {columns.query!r}", untyped)
    d = _positions(document, documents, f"{name}: column {columns.document!r}", untyped)
    known = relevant & (q >= 0) & (d >= 0)
    if not known.any():
        _refuse_all(name, columns, (query, queries, q), (document, documents, d))
    lists, kept = _lists(q[known], d[known], np.minimum(grade[known], MAX_GRADE), len(queries))
    return Relevance(
        lists,
        None if (kept == 1).all() else kept,
        int(np.count_nonzero(grade[known] > MAX_GRADE)),
        query.rows,
        int(np.count_nonzero(~relevant)),
        int(np.count_nonzero(relevant & (q < 0))),
        int(np.count_nonzero(relevant & (q >= 0) & (d < 0))),
        int(np.count_nonzero(known)) - len(lists.indices),
        _split_of_queries(q, join(splits, np.int8), len(queries)) if columns.split else None,
    )


def _split_of_queries(q: NDArray[np.int32], split: NDArray[np.int8], n: int) -> NDArray[np.int8]:
    earliest = np.full(n, len(SPLITS), np.int8)
    np.minimum.at(earliest, q[q >= 0], split[q >= 0])
    earliest[earliest == len(SPLITS)] = 0
    return earliest


def _positions(column: IdColumn, known: pa.Array, what: str, untyped: bool) -> NDArray[np.int32]:
    values = column.values().combine_chunks()
    values = values.chunk(0) if isinstance(values, pa.ChunkedArray) else values
    return look_up(values, known, what, untyped=untyped)


def _lists(
    q: NDArray[np.int32], d: NDArray[np.int32], grade: NDArray[np.float64], n: int
) -> tuple[Lists, NDArray[np.float32]]:
    """The documents of each of `n` queries, ascending, and the grade of each: the highest where a pair repeats."""
    order = np.lexsort((-grade, d, q))
    q, d, grade = q[order], d[order], grade[order]
    first = np.append(True, (q[1:] != q[:-1]) | (d[1:] != d[:-1]))
    indptr = np.searchsorted(q[first], np.arange(n + 1)).astype(np.int64)
    return Lists(indptr, d[first]), grade[first].astype(np.float32)


def _refuse_all(name: str, columns: RelevanceColumns, *ends: tuple[IdColumn, pa.Array, NDArray]) -> None:
    shown = [
        f"{end.column} {end.values()[0].as_py()!r} (there: {known[0].as_py()!r} …)" for end, known, _ in ends
    ]
    raise DataError(
        f"{name}: expected ids of the queries and documents, found no pair that names both: {', '.join(shown)}",
        hint=f"look at the columns {columns.query!r} and {columns.document!r}, "
        "or name others with --query-id and --document-id",
    )
