"""The second phase for the label side: the rows of V and V̂ that a worker owns, for one-hot and described labels.

Where labels are described, a record's gradient by W_y goes to the rows of V of the label's features. The gradients
of an example by one row add up to one step (kernels/labels.py says why). V̂ has a row for each label in any case.
"""

from __future__ import annotations

import numpy as np

from awe_cli.kernels.dispatch import implements, inlined, stub
from awe_cli.kernels.labels import Described, OneHot, add_to_sum, close_sum
from awe_cli.kernels.objective import VIOLATORS, n_records
from awe_cli.kernels.rows import row_of
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
    side, into, loss, indptr, examples, records, start, W, state, rate, cap, worker, workers, room
):
    """The rows of V and V̂ that fall to this worker, by what labels are; the block begins at `start`."""
    raise NotImplementedError(type(side).__name__)


@implements(step_labels, OneHot)
def _step_one_hot(
    side, into, loss, indptr, examples, records, start, W, state, rate, cap, worker, workers, room
):
    _step_each(into, records, state, rate, cap, worker, workers, room)


@implements(step_labels, Described)
def _step_described(
    side, into, loss, indptr, examples, records, start, W, state, rate, cap, worker, workers, room
):
    first = np.int64(0)
    for e in range(examples.shape[0]):
        n = n_records(loss, indptr[examples[e] + 1] - indptr[examples[e]], W)
        used = _add_up(side.rows, into, first, first + n, worker, workers, room)
        for slot in range(used):
            row, squared = room.sums.touched[slot], close_sum(room.sums, slot)
            if squared > 0:
                step_row(state.V, state.v_history, row, room.sums.rows[slot], squared, rate, cap)
                side.changed[row] = start + 1
        first += n
    if state.learned.V_hat.shape[1] > 0:
        _step_hats(into, records, state, rate, cap, worker, workers, room)


@inlined
def _add_up(rows, into, first, last, worker, workers, room):
    """Put the gradients of records first … last-1 by this worker's rows of V into its sums; how many rows."""
    used = 0
    for r in range(first, last):
        if into.labels[r, 0] >= 0:
            for side in range(into.labels.shape[1]):
                direction = into.by_label[r, min(side, into.by_label.shape[1] - 1)]
                squared = np.float32(0)
                for k in range(direction.shape[0]):
                    squared += direction[k] * direction[k]
                indices, values = row_of(rows, into.labels[r, side])
                for t in range(indices.shape[0]):
                    if owner(indices[t], workers) == worker:
                        scale = into.steps[r, side] * values[t]
                        used = add_to_sum(room.sums, indices[t], scale, direction, squared, used)
    return used


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
