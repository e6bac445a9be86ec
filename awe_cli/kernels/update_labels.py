"""The second phase for the label side: the rows of V and V̂ that a worker owns, for one-hot and described labels.

Where features describe labels, the gradients of an example by a row have been added up to one step (kernels/sums.py).
V̂ has a row for each label feature, too, unless the affinity knows labels by themselves.
"""

from __future__ import annotations

import numpy as np

from awe_cli.kernels.dispatch import implements, inlined, stub
from awe_cli.kernels.interface import sees_features
from awe_cli.kernels.labels import Described, OneHot
from awe_cli.kernels.objective import VIOLATORS, n_records, sides
from awe_cli.kernels.rows import row_of
from awe_cli.kernels.sums import close_sum, most_sums
from awe_cli.kernels.update_learned import step_hat, step_row

_SIDE_BITS = 20  # of a place among the records; the others are the record's
_SPREAD = np.uint64(2654435769)  # 2³²/φ: neighbouring rows fall far from each other (Knuth 6.4)
_LOW_32 = np.uint64(0xFFFFFFFF)


@inlined
def owner(row, workers):
    """The worker that a row of U or V belongs to, in 0 … workers-1."""
    spread = (np.uint64(row) * _SPREAD) & _LOW_32
    return np.int64((spread * np.uint64(workers)) >> np.uint64(32))


@inlined
def owned_labels(labels, n_records, worker, workers, owned):
    """Put the places in `labels` of this worker's rows into `owned`; return how many they are.

    All places are written and only those that count are kept: a branch that nobody can foresee, for each
    record and worker, would cost more than the steps themselves.
    """
    n = 0
    for r in range(n_records):
        for side in range(labels.shape[1]):
            owned[n] = (r << _SIDE_BITS) + side
            n += (labels[r, 0] >= 0) & (owner(labels[r, side], workers) == worker)
    return n


@inlined
def _step_each(into, n_records, state, rate, cap, worker, workers, room):
    """The rows of V and V̂ that fall to this worker."""
    V, learned, memory = state.V, state.learned, state.memory
    n = owned_labels(into.labels, n_records, worker, workers, room.owned)
    for k in range(n):
        r, side = room.owned[k] >> _SIDE_BITS, room.owned[k] & ((1 << _SIDE_BITS) - 1)
        step = into.steps[r, side]
        direction = min(side, into.by_label.shape[1] - 1)
        squared = np.float32(0)
        for j in range(V.shape[1]):
            room.z[j] = step * into.by_label[r, direction, j]
            squared += room.z[j] * room.z[j]
        label = into.labels[r, side]
        step_row(V, state.v_history, label, room.z, squared, rate, cap)
        step_hat(learned.V_hat, memory.V_hat, label, into.v_hat[r, direction], rate, cap)


@stub
def step_labels(
    side, into, affinity, loss, indptr, examples, records, start, W, state, rate, cap, worker, workers, room
):
    """The rows of V and V̂ that fall to this worker, by what labels are; the block begins at `start`."""
    raise NotImplementedError(type(side).__name__)


@implements(step_labels, OneHot)
def _step_one_hot(
    side, into, affinity, loss, indptr, examples, records, start, W, state, rate, cap, worker, workers, room
):
    _step_each(into, records, state, rate, cap, worker, workers, room)


@implements(step_labels, Described)
def _step_described(
    side, into, affinity, loss, indptr, examples, records, start, W, state, rate, cap, worker, workers, room
):
    first = np.int64(0)
    for e in range(examples.shape[0]):
        if into.tally[e, VIOLATORS] > 0:
            for at in range(first, first + into.sums.used[e]):
                row = into.sums.row[at]
                if owner(row, workers) == worker:
                    _step_sum(into.sums, at, row, state, rate, cap, side.changed, start + 1)
        positives = indptr[examples[e] + 1] - indptr[examples[e]]
        first += most_sums(side, n_records(loss, positives, W) * sides(loss))
    if state.learned.V_hat.shape[1] > 0 and not sees_features(affinity):
        _step_hats(into, records, state, rate, cap, worker, workers, room)


@inlined
def _step_sum(sums, at, row, state, rate, cap, changed, stamp):
    """One row of V, of which a note is taken, and of V̂."""
    squared = close_sum(sums.by_row, at, sums.squared[at, 0])
    if squared > 0:
        step_row(state.V, state.v_history, row, sums.by_row[at], squared, rate, cap)
        changed[row] = stamp
    squared = close_sum(sums.by_hat, at, sums.squared[at, 1])
    if squared > 0:
        step_row(state.learned.V_hat, state.memory.V_hat, row, sums.by_hat[at], squared, rate, cap)


@inlined
def _step_hats(into, records, state, rate, cap, worker, workers, room):
    """The rows of V̂, which labels have of their own."""
    n = owned_labels(into.labels, records, worker, workers, room.owned)
    for k in range(n):
        r, side = room.owned[k] >> _SIDE_BITS, room.owned[k] & ((1 << _SIDE_BITS) - 1)
        direction = min(side, into.by_label.shape[1] - 1)
        step_hat(
            state.learned.V_hat, state.memory.V_hat, into.labels[r, side], into.v_hat[r, direction], rate, cap
        )


@stub
def mark_inputs(side, into, rows, examples, start):
    """Take note of the rows of U that were stepped, where they are rows of V, too."""
    raise NotImplementedError(type(side).__name__)


@implements(mark_inputs, OneHot)
def _no_marks(side, into, rows, examples, start):
    return None


@implements(mark_inputs, Described)
def _mark_inputs(side, into, rows, examples, start):
    if side.tied:
        for e in range(examples.shape[0]):
            if into.tally[e, VIOLATORS] > 0:
                indices, _ = row_of(rows, examples[e])
                for t in range(indices.shape[0]):
                    side.changed[indices[t]] = start + 1  # the same for every worker
