"""The second phase of a block: each worker owns the rows whose index falls to it, and walks all records.

Records are applied in example order by exactly one owner, so the result does not depend on how many
there are. Steps are AdaGrad's with one accumulator a row (Duchi et al. 2011, as in FINDINGS a row's mean
squared gradient), then the row's norm is capped (AWE Algorithm 1: "project weights").
"""

from __future__ import annotations

import numpy as np

from awe_cli.kernels.dispatch import inlined, pasted
from awe_cli.kernels.objective import VIOLATORS
from awe_cli.kernels.rows import row_of

_TINY = np.float32(1e-12)
_SIDE_BITS = 20  # of a place among the records; the others are the record's
_SPREAD = np.uint64(2654435769)  # 2³²/φ: neighbouring rows fall far from each other (Knuth 6.4)
_LOW_32 = np.uint64(0xFFFFFFFF)


@inlined
def owner(row, workers):
    """The worker that a row of U or V belongs to, in 0 … workers-1."""
    spread = (np.uint64(row) * _SPREAD) & _LOW_32
    return np.int64((spread * np.uint64(workers)) >> np.uint64(32))


@inlined
def step_row(matrix, history, row, gradient, squared, rate, cap):
    """M[row] −= rate · g/√h after h += ‖g‖²/d; then ‖M[row]‖ ≤ cap."""
    d = matrix.shape[1]
    history[row] += squared / d
    pace = np.float32(rate / np.sqrt(history[row] + _TINY))
    norm = np.float32(0)
    for j in range(d):
        moved = matrix[row, j] - pace * gradient[j]
        matrix[row, j] = moved
        norm += moved * moved
    if norm > cap * cap:
        shrink = np.float32(cap / np.sqrt(norm))
        for j in range(d):
            matrix[row, j] *= shrink


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


@pasted
def update_labels(into, n_records, V, history, rate, cap, worker, workers, room):
    """The rows of V that fall to this worker."""
    n = owned_labels(into.labels, n_records, worker, workers, room.owned)
    for k in range(n):
        r, side = room.owned[k] >> _SIDE_BITS, room.owned[k] & ((1 << _SIDE_BITS) - 1)
        step = into.steps[r, side]
        direction = min(side, into.by_label.shape[1] - 1)
        squared = np.float32(0)
        for j in range(V.shape[1]):
            room.z[j] = step * into.by_label[r, direction, j]
            squared += room.z[j] * room.z[j]
        step_row(V, history, into.labels[r, side], room.z, squared, rate, cap)


@inlined
def owned_features(indices, worker, workers, owned):
    """Put the places in `indices` of this worker's rows into `owned`; return how many they are."""
    n = 0
    for t in range(indices.shape[0]):
        owned[n] = t
        n += owner(indices[t], workers) == worker
    return n


@pasted
def update_features(into, of_input, rows, examples, U, history, rate, cap, worker, workers, room):
    """The rows of U that fall to this worker; `of_input`: their gradients are x_i · (by_input + by_feature)."""
    first = np.int64(0)
    for e in range(examples.shape[0]):
        indices, values = row_of(rows, examples[e])
        if into.tally[e, VIOLATORS] > 0:
            n = owned_features(indices, worker, workers, room.owned)
            for t in room.owned[:n]:
                x = values[t] if of_input else np.float32(1)
                squared = np.float32(0)
                for j in range(U.shape[1]):
                    room.z[j] = x * (into.by_input[e, j] + into.by_feature[first + t, j])
                    squared += room.z[j] * room.z[j]
                step_row(U, history, indices[t], room.z, squared, rate, cap)
        first += indices.shape[0]


@pasted
def update_share(into, of_input, rows, examples, n_records, state, rate, cap, room, worker, workers):
    """Phase 2: the rows of V, then of U, that this worker owns."""
    update_labels(into, n_records, state.V, state.v_history, rate, cap, worker, workers, room)
    update_features(
        into, of_input, rows, examples, state.U, state.u_history, rate, cap, worker, workers, room
    )
