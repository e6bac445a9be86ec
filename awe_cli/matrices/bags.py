"""Bags of features: construction from entries, scaling, and conversion to scipy's sparse matrices."""

from __future__ import annotations

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from awe_cli.matrices.matrix import Bags, Dense, Lists, Rows, n_rows

# Constructing bags from entries, and scaling their rows.

_ROWS = 8192  # rows scaled at a time


def collect(
    indptr: NDArray[np.int64], indices: NDArray[np.integer], values: NDArray[np.float32], n: int
) -> Bags:
    """Bags over `n` features from entries in any order within a row; entries of the same feature are summed."""
    matrix = scipy.sparse.csr_matrix((values, indices, indptr), shape=(len(indptr) - 1, n), copy=True)
    matrix.sum_duplicates()
    return Bags(
        matrix.indptr.astype(np.int64),
        matrix.indices.astype(np.int32),
        matrix.data.astype(np.float32, copy=False),
    )


def keep_entries(bags: Bags, kept: NDArray[np.bool_]) -> Bags:
    """The bags without the entries where `kept` (entries,) is False."""
    return Bags(kept_offsets(bags.indptr, kept), bags.indices[kept], bags.values[kept])


def kept_offsets(indptr: NDArray[np.int64], kept: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The row pointers after the entries where `kept` is False are removed."""
    before = np.zeros(len(kept) + 1, np.int64)
    np.cumsum(kept, out=before[1:])
    return before[indptr]


def unite(bags: list[Bags], n: int) -> Bags:
    """The union of bags over `n` features that have no entry in common, row by row."""
    if len(bags) == 1:
        return bags[0]
    shape = (len(bags[0].indptr) - 1, n)
    total, *others = (
        scipy.sparse.csr_matrix((bag.values, bag.indices, bag.indptr), shape=shape) for bag in bags
    )
    for other in others:
        total = total + other
    total.sort_indices()
    return Bags(total.indptr.astype(np.int64), total.indices.astype(np.int32), total.data)


def row_sums(indptr: NDArray[np.int64], values: NDArray[np.number]) -> NDArray[np.float64]:
    """The sum of each row's values (n,); 0 for an empty row."""
    sums = np.zeros(len(indptr) - 1)
    filled = np.flatnonzero(np.diff(indptr))
    if len(filled):
        sums[filled] = np.add.reduceat(values, indptr[filled], dtype=np.float64)
    return sums


def scale_rows(bags: Bags, scaling: str) -> Bags:
    """Each row divided by its norm: "l2" (n^-1/2 for a bag of n ones), "l1" (n^-1) or "none"."""
    if scaling == "none":
        return bags
    values = np.empty_like(bags.values)
    for start in range(0, len(bags.indptr) - 1, _ROWS):
        indptr = bags.indptr[start : start + _ROWS + 1]
        entries = slice(indptr[0], indptr[-1])
        values[entries] = _scaled(indptr - indptr[0], bags.values[entries], scaling)
    return bags._replace(values=values)


def _scaled(indptr: NDArray[np.int64], values: NDArray[np.float32], scaling: str) -> NDArray[np.float32]:
    """The scaled values of a few rows; few, since temporary arrays are in double precision."""
    if scaling == "l1":
        norms = row_sums(indptr, np.abs(values))
    else:
        norms = np.sqrt(row_sums(indptr, np.square(values, dtype=np.float64)))
    factors = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0).astype(np.float32)
    return values * np.repeat(factors, np.diff(indptr))


def add_constant(bags: Bags, index: int, value: float) -> Bags:
    """The bags with one more entry at the end of each row; `index` is above all others."""
    return add_last(bags, np.full(len(bags.indptr) - 1, index), value)


