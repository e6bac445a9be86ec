"""Passive-aggressive steps on pairs of a positive and a negative, as compiled code."""

from __future__ import annotations

from awe_cli.core.dispatch import inlined, kernel
from awe_cli.core.objective import draw_negative
from awe_cli.core.rng import stream


@inlined
def _product(w, indices, values, start, stop, hole):
    """w·x without the feature `hole`."""
    total = 0.0
    for entry in range(start, stop):
        if indices[entry] != hole:
            total += w[indices[entry]] * values[entry]
    return total


@inlined
def _step(w, indices, values, start, stop, hole, step):
    """w ← w + step · x without the feature `hole`."""
    for entry in range(start, stop):
        if indices[entry] != hole:
            w[indices[entry]] += step * values[entry]


@kernel
def learn_pass(
    indptr, indices, values, squared, p_indptr, p_indices, order, C, max_trials, weights, own, seed, epoch, mark, W
):  # fmt: skip
    """Take W (labels, features) through one pass over the examples.

    squared     (n,) ‖x‖²; p_indptr, p_indices: the positives of each example; order (n,) of the examples
    max_trials  draws before a positive counts as well ranked
    weights     (labels + 1,) the weight of a violator by the estimated rank of its positive
    own         whether the feature y is left out of x where label y is the positive
    mark        (labels,) int32, below 0: the example that a label was last a positive of
    """
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
        state = stream(seed, epoch, e)
        for p in range(first, last):
            label = p_indices[p]
            hole, length = -1, squared[e]
            if own:
                hole = label
                for entry in range(start, stop):
                    if indices[entry] == hole:
                        length -= values[entry] * values[entry]
            if length <= 1e-12:
                continue
            wanted = _product(W[label], indices, values, start, stop, hole)
            for n in range(1, max_trials + 1):
                state, negative = draw_negative(state, n_labels, everything, e, mark)
                loss = 1.0 - wanted + _product(W[negative], indices, values, start, stop, hole)
                if loss > 0:
                    step = min(C * weights[max(1, negatives // n)], loss / (2.0 * length))
                    _step(W[label], indices, values, start, stop, hole, step)
                    _step(W[negative], indices, values, start, stop, hole, -step)
                    break
