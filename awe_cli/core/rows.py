"""How kernels read one input row, whether the rows are bags or dense."""

from __future__ import annotations

from awe_cli.core.arrays import add_row
from awe_cli.core.dispatch import implements, inlined, stub
from awe_cli.matrices.matrix import Bags, Dense


@stub
def row_of(rows, example):
    """(indices (n,), values (n,)) of the features of one example."""
    raise NotImplementedError(type(rows).__name__)


@implements(row_of, Bags)
def _bag(rows, example):
    start, stop = rows.indptr[example], rows.indptr[example + 1]
    return rows.indices[start:stop], rows.values[start:stop]


@implements(row_of, Dense)
def _dense(rows, example):
    return rows.columns, rows.values[example]


@stub
def row_length(rows, example):
    """The number of features that one example names."""
    raise NotImplementedError(type(rows).__name__)


@implements(row_length, Bags)
def _bag_length(rows, example):
    return rows.indptr[example + 1] - rows.indptr[example]


@implements(row_length, Dense)
def _dense_length(rows, example):
    return rows.columns.shape[0]


@inlined
def project(indices, values, U, z):
    """z = Σ_i x_i U_i, the projection Ux of one example; z is (d,) and overwritten."""
    z[:] = 0
    for t in range(indices.shape[0]):
        add_row(z, values[t], U, indices[t])