def add_last(bags: Bags, indices: NDArray[np.integer], value: float) -> Bags:
    """The bags with one more entry at the end of each row, with the largest index; none where it is below 0."""
    rows = np.flatnonzero(indices >= 0)
    ends = bags.indptr[1:][rows]
    more = np.concatenate([[0], np.cumsum(indices >= 0)])
    return Bags(
        bags.indptr + more,
        np.insert(bags.indices, ends, indices[rows].astype(np.int32)),
        np.insert(bags.values, ends, np.float32(value)),
    )


def beside(first: Bags, second: Bags, n: int) -> Bags:
    """The rows of both as rows of one matrix: the features of `first`, `n` of them, then those of `second`."""
    rows = np.concatenate(
        [np.repeat(np.arange(len(bags.indptr) - 1), np.diff(bags.indptr)) for bags in (first, second)]
    )
    order = np.argsort(rows, kind="stable")
    return Bags(
        first.indptr + second.indptr,
        np.concatenate([first.indices, second.indices + np.int32(n)])[order],
        np.concatenate([first.values, second.values])[order],
    )


def split_at(bags: Bags, n: int) -> tuple[Bags, Bags]:
    """What `beside` put together: the features below `n`, and the others, numbered from 0."""
    first = bags.indices < n
    rest = keep_entries(bags, ~first)
    return keep_entries(bags, first), rest._replace(indices=rest.indices - np.int32(n))


def as_bags(rows: Rows) -> Bags:
    """The rows as bags: of dense ones the entries other than 0."""
    if isinstance(rows, Bags):
        return rows
    matrix = scipy.sparse.csr_matrix(rows.values)
    return Bags(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), matrix.data)


def no_lists(n: int) -> Lists:
    """`n` empty lists."""
    return Lists(np.zeros(n + 1, np.int64), np.zeros(0, np.int32))


def with_labels(lists: Lists | None, labels: NDArray[np.int32], rows: int, n: int) -> Lists:
    """The lists (None: empty ones) over `n` labels, with `labels` added to each of the `rows` rows."""
    lists = no_lists(rows) if lists is None else lists
    indptr = lists.indptr + len(labels) * np.arange(rows + 1)
    indices = np.insert(lists.indices, np.repeat(lists.indptr[1:], len(labels)), np.tile(labels, rows))
    bags = collect(indptr, indices, np.ones(len(indices), np.float32), n)
    return Lists(bags.indptr, bags.indices)


# Rows as scipy's sparse matrices, and their largest entries.


def inputs(x: Rows, n_features: int, dtype: type = np.float64) -> scipy.sparse.csr_matrix:
    """X (n, features), also of dense rows."""
    if isinstance(x, Dense):
        return scipy.sparse.csr_matrix(x.values.astype(dtype))
    shape = (n_rows(x), n_features)
    return scipy.sparse.csr_matrix((x.values.astype(dtype), x.indices, x.indptr), shape=shape)


def as_scipy(rows: Rows | Lists, n: int) -> scipy.sparse.csr_matrix | NDArray[np.float32]:
    """The rows over `n` columns as SciPy's matrix, or dense ones as an array, sharing their values and indices.

    Lists have the value 1 everywhere.
    """
    if isinstance(rows, Dense):
        return rows.values
    values = np.ones(len(rows.indices), np.float32) if isinstance(rows, Lists) else rows.values
    return scipy.sparse.csr_matrix((values, rows.indices, rows.indptr), (n_rows(rows), n), copy=False)


def largest(
    S: scipy.sparse.csr_matrix, k: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """The k largest entries of each row, largest first, equal ones by column: (indptr, columns, values)."""
    sizes = np.diff(S.indptr)
    rows = np.repeat(np.arange(S.shape[0]), sizes)
    order = np.lexsort((S.indices, -S.data, rows))
    position = np.arange(S.nnz) - np.repeat(S.indptr[:-1], sizes)
    kept = order[position < k]
    indptr = np.concatenate([[0], np.cumsum(np.minimum(sizes, k))]).astype(np.int64)
    return indptr, S.indices[kept].astype(np.int64), S.data[kept]
