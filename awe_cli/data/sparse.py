"""Rows as scipy's sparse matrices, and the largest entries of these."""

from __future__ import annotations

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from awe_cli.data.matrix import Dense, Rows, n_rows


def inputs(x: Rows, n_features: int, dtype: type = np.float64) -> scipy.sparse.csr_matrix:
    """X (n, features), also of dense rows."""
    if isinstance(x, Dense):
        return scipy.sparse.csr_matrix(x.values.astype(dtype))
    shape = (n_rows(x), n_features)
    return scipy.sparse.csr_matrix((x.values.astype(dtype), x.indices, x.indptr), shape=shape)


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
