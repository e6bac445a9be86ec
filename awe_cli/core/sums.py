"""Sums of an example's gradients by the rows of V and V̂ of label features: they add up before the step.

The gradients by words that a positive and a negative share mostly cancel; separate steps would enter AdaGrad's
accumulators. An affinity of pairs of features computes gradients by V_j itself. All others compute one by W_y, which
times y_j is the gradient by V_j. One-hot labels have their gradients in the block's records, and use no sums.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe_cli.core.arrays import Floats
from awe_cli.core.dispatch import implements, inlined, stub
from awe_cli.core.labels import Described, OneHot, entry, n_entries
from awe_cli.matrices.matrix import Bags, Dense

# The squared rounding error of terms that cancel, as a share of the sum of their squares.
_ROUNDING = np.float32(1e-10)


class Sums(NamedTuple):
    """The sums of a block, those of an example adjacent; of size 0 where labels are one-hot."""

    row: NDArray[np.int64]  # (n,) the row of V of each sum, in the order of first use in the example
    by_row: Floats  # (n, d) the gradient by V_j
    by_hat: Floats  # (n, e) by V̂_j
    squared: Floats  # (n, 2) Σ ‖term‖² of each
    used: NDArray[np.int64]  # (B,) the number of sums of each example


@stub
def most_sums(side, labels):
    """An upper bound on the number of rows of V that this many labels have gradients by."""
    raise NotImplementedError(type(side).__name__)


@stub
def sums_of(side, sums, e, first, labels):
    """The sums of an example, cleared; they begin at `first`."""
    raise NotImplementedError(type(side).__name__)


@stub
def accumulate(y, sums, slot, j, v, v_hat):
    """Add a gradient by V_j, and one by V̂_j, to the sums of the example, and clear both."""
    raise NotImplementedError(type(y).__name__)


@stub
def flush(y, sums, slot, buffers, first, last):
    """Add the gradients by W_y of records first … last-1; the example's sums are then complete."""
    raise NotImplementedError(type(y).__name__)


@implements(most_sums, OneHot)
def _none(side, labels):
    return 0


@implements(sums_of, OneHot)
def _unused(side, sums, e, first, labels):
    return sums


@implements(accumulate, OneHot)
def _accumulate_in_record(y, sums, slot, j, v, v_hat):
    return None


@implements(flush, OneHot)
def _nothing(y, sums, slot, buffers, first, last):
    return None


@implements(most_sums, Described)
def _most(side, labels):
    return min(side.changed.shape[0], side.longest * labels)


@implements(sums_of, Described)
def _part(side, sums, e, first, labels):
    last = first + most_sums(side, labels)
    sums.used[e] = 0
    return Sums(
        sums.row[first:last],
        sums.by_row[first:last],
        sums.by_hat[first:last],
        sums.squared[first:last],
        sums.used[e : e + 1],
    )


@inlined
def _slot_of(sums, slot, j):
    """The position of the sum of row j; a new sum is 0."""
    at = slot[j]
    if at < 0:
        at = sums.used[0]
        slot[j], sums.row[at] = at, j
        sums.by_row[at, :] = 0
        sums.by_hat[at, :] = 0
        sums.squared[at, :] = 0
        sums.used[0] += 1
    return at


@inlined
def _move(gradient, matrix, at):
    """matrix[at] += gradient; clear the gradient; return its ‖gradient‖²."""
    squared = np.float32(0)
    for k in range(gradient.shape[0]):
        matrix[at, k] += gradient[k]
        squared += gradient[k] * gradient[k]
        gradient[k] = 0
    return squared


@implements(accumulate, Bags, Dense)
def _accumulate(y, sums, slot, j, v, v_hat):
    at = _slot_of(sums, slot, j)
    sums.squared[at, 0] += _move(v, sums.by_row, at)
    sums.squared[at, 1] += _move(v_hat, sums.by_hat, at)


@implements(flush, Bags, Dense)
def _flush(y, sums, slot, buffers, first, last):
    for r in range(first, last):
        if buffers.labels[r, 0] >= 0:
            for side in range(buffers.labels.shape[1]):
                direction = buffers.by_label[r, min(side, buffers.by_label.shape[1] - 1)]
                squared = np.float32(0)
                for k in range(direction.shape[0]):
                    squared += direction[k] * direction[k]
                if squared > 0:
                    _spread(
                        y, sums, slot, buffers.labels[r, side], buffers.steps[r, side], direction, squared
                    )
    for at in range(sums.used[0]):
        slot[sums.row[at]] = -1


@inlined
def _spread(y, sums, slot, label, step, direction, squared):
    """Add step · y_j · direction to the sum of every feature of the label; squared is ‖direction‖²."""
    for r in range(n_entries(y, label)):
        j, value = entry(y, label, r)
        at, scale = _slot_of(sums, slot, j), step * value
        for k in range(direction.shape[0]):
            sums.by_row[at, k] += scale * direction[k]
        sums.squared[at, 0] += scale * scale * squared


@inlined
def close_sum(matrix, at, squares):
    """‖sum‖², or 0 where only rounding errors are left, since AdaGrad's first step has full length for any gradient."""
    squared = np.float32(0)
    for k in range(matrix.shape[1]):
        squared += matrix[at, k] * matrix[at, k]
    return squared if squared > _ROUNDING * squares else np.float32(0)
