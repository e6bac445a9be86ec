"""Coordinate steps on the dual of a linear support vector machine, as compiled code."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe_cli.baselines.pairwise_steps import add, product
from awe_cli.core.dispatch import kernel
from awe_cli.core.rng import below, stream

# Algorithm 3 of Hsieh et al. 2008, with shrinking. With s = 1 where an example has the label and −1 where not, and
# D = 1/(2C), each example in turn, in an order drawn for each pass:
#
#     g = s w·x − 1 + D a,   a' = max(0, a − g / (‖x‖² + D)),   w ← w + (a' − a) s x
#
# The projected gradient is g, but min(g, 0) where a = 0; at the minimum it is 0 for all examples. One with a = 0 whose
# g is above all projected gradients of the pass before is left out of the next passes, until these have ended.

_SEED = 0  # of the order of the examples


class Svm(NamedTuple):
    """What is minimised, and when that has ended."""

    C: float  # the weight of the losses
    passes: int  # the most over the examples
    tolerance: float  # the greatest difference between projected gradients at the end


class Dual(NamedTuple):
    """Room to work in."""

    a: NDArray[np.float64]  # (n,) the weight of each example
    order: NDArray[np.int64]  # (n,) of the examples


@kernel
def learn_svm(x, has, svm, label, left_out, dual, w):
    """Take w (features,) from zeros to the weights of one label; return the difference between projected
    gradients at the end, above the tolerance where the passes did not do.

    x         `Inputs`
    has       (n,) whether an example has the label
    svm       `Svm`
    label     sets the order of the examples
    left_out  the feature that is left out of every x; -1: none
    dual      `Dual`
    """
    indptr, indices, values, squared = x
    a, order = dual
    n = len(squared)
    D = 0.5 / svm.C
    for e in range(n):
        a[e], order[e] = 0.0, e
    active, bound, gap = n, np.inf, np.inf
    for epoch in range(svm.passes):
        greatest, least, next_of = -np.inf, np.inf, 0
        state = stream(_SEED, epoch, label)
        for place in range(active - 1, 0, -1):
            state = stream(state, epoch, place)
            other = below(state, place + 1)
            order[place], order[other] = order[other], order[place]
        for place in range(active):
            e = order[place]
            start, stop = indptr[e], indptr[e + 1]
            sign = 1.0 if has[e] else -1.0
            g = sign * product(w, indices, values, start, stop, left_out) - 1.0 + D * a[e]
            if a[e] == 0.0 and g > bound:
                continue  # shrunk
            order[place], order[next_of] = order[next_of], e
            next_of += 1
            projected = min(g, 0.0) if a[e] == 0.0 else g
            greatest, least = max(greatest, projected), min(least, projected)
            if abs(projected) > 1e-12:
                length = squared[e]
                if left_out >= 0:
                    for entry in range(start, stop):
                        if indices[entry] == left_out:
                            length -= values[entry] * values[entry]
                moved = max(0.0, a[e] - g / (length + D))
                add(w, indices, values, start, stop, left_out, np.float32((moved - a[e]) * sign))
                a[e] = moved
        whole = active == n
        active = next_of
        gap = greatest - least
        if gap <= svm.tolerance:
            if whole:
                break
            active, bound = n, np.inf  # look at the examples that were left out once more
        else:
            bound = greatest if greatest > 0 else np.inf
    return gap
