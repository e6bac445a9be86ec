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
from awe_cli.kernels.update_learned import step_hat, step_pairs, step_row, update_shared

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


@pasted
def update_labels(into, n_records, state, rate, cap, worker, workers, room):
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


@inlined
def owned_features(indices, worker, workers, owned):
    """Put the places in `indices` of this worker's rows into `owned`; return how many they are."""
    n = 0
    for t in range(indices.shape[0]):
        owned[n] = t
        n += owner(indices[t], workers) == worker
    return n


@pasted
def update_features(into, of_input, rows, examples, state, rate, cap, worker, workers, room):
    """The rows of U and Û that fall to this worker.

    of_input  gradients by U_i are x_i · (by_input + by_feature)
    """
    U, learned, memory = state.U, state.learned, state.memory
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
                step_row(U, state.u_history, indices[t], room.z, squared, rate, cap)
                step_hat(learned.U_hat, memory.U_hat, indices[t], into.u_hat[first + t], rate, cap)
        first += indices.shape[0]


@pasted
def update_pairs(into, rows, examples, learned, memory, rate, worker, workers):
    """The pairs of the features whose rows of U fall to this worker."""
    first = np.int64(0)
    for e in range(examples.shape[0]):
        indices, _ = row_of(rows, examples[e])
        for feature in indices:
            if into.tally[e, VIOLATORS] > 0 and owner(feature, workers) == worker:
                step_pairs(learned, memory, feature, into.by_pair, first, rate)
            first += learned.indptr[feature + 1] - learned.indptr[feature]


@pasted
def update_share(into, of_input, rows, examples, n_records, state, rate, cap, room, worker, workers):
    """Phase 2: the rows of V, then of U, that this worker owns, and what goes with them."""
    update_labels(into, n_records, state, rate, cap, worker, workers, room)
    update_features(into, of_input, rows, examples, state, rate, cap, worker, workers, room)
    if state.learned.indptr.shape[0] > 0:
        update_pairs(into, rows, examples, state.learned, state.memory, rate, worker, workers)
    update_shared(into, examples.shape[0], state.learned, state.memory, rate, cap, worker)
