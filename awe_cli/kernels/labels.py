"""The label side: labels that are themselves (one-hot y), or that features describe (AWE eq. 1: V y).

One-hot labels have their rows in V. Described ones have them in W = YV (labels, d): row y is Vy = Σ_j y_j V_j. It is
brought up to date before every block, so that affinities and losses read W where they read V otherwise. A gradient
g by W_y is one of y_j · g by V_j. Those of an example add up first, as they do for U: the words that a positive and a
negative share mostly cancel, and a step for each would be a step for nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe_cli.data.matrix import Rows
from awe_cli.kernels.barrier import wait
from awe_cli.kernels.dispatch import implements, inlined, section, stub
from awe_cli.kernels.rows import project, row_of

_ROUNDING = np.float32(
    1e-10
)  # what rounding leaves of terms that cancel, squared, as a share of their squares


class OneHot(NamedTuple):
    """y is the label itself."""

    n: int  # labels


class Described(NamedTuple):
    """y are features of the label, such as the words of a document."""

    rows: Rows  # Y (labels, label features)
    changed: NDArray[np.int64]  # (label features,) the stamp of the block that last stepped each row of V
    reach: float  # max_y Σ_j |y_j|: ‖W_y‖ is at most this times the norm cap
    tied: bool  # U and V are one matrix


class Sums(NamedTuple):
    """Room for a worker to add up gradients by rows of V; of no size where labels are one-hot."""

    slot: NDArray[np.int32]  # (label features,) where a row's sum is, -1 where it has none
    touched: NDArray[np.int64]  # (label features,) the rows that have one, in the order they got it
    rows: NDArray[np.float32]  # (label features, d)
    squared: NDArray[np.float32]  # (label features,) Σ ‖term‖² of each sum


@stub
def farthest(side, cap):
    """The greatest norm that a label's row can have."""
    raise NotImplementedError(type(side).__name__)


@stub
def refresh(side, W, V, start, block, worker, workers, between):
    """Bring W (labels, d) up to date before the block that begins at `start`; all workers meet after it.

    Where labels are one-hot, W is V itself.
    """
    raise NotImplementedError(type(side).__name__)


@implements(farthest, OneHot)
def _capped(side, cap):
    return cap


@implements(refresh, OneHot)
def _nothing(side, W, V, start, block, worker, workers, between):
    return None


@implements(farthest, Described)
def _reached(side, cap):
    return np.float32(cap * side.reach)


@implements(refresh, Described)
def _refresh(side, W, V, start, block, worker, workers, between):
    refresh_share(side.rows, W, side.changed, V, start, start - block + 1, worker, workers)
    wait(between, workers)


@section
def refresh_share(rows, W, changed, V, start, stamp, worker, workers):
    """W_y = Σ_j y_j V_j of this worker's labels: of all at the start of an epoch, then of those that changed."""
    n = W.shape[0]
    for label in range(worker * n // workers, (worker + 1) * n // workers):
        indices, values = row_of(rows, label)
        stale = start == 0
        for t in range(indices.shape[0]):
            stale |= changed[indices[t]] == stamp
        if stale:
            project(indices, values, V, W[label])


@inlined
def add_to_sum(sums, row, scale, direction, squared, used):
    """Add scale · direction to the sum of a row of V; return how many rows have one."""
    slot = sums.slot[row]
    if slot < 0:
        slot = used
        sums.slot[row], sums.touched[slot], sums.squared[slot] = slot, row, 0
        sums.rows[slot, :] = 0
        used += 1
    for k in range(direction.shape[0]):
        sums.rows[slot, k] += scale * direction[k]
    sums.squared[slot] += scale * scale * squared
    return used


@inlined
def close_sum(sums, slot):
    """‖sum‖², or 0 where nothing but rounding is left: AdaGrad's first step would make that a full step."""
    squared = np.float32(0)
    for k in range(sums.rows.shape[1]):
        squared += sums.rows[slot, k] * sums.rows[slot, k]
    sums.slot[sums.touched[slot]] = -1
    return squared if squared > _ROUNDING * sums.squared[slot] else np.float32(0)
