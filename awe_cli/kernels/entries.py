"""The entries y_j of a label, one after the other: the label itself where it is one-hot, else its features.

A sum over them reads like AWE eq. 2, f = Σ_ij G_ij x_i U_i·V_j y_j, for any y; for one-hot labels it is compiled to
its only term.
"""

from __future__ import annotations

import numpy as np

from awe_cli.data.matrix import Bags, Dense
from awe_cli.kernels.dispatch import implements, stub
from awe_cli.kernels.labels import OneHot


@stub
def n_entries(y, label):
    """How many entries a label has."""
    raise NotImplementedError(type(y).__name__)


@stub
def entry(y, label, r):
    """(j, y_j) of a label's entry r: the row of V that it belongs to, and its value."""
    raise NotImplementedError(type(y).__name__)


@implements(n_entries, OneHot)
def _one(y, label):
    return 1


@implements(entry, OneHot)
def _itself(y, label, r):
    return np.int64(label), np.float32(1)


@implements(n_entries, Bags)
def _in_bag(y, label):
    return y.indptr[label + 1] - y.indptr[label]


@implements(entry, Bags)
def _of_bag(y, label, r):
    at = y.indptr[label] + r
    return np.int64(y.indices[at]), y.values[at]


@implements(n_entries, Dense)
def _columns(y, label):
    return y.columns.shape[0]


@implements(entry, Dense)
def _of_column(y, label, r):
    return np.int64(y.columns[r]), y.values[label, r]
