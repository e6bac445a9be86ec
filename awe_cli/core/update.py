"""The second phase of a block: each worker owns some rows, and applies the gradients of all records to these.

A row has exactly one owner, which applies records in the order of the examples, so that the result does not depend on
the number of workers. Steps are AdaGrad's with one accumulator a row, the sum of the row's mean squared gradients
(Duchi et al. 2011). After a step the row's norm is capped (AWE Algorithm 1: "project weights").
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe_cli.core.dispatch import implements, inlined, pasted, stub
from awe_cli.core.interface import factors_through_projection, is_featurewise
from awe_cli.core.labels import Described, OneHot
from awe_cli.core.objective import VIOLATORS, n_records, sides
from awe_cli.core.rows import row_of
from awe_cli.core.sums import close_sum, most_sums

# The second phase for the parameters of an affinity (core/interface.py names their owners).
#
# Each parameter is stepped by one worker, in the order of the examples, as rows of U and V are.

_TINY = np.float32(1e-12)


@inlined
def step_row(matrix, history, row, gradient, squared, learning_rate, cap):
    """M[row] −= rate · g/√h after h += ‖g‖²/d; then ‖M[row]‖ ≤ cap."""
    d = matrix.shape[1]
    history[row] += squared / d
    step_size = np.float32(learning_rate / np.sqrt(history[row] + _TINY))
    norm = np.float32(0)
    for j in range(d):
        moved = matrix[row, j] - step_size * gradient[j]
        matrix[row, j] = moved
        norm += moved * moved
    if norm > cap * cap:
        shrink = np.float32(cap / np.sqrt(norm))
        for j in range(d):
            matrix[row, j] *= shrink


@inlined
def step_hat(matrix, history, row, gradient, learning_rate, cap):
    """`step_row` for a row of Û, V̂ or the shared rows, of any width, 0 included."""
    if matrix.shape[1] > 0:
        squared = np.float32(0)
        for j in range(matrix.shape[1]):
            squared += gradient[j] * gradient[j]
        if squared != 0:
            step_row(matrix, history, row, gradient, squared, learning_rate, cap)


@inlined
def step_pairs(learned, memory, feature, gradients, first, learning_rate):
    """θ −= rate · g/√h after h += g², for every θ of one feature with g ≠ 0; gradients begin at `first`."""
    start = learned.indptr[feature]
    for p in range(start, learned.indptr[feature + 1]):
        g = gradients[first + p - start]
        if g != 0:
            memory.pairs[p] += g * g
            learned.pairs[p] -= np.float32(learning_rate / np.sqrt(memory.pairs[p] + _TINY)) * g


@inlined
def update_shared(buffers, n_examples, learned, memory, learning_rate, cap, worker):
    """Step the shared rows, which belong to the first worker."""
    if worker == 0 and learned.shared.shape[0] > 0:
        for e in range(n_examples):
            if buffers.tally[e, VIOLATORS] > 0:
                for row in range(learned.shared.shape[0]):
                    step_hat(
                        learned.shared, memory.shared, row, buffers.by_shared[e, row], learning_rate, cap
                    )


# The second phase for the label side: the rows of V and V̂, for one-hot and described labels.
#
# Where features describe labels, the gradients of an example by a row have been added up (core/sums.py). V̂ then has a
# row for each label feature, or for each label where the affinity is not one of features.

_SIDE_BITS = 20  # low bits of an encoded (record, side)
_SPREAD = np.uint64(2654435769)  # 2³²/φ: multiplicative hashing (Knuth 6.4)
_LOW_32 = np.uint64(0xFFFFFFFF)


@inlined
def owner(row, workers):
    """The worker that a row of U or V belongs to, in 0 … workers-1."""
    spread = (np.uint64(row) * _SPREAD) & _LOW_32
    return np.int64((spread * np.uint64(workers)) >> np.uint64(32))


@inlined
def owned_labels(labels, n_records, worker, workers, owned):
    """Write the encoded (record, side) of this worker's rows to `owned`; return their number.

    The loop is branch-free: mispredicted branches would cost more than the steps themselves.
    """
    n = 0
    for r in range(n_records):
        for side in range(labels.shape[1]):
            owned[n] = (r << _SIDE_BITS) + side
            n += (labels[r, 0] >= 0) & (owner(labels[r, side], workers) == worker)
    return n


class Step(NamedTuple):
    """The block whose gradients are applied, the learning rate, and the worker."""

    examples: NDArray[np.int64]
    n_records: int
    start: int  # where the block begins in the order of the epoch
    learning_rate: np.float32
    worker: int
    workers: int


@inlined
def _step_each(problem, step, buffers, scratch):
    """Step the rows of V and V̂ that this worker owns, record by record."""
    V, learned, memory = problem.state.V, problem.state.learned, problem.state.memory
    rate, cap = step.learning_rate, problem.norm_cap
    n = owned_labels(buffers.labels, step.n_records, step.worker, step.workers, scratch.owned)
    for k in range(n):
        r, side = scratch.owned[k] >> _SIDE_BITS, scratch.owned[k] & ((1 << _SIDE_BITS) - 1)
        factor = buffers.steps[r, side]
        direction = min(side, buffers.by_label.shape[1] - 1)
        squared = np.float32(0)
        for j in range(V.shape[1]):
            scratch.z[j] = factor * buffers.by_label[r, direction, j]
            squared += scratch.z[j] * scratch.z[j]
        label = buffers.labels[r, side]
        step_row(V, problem.state.v_history, label, scratch.z, squared, rate, cap)
        step_hat(learned.V_hat, memory.V_hat, label, buffers.v_hat[r, direction], rate, cap)


@stub
def step_labels(side, problem, step, buffers, scratch):
    """Step the rows of V and V̂ that this worker owns."""
    raise NotImplementedError(type(side).__name__)


@implements(step_labels, OneHot)
def _step_one_hot(side, problem, step, buffers, scratch):
    _step_each(problem, step, buffers, scratch)


@implements(step_labels, Described)
def _step_described(side, problem, step, buffers, scratch):
    first, state, indptr = np.int64(0), problem.state, problem.task.indptr
    rate, cap = step.learning_rate, problem.norm_cap
    for e in range(step.examples.shape[0]):
        if buffers.tally[e, VIOLATORS] > 0:
            for at in range(first, first + buffers.sums.used[e]):
                row = buffers.sums.row[at]
                if owner(row, step.workers) == step.worker:
                    _step_sum(buffers.sums, at, row, state, rate, cap, side.changed, step.start + 1)
        positives = indptr[step.examples[e] + 1] - indptr[step.examples[e]]
        first += most_sums(side, n_records(problem.loss, positives, problem.W) * sides(problem.loss))
    if state.learned.V_hat.shape[1] > 0 and not is_featurewise(problem.affinity):
        _step_hats(problem, step, buffers, scratch)


@inlined
def _step_sum(sums, at, row, state, learning_rate, cap, changed, tag):
    """Step one row of V, which is marked as changed, and of V̂."""
    squared = close_sum(sums.by_row, at, sums.squared[at, 0])
    if squared > 0:
        step_row(state.V, state.v_history, row, sums.by_row[at], squared, learning_rate, cap)
        changed[row] = tag
    squared = close_sum(sums.by_hat, at, sums.squared[at, 1])
    if squared > 0:
        step_row(state.learned.V_hat, state.memory.V_hat, row, sums.by_hat[at], squared, learning_rate, cap)


@inlined
def _step_hats(problem, step, buffers, scratch):
    """Step the rows of V̂ that this worker owns, where V̂ has a row for each label."""
    V_hat, history = problem.state.learned.V_hat, problem.state.memory.V_hat
    n = owned_labels(buffers.labels, step.n_records, step.worker, step.workers, scratch.owned)
    for k in range(n):
        r, side = scratch.owned[k] >> _SIDE_BITS, scratch.owned[k] & ((1 << _SIDE_BITS) - 1)
        gradient = buffers.v_hat[r, min(side, buffers.by_label.shape[1] - 1)]
        step_hat(V_hat, history, buffers.labels[r, side], gradient, step.learning_rate, problem.norm_cap)


@stub
def mark_inputs(side, buffers, rows, examples, start):
    """Mark the rows of U that were stepped as changed, where U and V are one matrix."""
    raise NotImplementedError(type(side).__name__)


@implements(mark_inputs, OneHot)
def _no_marks(side, buffers, rows, examples, start):
    return None


@implements(mark_inputs, Described)
def _mark_inputs(side, buffers, rows, examples, start):
    if side.tied:
        for e in range(examples.shape[0]):
            if buffers.tally[e, VIOLATORS] > 0:
                indices, _ = row_of(rows, examples[e])
                for t in range(indices.shape[0]):
                    side.changed[indices[t]] = start + 1  # the same for every worker


@inlined
def owned_features(indices, worker, workers, owned):
    """Write the positions in `indices` of this worker's rows to `owned`; return their number."""
    n = 0
    for t in range(indices.shape[0]):
        owned[n] = t
        n += owner(indices[t], workers) == worker
    return n


