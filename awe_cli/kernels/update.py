"""The second phase of a block: each worker owns the rows whose index falls to it, and walks all records.

Records are applied in example order by exactly one owner, so the result does not depend on how many
there are. Steps are AdaGrad's with one accumulator a row (Duchi et al. 2011, as in FINDINGS a row's mean
squared gradient), then the row's norm is capped (AWE Algorithm 1: "project weights").
"""

from __future__ import annotations

import numpy as np

from awe_cli.kernels.dispatch import inlined, pasted
from awe_cli.kernels.interface import of_input
from awe_cli.kernels.objective import VIOLATORS
from awe_cli.kernels.rows import row_of
from awe_cli.kernels.update_labels import mark_inputs, owner, step_labels
from awe_cli.kernels.update_learned import step_hat, step_pairs, step_row, update_shared


@inlined
def owned_features(indices, worker, workers, owned):
    """Put the places in `indices` of this worker's rows into `owned`; return how many they are."""
    n = 0
    for t in range(indices.shape[0]):
        owned[n] = t
        n += owner(indices[t], workers) == worker
    return n


@pasted
def update_features(into, affinity, rows, examples, state, rate, cap, worker, workers, room):
    """The rows of U and Û that fall to this worker."""
    U, learned, memory = state.U, state.learned, state.memory
    first = np.int64(0)
    for e in range(examples.shape[0]):
        indices, values = row_of(rows, examples[e])
        if into.tally[e, VIOLATORS] > 0:
            n = owned_features(indices, worker, workers, room.owned)
            for t in room.owned[:n]:
                x = values[t] if of_input(affinity) else np.float32(1)
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
def update_share(
    into, affinity, loss, side, rows, indptr, examples, records, start, W, state, rate, cap, room, worker,
    workers,
):  # fmt: skip
    """Phase 2: the rows of V, then of U, that this worker owns, and what goes with them.

    Where U and V are one matrix, a worker owns the same rows of both.
    """
    step_labels(
        side,
        into,
        affinity,
        loss,
        indptr,
        examples,
        records,
        start,
        W,
        state,
        rate,
        cap,
        worker,
        workers,
        room,
    )
    mark_inputs(side, into, rows, examples, start)
    update_features(into, affinity, rows, examples, state, rate, cap, worker, workers, room)
    if state.learned.indptr.shape[0] > 0:
        update_pairs(into, rows, examples, state.learned, state.memory, rate, worker, workers)
    update_shared(into, examples.shape[0], state.learned, state.memory, rate, cap, worker)
