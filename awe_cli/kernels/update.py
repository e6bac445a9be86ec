"""The second phase of a block: each worker owns the rows whose index falls to it, and walks all records.

Records are applied in example order by exactly one owner, so the result does not depend on how many
there are. Steps are AdaGrad's with one accumulator a row (Duchi et al. 2011, as in FINDINGS a row's mean
squared gradient), then the row's norm is capped (AWE Algorithm 1: "project weights").
"""

from __future__ import annotations

import numpy as np

from awe_cli.kernels.dispatch import inlined, pasted
from awe_cli.kernels.rows import row_of

_TINY = np.float32(1e-12)


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


@pasted
def update_labels(into, n_records, V, history, rate, cap, worker, workers, room):
    """The rows of V that fall to this worker."""
    for r in range(n_records):
        if into.labels[r, 0] < 0:
            continue
        for side in range(into.labels.shape[1]):
            label = into.labels[r, side]
            if label % workers == worker:
                step = into.steps[r, side]
                direction = min(side, into.by_label.shape[1] - 1)
                squared = np.float32(0)
                for j in range(V.shape[1]):
                    room[j] = step * into.by_label[r, direction, j]
                    squared += room[j] * room[j]
                step_row(V, history, label, room, squared, rate, cap)


@pasted
def update_features(into, of_input, rows, examples, U, history, rate, cap, worker, workers, room):
    """The rows of U that fall to this worker; `of_input`: their gradients are x_i · (by_input + by_feature)."""
    first = np.int64(0)
    for e in range(examples.shape[0]):
        indices, values = row_of(rows, examples[e])
        if into.violators[e] > 0:
            for t in range(indices.shape[0]):
                row = indices[t]
                if row % workers == worker:
                    x = values[t] if of_input else np.float32(1)
                    squared = np.float32(0)
                    for j in range(U.shape[1]):
                        room[j] = x * (into.by_input[e, j] + into.by_feature[first + t, j])
                        squared += room[j] * room[j]
                    step_row(U, history, row, room, squared, rate, cap)
        first += indices.shape[0]


@pasted
def update_share(into, of_input, rows, examples, n_records, state, rate, cap, room, worker, workers):
    """Phase 2: the rows of V, then of U, that this worker owns."""
    update_labels(into, n_records, state.V, state.v_history, rate, cap, worker, workers, room)
    update_features(
        into, of_input, rows, examples, state.U, state.u_history, rate, cap, worker, workers, room
    )