@pasted
def update_features(problem, step, buffers, scratch):
    """Step the rows of U and Û that this worker owns."""
    U, learned, memory = problem.state.U, problem.state.learned, problem.state.memory
    rate, cap = step.learning_rate, problem.norm_cap
    first = np.int64(0)
    for e in range(step.examples.shape[0]):
        indices, values = row_of(problem.rows, step.examples[e])
        if buffers.tally[e, VIOLATORS] > 0:
            n = owned_features(indices, step.worker, step.workers, scratch.owned)
            for t in scratch.owned[:n]:
                x = values[t] if factors_through_projection(problem.affinity) else np.float32(1)
                squared = np.float32(0)
                for j in range(U.shape[1]):
                    scratch.z[j] = x * (buffers.by_input[e, j] + buffers.by_feature[first + t, j])
                    squared += scratch.z[j] * scratch.z[j]
                step_row(U, problem.state.u_history, indices[t], scratch.z, squared, rate, cap)
                step_hat(learned.U_hat, memory.U_hat, indices[t], buffers.u_hat[first + t], rate, cap)
        first += indices.shape[0]


@pasted
def update_pairs(problem, step, buffers):
    """Step the pairs of the features whose rows of U this worker owns."""
    first, learned = np.int64(0), problem.state.learned
    for e in range(step.examples.shape[0]):
        indices, _ = row_of(problem.rows, step.examples[e])
        for feature in indices:
            if buffers.tally[e, VIOLATORS] > 0 and owner(feature, step.workers) == step.worker:
                step_pairs(learned, problem.state.memory, feature, buffers.by_pair, first, step.learning_rate)
            first += learned.indptr[feature + 1] - learned.indptr[feature]


@pasted
def update_share(problem, step, buffers, scratch):
    """Phase 2: step the rows of V, then of U, that this worker owns, and the parameters of the affinity.

    Where U and V are one matrix, a worker owns the same rows of both.
    """
    learned, memory = problem.state.learned, problem.state.memory
    step_labels(problem.side, problem, step, buffers, scratch)
    mark_inputs(problem.side, buffers, problem.rows, step.examples, step.start)
    update_features(problem, step, buffers, scratch)
    if learned.indptr.shape[0] > 0:
        update_pairs(problem, step, buffers)
    n = step.examples.shape[0]
    update_shared(buffers, n, learned, memory, step.learning_rate, problem.norm_cap, step.worker)
