"""Passive-aggressive steps on pairs of a positive and a negative, as compiled code."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe_cli.core.dispatch import inlined, kernel
from awe_cli.core.objective import draw_negative
from awe_cli.core.rng import stream


@inlined
def product(w, indices, values, start, stop, left_out):
    """w·x without the feature `left_out`."""
    total = 0.0
    for entry in range(start, stop):
        if indices[entry] != left_out:
            total += w[indices[entry]] * values[entry]
    return total


@inlined
def add(w, indices, values, start, stop, left_out, step):
    """w ← w + step · x without the feature `left_out`."""
    for entry in range(start, stop):
        if indices[entry] != left_out:
            w[indices[entry]] += step * values[entry]


class PairwiseLoss(NamedTuple):
    """The loss of a step, and the sampling of negatives."""

    C: float  # the longest step of weight 1
    max_trials: int  # negatives that are sampled before a positive is given up as correctly ranked
    weights: NDArray[np.float32]  # (labels + 1,) L by the estimated rank of the positive
    leave_out: bool  # whether the feature y is left out of x where label y is the positive
    seed: int


@kernel
def learn_pass(x, positives, loss, order, epoch, mark, W):
    """Take W (labels, features) through one pass over the examples.

    x          `Inputs`
    positives  the labels of each example, as `Lists`
    order      (n,) of the examples
    mark       (labels,) int32, below 0: the example that a label was last a positive of
    """
    indptr, indices, values, squared = x
    p_indptr, p_indices = positives
    n_labels, everything = W.shape[0], mark[:0]
    for place in range(order.shape[0]):
        e = order[place]
        start, stop = indptr[e], indptr[e + 1]
        first, last = p_indptr[e], p_indptr[e + 1]
        negatives = n_labels - (last - first)
        if negatives == 0:
            continue
        for p in range(first, last):
            mark[p_indices[p]] = e
        state = stream(loss.seed, epoch, e)
        for p in range(first, last):
            label = p_indices[p]
            left_out, length = -1, squared[e]
            if loss.leave_out:
                left_out = label
                for entry in range(start, stop):
                    if indices[entry] == left_out:
                        length -= values[entry] * values[entry]
            if length <= 1e-12:
                continue
            wanted = product(W[label], indices, values, start, stop, left_out)
            for n in range(1, loss.max_trials + 1):
                state, negative = draw_negative(state, n_labels, everything, e, mark)
                violation = 1.0 - wanted + product(W[negative], indices, values, start, stop, left_out)
                if violation > 0:
                    step = min(loss.C * loss.weights[max(1, negatives // n)], violation / (2.0 * length))
                    add(W[label], indices, values, start, stop, left_out, step)
                    add(W[negative], indices, values, start, stop, left_out, -step)
                    break
