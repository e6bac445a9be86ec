"""The interface of a loss: the functions that the training loop calls, as stubs, and code that losses share.

A loss is a `NamedTuple` type, like an affinity. The records of a block are the rows of `Block.labels`. Each lists the
labels whose rows of V are to be stepped, one a *side*.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe_cli.core.arrays import Floats
from awe_cli.core.dispatch import implements, inlined, stub
from awe_cli.core.interface import directions, gradient, upper_bound
from awe_cli.core.pairs import Chains
from awe_cli.core.rng import below, mix
from awe_cli.core.sums import Sums

# The entries of a tally: the summed loss, the positives with a violator, the scores of negatives that were compared.
LOSS, VIOLATORS, TRIALS = 0, 1, 2


class Block(NamedTuple):
    """The buffers of a block: the gradients of its examples, and figures for the report."""

    labels: NDArray[np.int32]  # (records, sides) the labels to step, -1 in the first where there are none
    steps: Floats  # (records, sides) gradients by V of these: steps[r, side] · by_label[r, side]
    by_label: Floats  # (records, 1 or sides, d) their directions, one for all or one each
    by_input: Floats  # (B, d) gradient by Ux, where f factors through Ux
    by_feature: Floats  # (features, d) the part of single features, before x_i multiplies both; else ∂/∂U_i
    by_shared: Floats  # (B, rows, width) gradient by the affinity's shared rows
    u_hat: Floats  # (features, e) by Û
    v_hat: Floats  # (records, 1 or sides, e) by V̂, as by_label
    by_pair: Floats  # (pairs,) by θ of the pairs of each example's features, example after example
    sums: Sums  # by rows of V and V̂, where features describe labels
    ux: Floats  # (B, d) Ux of each example, where score bounds are used; else (0, d)
    score_bound: Floats  # (B, labels) Ux·V_y, likewise
    tally: NDArray[np.float64]  # (B, 3) LOSS, VIOLATORS and TRIALS, summed over each example's positives


class ThreadScratch(NamedTuple):
    """Temporary arrays of one worker, in cache lines that no other worker touches."""

    ux: Floats  # (d,) Ux of the example
    z: Floats  # (d,) Ux without the target
    by_z: Floats  # (d,) gradient by Ux of one positive
    by_v: Floats  # (d,) gradient by V of one label
    v_hat: Floats  # (e,) gradient by V̂ of one label
    by_vj: Floats  # (d,) gradient by V_j of one label feature; by_v itself for one-hot labels
    vj_hat: Floats  # (e,) gradient by V̂_j of one label feature; v_hat itself for one-hot labels
    slot: NDArray[np.int32]  # (label features,) the sum of each row of V; (0,) for one-hot labels
    chains: Chains  # of an example's pairs; of no size where an affinity has none
    g: Floats  # (labels,) or (0,)
    features: Floats  # (longest row,) one number a feature
    mark: NDArray[np.int32]  # (labels,) the tag of the last example that had the label as a positive
    drawn: NDArray[np.int32]  # (m,) the labels that may be negatives, ascending; (0,) where all may
    load: NDArray[np.int64]  # (workers,) positives given to each worker
    mine: NDArray[np.int64]  # (B,) positions in the block of the worker's examples
    owned: NDArray[np.int64]  # (records · sides + 1 or more,) positions of the worker's gradients
    tally: NDArray[np.float64]  # (3,) LOSS, VIOLATORS and TRIALS, summed over an example's positives
    scores: Floats  # (labels,) f of every label; (0,) for losses that do not score all
    slots: NDArray[np.int32]  # (labels + 1,) the record of each label, among those of the example; or (0,)


@stub
def sides(loss):
    """The number of labels in a record."""
    raise NotImplementedError(type(loss).__name__)


@stub
def scores_all(loss):
    """True where every label is scored for each positive: there is then a record for each label, else each positive."""
    raise NotImplementedError(type(loss).__name__)


@stub
def uses_bounds(loss):
    """True where a negative whose score bound is low need not be scored exactly."""
    raise NotImplementedError(type(loss).__name__)


class Positive(NamedTuple):
    """One positive y of an example, as a loss receives it."""

    label: np.int64
    left_out: int  # position in the example of the feature left out of x, or -1
    same_input: bool  # whether x and G are those of the example's previous positive
    error_bound: np.float32  # the most by which a score can exceed its bound; 0 for losses without bounds
    n_negatives: int  # the number of labels that are no positives of the example
    tag: int  # the value of `ThreadScratch.mark` for the example's positives
    scale: np.float32  # factor of the loss
    record: int  # index of its record in the block (for losses that score all labels, the example's first)
    position: int  # of the example in the block


@stub
def learn_positive(loss, affinity, context, positive, draws, scratch, gradients, buffers):
    """Write the gradients of the loss of one positive to the buffers; return the new state of the random numbers.

    draws  the state of the random numbers

    It adds to scratch.tally, 1 to VIOLATORS where there is a step.
    """
    raise NotImplementedError(type(loss).__name__)


def of_few_labels(*types: type, bounded: bool = False) -> None:
    """Declare losses that draw negatives: they have one record for each positive.

    bounded  whether a bound on the score can exclude a draw
    """
    implements(scores_all, *types)(_no)
    implements(uses_bounds, *types)(_yes if bounded else _no)


def _no(loss):
    return False


def _yes(loss):
    return True


@inlined
def n_records(loss, positives, V):
    """The number of records of an example; V has a row for each label."""
    return V.shape[0] if scores_all(loss) else positives


@inlined
def n_candidates(drawn, n_labels):
    """The number of labels that are positives or may be negatives: those in `drawn` (m,), or all where it is empty."""
    return drawn.shape[0] if drawn.shape[0] > 0 else n_labels


@inlined
def candidate(drawn, place):
    """The label at a position in 0 … n_candidates-1."""
    return np.int64(drawn[place]) if drawn.shape[0] > 0 else np.int64(place)


@inlined
def draw_negative(state, n_labels, drawn, tag, mark):
    """The new state, and the next candidate that is not a positive; the marks of positives equal `tag`."""
    n = n_candidates(drawn, n_labels)
    while True:
        state = mix(state)
        label = candidate(drawn, below(state, n))
        if mark[label] != tag:
            return state, label


@inlined
def bound_excludes(affinity, context, label, positive, score_bound, least):
    """Whether the bound on the score shows that f is at most `least`, so that the label is no violator."""
    return (
        score_bound.shape[0] > 0
        and upper_bound(
            affinity, score_bound[positive.position, label] + positive.error_bound, context, label
        )
        <= least
    )


@inlined
def descend(affinity, context, label, left_out, weight, gradients):
    """`gradient` of one label, with the gradients by V cleared before."""
    if directions(affinity) == 2:
        gradients.v[:] = 0
        gradients.v_hat[:] = 0
    return gradient(affinity, context, label, left_out, weight, gradients)


@inlined
def write_direction(buffers, r, side, direction, v_hat):
    """Write the direction of a gradient by V, and the gradient by V̂, to the buffers."""
    for j in range(direction.shape[0]):
        buffers.by_label[r, side, j] = direction[j]
    for j in range(v_hat.shape[0]):
        buffers.v_hat[r, side, j] = v_hat[j]


@inlined
def push_apart(affinity, context, positive, negative, weight, gradients, buffers):
    """Write weight · ∂(f(x, negative) − f(x, positive)) to the positive's record."""
    r = positive.record
    buffers.labels[r, 0] = positive.label
    buffers.labels[r, 1] = negative
    buffers.steps[r, 0] = descend(affinity, context, positive.label, positive.left_out, -weight, gradients)
    write_direction(buffers, r, 0, context.z if directions(affinity) == 1 else gradients.v, gradients.v_hat)
    buffers.steps[r, 1] = descend(affinity, context, negative, positive.left_out, weight, gradients)
    if directions(affinity) == 2:
        write_direction(buffers, r, 1, gradients.v, gradients.v_hat)
