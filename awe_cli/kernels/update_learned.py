"""The second phase for what an affinity has of its own: the owners of kernels/learned.py take their steps.

Each number is stepped by one worker, in the order of the examples, as rows of U and V are.
"""

from __future__ import annotations

import numpy as np

from awe_cli.kernels.dispatch import inlined
from awe_cli.kernels.objective import VIOLATORS

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


@inlined
def step_hat(matrix, history, row, gradient, rate, cap):
    """The same for a row of Û, V̂ or the shared numbers, of any width, none too."""
    if matrix.shape[1] > 0:
        squared = np.float32(0)
        for j in range(matrix.shape[1]):
            squared += gradient[j] * gradient[j]
        if squared != 0:
            step_row(matrix, history, row, gradient, squared, rate, cap)


@inlined
def step_pairs(learned, memory, feature, gradients, first, rate):
    """Every θ of one feature whose gradient is not 0: θ −= rate · g/√h after h += g²; these begin at `first`."""
    start = learned.indptr[feature]
    for p in range(start, learned.indptr[feature + 1]):
        g = gradients[first + p - start]
        if g != 0:
            memory.pairs[p] += g * g
            learned.pairs[p] -= np.float32(rate / np.sqrt(memory.pairs[p] + _TINY)) * g


@inlined
def update_shared(into, n_examples, learned, memory, rate, cap, worker):
    """The shared numbers, which are the first worker's."""
    if worker == 0 and learned.shared.shape[0] > 0:
        for e in range(n_examples):
            if into.tally[e, VIOLATORS] > 0:
                for row in range(learned.shared.shape[0]):
                    step_hat(learned.shared, memory.shared, row, into.by_shared[e, row], rate, cap)
