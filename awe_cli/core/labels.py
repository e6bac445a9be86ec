"""The label side: one-hot labels, or labels that are described by features (AWE eq. 1: V y).

One-hot labels have their rows in V. Described labels have them in W = YV (labels, d): row y is Vy = Σ_j y_j V_j. W is
updated before every block; affinities and losses read it where they read V otherwise. Affinities of pairs of features
read the rows V_j as well.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe_cli.core.barrier import wait
from awe_cli.core.dispatch import implements, section, stub
from awe_cli.core.rows import project, row_of
from awe_cli.matrices.matrix import Bags, Dense, Rows


class OneHot(NamedTuple):
    """Labels without features: y is one-hot."""

    n: int  # labels


class Described(NamedTuple):
    """Labels that are described by features y, such as the words of a document."""

    rows: Rows  # Y (labels, label features)
    changed: NDArray[np.int64]  # (label features,) the tag of the block that last stepped each row of V
    reach: float  # max_y Σ_j |y_j|: ‖W_y‖ is at most this times the norm cap
    longest: int  # the largest number of features of a label
    tied: bool  # U and V are one matrix


@stub
def features_of(side):
    """The label side as an affinity sees it: OneHot, or the features of labels (labels, label features)."""
    raise NotImplementedError(type(side).__name__)


@stub
def longest_row_norm(side, cap):
    """An upper bound on the norm of a label's row."""
    raise NotImplementedError(type(side).__name__)


@stub
def refresh(side, W, V, start, block, worker, workers, between):
    """Update W (labels, d) before the block that begins at `start`; all workers wait for each other after it.

    Where labels are one-hot, W is V itself.
    """
    raise NotImplementedError(type(side).__name__)


@implements(features_of, OneHot)
def _themselves(side):
    return side


@implements(features_of, Described)
def _features(side):
    return side.rows


@implements(longest_row_norm, OneHot)
def _capped(side, cap):
    return cap


@implements(refresh, OneHot)
def _nothing(side, W, V, start, block, worker, workers, between):
    return None


@implements(longest_row_norm, Described)
def _reached(side, cap):
    return np.float32(cap * side.reach)


@implements(refresh, Described)
def _refresh(side, W, V, start, block, worker, workers, between):
    refresh_share(side.rows, W, side.changed, V, start, start - block + 1, worker, workers)
    wait(between, workers)


@section
def refresh_share(rows, W, changed, V, start, tag, worker, workers):
    """Set W_y = Σ_j y_j V_j for this worker's labels: for all at the start of an epoch, then for those that changed."""
    n = W.shape[0]
    for label in range(worker * n // workers, (worker + 1) * n // workers):
        indices, values = row_of(rows, label)
        stale = start == 0
        for t in range(indices.shape[0]):
            stale |= changed[indices[t]] == tag
        if stale:
            project(indices, values, V, W[label])


# The entries y_j of a label, one after the other: the label itself where it is one-hot, else its features.
#
# A sum over them reads like AWE eq. 2, f = Σ_ij G_ij x_i U_i·V_j y_j, for any y; for one-hot labels it is
# compiled to its only term.


@stub
def n_entries(y, label):
    """How many entries a label has."""
    raise NotImplementedError(type(y).__name__)


@stub
def entry(y, label, r):
    """(j, y_j) of a label's entry r: its row of V, and its value."""
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
