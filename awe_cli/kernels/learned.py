"""What an affinity has of its own beside U and V, and what AdaGrad remembers of it.

Four kinds of numbers, each with the gradient that an example writes down and the owner that takes the step:

    shared rows     a few numbers that every example sees      the first worker, example after example
    Û (features,)   own factors of the features                the owner of the feature's row of U
    V̂ (labels,)     own factors of labels, or their features   the owner of that row of V
    pairs θ_ij      a number for some (feature, label)         the owner of the feature's row of U

All are stepped as rows of U and V are: AdaGrad with one accumulator a row, the norm of a row capped. A pair's θ is
a row by itself, and is not capped.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe_cli.kernels.dispatch import inlined


class Learned(NamedTuple):
    """The numbers; of width 0 where an affinity has none of a kind."""

    shared: NDArray[np.float32]  # (rows, width)
    U_hat: NDArray[np.float32]  # (features, e) Û
    V_hat: NDArray[np.float32]  # (labels, e) V̂; of features of labels where the affinity looks at those
    indptr: NDArray[np.int64]  # (features + 1,) where a feature's pairs begin; (0,) where there are none
    labels: NDArray[np.int32]  # (pairs,) j, a row of V, ascending within a feature
    pairs: NDArray[np.float32]  # (pairs,) θ


class Memory(NamedTuple):
    """AdaGrad's accumulators of the same."""

    shared: NDArray[np.float32]  # (rows,)
    U_hat: NDArray[np.float32]  # (features,)
    V_hat: NDArray[np.float32]  # (labels,)
    pairs: NDArray[np.float32]  # (pairs,)


def _none(*shape: int) -> NDArray[np.float32]:
    return np.zeros(shape, np.float32)


NOTHING = Learned(
    _none(0, 0), _none(0, 0), _none(0, 0), np.zeros(0, np.int64), np.zeros(0, np.int32), _none(0)
)


def fresh_memory(learned: Learned) -> Memory:
    """The accumulators of numbers that have not been stepped yet."""
    return Memory(*(_none(len(numbers)) for numbers in (learned[0], learned[1], learned[2], learned[5])))


@inlined
def pair_room(learned, indices):
    """How many pairs the features of an example have together."""
    total = np.int64(0)
    if learned.indptr.shape[0] > 0:
        for t in range(indices.shape[0]):
            total += learned.indptr[indices[t] + 1] - learned.indptr[indices[t]]
    return total
