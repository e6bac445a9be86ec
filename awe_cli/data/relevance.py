"""Which documents answer which queries: pairs of ids from a file, as lists of documents."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from awe_cli.data.bags import collect
from awe_cli.data.gather import IdColumn, join
from awe_cli.data.matrix import Lists
from awe_cli.data.reading.columns import Piece, Role
from awe_cli.data.vocabulary import look_up
from awe_cli.errors import DataError


@dataclass(frozen=True)
class RelevanceColumns:
    """The columns to read; without a grade, every pair is relevant."""

    query: str
    document: str
    grade: str | None = None

    def roles(self) -> dict[str, Role]:
        """Column → what it is read as."""
        grade = {self.grade: Role.NUMBER} if self.grade else {}
        return {self.query: Role.ID, self.document: Role.ID, **grade}


@dataclass(frozen=True)
class Relevance:
    """The relevant documents of each query, and what became of the pairs.

    lists      positions among the documents, ascending
    pairs      rows of the file
    graded     rows whose grade is not above 0
    unknown    relevant rows that name a query, or a document, that is not there: left out
    repeated   relevant rows that were there before
    """

    lists: Lists
    pairs: int
    graded: int
    unknown_queries: int
    unknown_documents: int
    repeated: int


def read_relevance(
    pieces: Iterable[Piece], columns: RelevanceColumns, queries: pa.Array, documents: pa.Array
) -> Relevance:
    """Read all pairs. Raises DataError where none is relevant, or none of those names what there is."""
    query, document, grades = IdColumn(columns.query), IdColumn(columns.document), []
    untyped, name = False, "the relevance file"
    for piece in pieces:
        query.add(piece, piece.column(columns.query))
        document.add(piece, piece.column(columns.document))
        if columns.grade:
            grades.append(piece.column(columns.grade).to_numpy().astype(np.float64))
        untyped, name = untyped or piece.untyped, piece.file
    relevant = join(grades, np.float64) > 0 if columns.grade else np.ones(query.rows, np.bool_)
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
    lists = _lists(q[known], d[known], len(queries), len(documents))
    return Relevance(
        lists,
        query.rows,
        int(np.count_nonzero(~relevant)),
        int(np.count_nonzero(relevant & (q < 0))),
        int(np.count_nonzero(relevant & (q >= 0) & (d < 0))),
        int(np.count_nonzero(known)) - len(lists.indices),
    )


def _positions(column: IdColumn, known: pa.Array, what: str, untyped: bool) -> NDArray[np.int32]:
    values = column.values().combine_chunks()
    values = values.chunk(0) if isinstance(values, pa.ChunkedArray) else values
    return look_up(values, known, what, untyped=untyped)


def _lists(q: NDArray[np.int32], d: NDArray[np.int32], n: int, n_documents: int) -> Lists:
    order = np.argsort(q, kind="stable")
    indptr = np.searchsorted(q[order], np.arange(n + 1)).astype(np.int64)
    bags = collect(indptr, d[order], np.ones(len(d), np.float32), n_documents)
    return Lists(bags.indptr, bags.indices)


def _refuse_all(name: str, columns: RelevanceColumns, *ends: tuple[IdColumn, pa.Array, NDArray]) -> None:
    shown = [
        f"{end.column} {end.values()[0].as_py()!r} (there: {known[0].as_py()!r} …)" for end, known, _ in ends
    ]
    raise DataError(
        f"{name}: expected ids of the queries and documents, found no pair that names both: {', '.join(shown)}",
        hint=f"look at the columns {columns.query!r} and {columns.document!r}, "
        "or name others with --query-id and --document-id",
    )
