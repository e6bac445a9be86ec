"""Coordinate steps on the dual of a linear support vector machine, as compiled code."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe_cli.baselines.pairwise_steps import add, product
from awe_cli.core.dispatch import inlined, kernel
from awe_cli.core.rng import below, stream

# Algorithm 3 of Hsieh et al. 2008, with shrinking. With s = 1 where an example has the label and −1 where not, and
# D = 1/(2C), each example in turn, in an order drawn for each pass:
#
#     g = s w·x − 1 + D a,   a' = max(0, a − g / (‖x‖² + D)),   w ← w + (a' − a) s x
#
# The projected gradient is g, but min(g, 0) where a = 0; at the minimum it is 0 for all examples. One with a = 0 whose
# g is above all projected gradients of the pass before is left out of the next passes. When what is left has come to
# the minimum, all examples are looked at once more.

_SEED = 0  # of the order of the examples
_NOTHING = 1e-12  # a gradient that moves nothing


class Svm(NamedTuple):
    """What is minimised, and when that has ended."""

    C: float  # the weight of the losses
    passes: int  # the most over the examples
    tolerance: float  # the greatest difference between projected gradients at the end


class Dual(NamedTuple):
    """Room to work in."""

    a: NDArray[np.float64]  # (n,) the weight of each example
    order: NDArray[np.int64]  # (n,) of the examples


@inlined
def _gradient(x, e, has, D, left_out, a, w):
    """g of the example e."""
    sign = 1.0 if has[e] else -1.0
    return sign * product(w, x.indices, x.values, x.indptr[e], x.indptr[e + 1], left_out) - 1.0 + D * a[e]


@inlined
def _projected(g, a):
    """The projected gradient."""
    return min(g, 0.0) if a == 0.0 else g


@inlined
def _length(indices, values, start, stop, left_out):
    """‖x‖² without the feature `left_out`, summed without it: to subtract it would lose the rest beside a large one."""
    total = 0.0
    for entry in range(start, stop):
        if indices[entry] != left_out:
            total += values[entry] * values[entry]
    return total


@kernel
def learn_svm(x, has, svm, label, left_out, dual, w):
    """Take w (features,) from zeros to the weights of one label; return the difference between the projected
    gradients of all examples at the end.

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
    active, bound = n, np.inf
    for epoch in range(svm.passes):
        # 0 is among them: examples that are left out have it.
        greatest, least, next_of = 0.0, 0.0, 0
        state = stream(_SEED, epoch, label)
        for place in range(active - 1, 0, -1):
            state = stream(state, epoch, place)
            other = below(state, place + 1)
            order[place], order[other] = order[other], order[place]
        for place in range(active):
            e = order[place]
            g = _gradient(x, e, has, D, left_out, a, w)
            if a[e] == 0.0 and g > bound:
                continue
            order[place], order[next_of] = order[next_of], e
            next_of += 1
            projected = _projected(g, a[e])
            greatest, least = max(greatest, projected), min(least, projected)
            if abs(projected) > _NOTHING:
                start, stop, sign = indptr[e], indptr[e + 1], 1.0 if has[e] else -1.0
                length = squared[e] if left_out < 0 else _length(indices, values, start, stop, left_out)
                moved = max(0.0, a[e] - g / (length + D))
                add(w, indices, values, start, stop, left_out, np.float32((moved - a[e]) * sign))
                a[e] = moved
        began_whole = active == n
        active = next_of
        if greatest - least > svm.tolerance:
            bound = greatest if greatest > 0 else np.inf
        elif began_whole:
            return greatest - least
        else:
            active, bound = n, np.inf
    greatest, least = 0.0, 0.0
    for e in range(n):
        projected = _projected(_gradient(x, e, has, D, left_out, a, w), a[e])
        greatest, least = max(greatest, projected), min(least, projected)
    return greatest - least
