"""The three containers of data in memory: bags of features, dense rows, lists of labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Bags(NamedTuple):
    """Sparse rows in CSR form: row e has the columns indices[indptr[e]:indptr[e+1]], and values in the same places."""

    indptr: NDArray[np.int64]  # (n + 1,)
    indices: NDArray[np.int32]  # (entries,), ascending within a row
    values: NDArray[np.float32]  # (entries,)


class Dense(NamedTuple):
    """Dense rows, which can be read as bags that have every column."""

    columns: NDArray[np.int32]  # (p,), 0 … p-1: the indices of every row
    values: NDArray[np.float32]  # (n, p)


class Lists(NamedTuple):
    """A list of label indices for each row."""

    indptr: NDArray[np.int64]  # (n + 1,)
    indices: NDArray[np.int32]  # (entries,), ascending within a row


Rows = Bags | Dense


def n_rows(rows: Rows | Lists) -> int:
    """The number of rows."""
    return len(rows.values) if isinstance(rows, Dense) else len(rows.indptr) - 1


def longest_row(rows: Rows) -> int:
    """The largest number of features of a row."""
    return len(rows.columns) if isinstance(rows, Dense) else int(np.diff(rows.indptr).max(initial=0))


def take_rows(rows: Rows, order: NDArray[np.integer]) -> Rows:
    """The rows named by `order` (n',), in that order, copied."""
    if isinstance(rows, Dense):
        return Dense(rows.columns, rows.values[order])
    return take_bags(rows, order)


def take_bags(bags: Bags, order: NDArray[np.integer]) -> Bags:
    """The bags named by `order` (n',), in that order, copied."""
    indptr, entries = _gather(bags.indptr, order)
    return Bags(indptr, bags.indices[entries], bags.values[entries])


def take_lists(lists: Lists, order: NDArray[np.integer]) -> Lists:
    """The lists named by `order` (n',), in that order, copied."""
    indptr, entries = _gather(lists.indptr, order)
    return Lists(indptr, lists.indices[entries])


def rows_or_empty(rows: Rows, order: NDArray[np.integer]) -> Rows:
    """The rows named by `order` (n',), in that order, copied; an empty row (dense: zeros) for -1."""
    order = np.where(order < 0, n_rows(rows), order)
    if isinstance(rows, Dense):
        return Dense(
            rows.columns,
            np.vstack([rows.values, np.zeros_like(rows.values, shape=(1, len(rows.columns)))])[order],
        )
    return take_bags(rows._replace(indptr=np.append(rows.indptr, rows.indptr[-1])), order)


def stack_rows(parts: Sequence[Rows]) -> Rows:
    """The rows of all parts (one or more, of one kind), one after the other."""
    first = parts[0]
    if isinstance(first, Dense):
        return Dense(first.columns, np.concatenate([part.values for part in parts]))
    lists = stack_lists([Lists(part.indptr, part.indices) for part in parts if isinstance(part, Bags)])
    return Bags(lists.indptr, lists.indices, np.concatenate([part.values for part in parts]))


def stack_lists(parts: Sequence[Lists]) -> Lists:
    """The lists of all parts (one or more), one after the other."""
    lengths = np.concatenate([np.diff(part.indptr) for part in parts])
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Lists(indptr, np.concatenate([part.indices for part in parts]))


def slice_rows(rows: Rows, start: int, stop: int) -> Rows:
    """Rows start … stop-1, cut at the last row; values and indices are views of the originals."""
    if isinstance(rows, Dense):
        return Dense(rows.columns, rows.values[start:stop])
    indptr = rows.indptr[start : min(stop, n_rows(rows)) + 1]
    entries = slice(indptr[0], indptr[-1])
    return Bags(indptr - indptr[0], rows.indices[entries], rows.values[entries])


def slice_lists(lists: Lists, start: int, stop: int) -> Lists:
    """Lists start … stop-1; indices are a view of the original."""
    indptr = lists.indptr[start : stop + 1]
    return Lists(indptr - indptr[0], lists.indices[indptr[0] : indptr[-1]])


def _gather(
    indptr: NDArray[np.int64], order: NDArray[np.integer]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The row pointers after reordering, and the positions of the entries to copy."""
    lengths = np.diff(indptr)[order]
    moved = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    shift = np.repeat(indptr[:-1][order] - moved[:-1], lengths)
    return moved, np.arange(moved[-1], dtype=np.int64) + shift
