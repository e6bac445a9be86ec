"""What a loss has to say to be learned from: the stubs that the training loop calls, and what losses share.

A loss is a `NamedTuple` type, like an affinity. A block's records are rows of `Block.labels`: each names the
labels whose rows of V are to be stepped, one a *side*.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe_cli.core.dispatch import implements, inlined, stub
from awe_cli.core.interface import directions, gradient, upper_bound
from awe_cli.core.pairs import Chains
from awe_cli.core.rng import below, mix
from awe_cli.core.sums import Sums

# What a tally counts: the sum of the loss, positives that asked for a step, scores of others that were looked at.
LOSS, VIOLATORS, TRIALS = 0, 1, 2


class Block(NamedTuple):
    """What the examples of a block write down: gradients by row, and figures for the report."""

    labels: NDArray[np.int32]  # (records, sides) the labels to step, -1 in the first where there are none
    steps: NDArray[np.float32]  # (records, sides) gradients by V of these: steps[r, side] · by_label[r, side]
    by_label: NDArray[np.float32]  # (records, 1 or sides, d) their directions, one for all or one each
    by_input: NDArray[np.float32]  # (B, d) gradient by Ux, for affinities of the input as a whole
    by_feature: NDArray[np.float32]  # (features, d) more of it, before x_i multiplies both; else ∂/∂U_i
    by_shared: NDArray[np.float32]  # (B, rows, width) gradient by the affinity's shared numbers
    u_hat: NDArray[np.float32]  # (features, e) by Û
    v_hat: NDArray[np.float32]  # (records, 1 or sides, e) by V̂, as by_label
    by_pair: NDArray[np.float32]  # by θ, of the pairs of each example's features in turn
    sums: Sums  # by rows of V and V̂, where features describe labels
    ux: NDArray[np.float32]  # (B, d) Ux of each example, where scores are screened
    score_bound: NDArray[np.float32]  # (B, labels) Ux·V_y, or (0, labels) where they are not
    tally: NDArray[np.float64]  # (B, 3) what each example's positives showed, as in Room


class ThreadScratch(NamedTuple):
    """Room for one worker, in lines of memory that no other worker touches."""

    ux: NDArray[np.float32]  # (d,) Ux of the example
    z: NDArray[np.float32]  # (d,) Ux without the target
    by_z: NDArray[np.float32]  # (d,) gradient by Ux of one positive
    by_v: NDArray[np.float32]  # (d,) gradient by V of one label
    v_hat: NDArray[np.float32]  # (e,) gradient by V̂ of one label
    by_vj: NDArray[
        np.float32
    ]  # (d,) and (e,) the same of one label feature; where labels are one-hot, these two
    vj_hat: NDArray[np.float32]
    slot: NDArray[
        np.int32
    ]  # (label features,) which of the example's sums is a row's; (0,) for one-hot labels
    chains: Chains  # of an example's pairs; of no size where an affinity has none
    g: NDArray[np.float32]  # (labels,) or (0,)
    features: NDArray[np.float32]  # (longest row,) one number a feature
    mark: NDArray[np.int32]  # (labels,) the stamp of the last example that had it as a positive
    drawn: NDArray[np.int32]  # (m,) the labels that may be negatives, ascending; (0,) where all may
    load: NDArray[np.int64]  # (workers,) positives given to each worker
    mine: NDArray[np.int64]  # (B,) places in the block of the worker's own examples
    owned: NDArray[np.int64]  # (records · sides + 1 or more,) where the rows are that the worker steps
    tally: NDArray[np.float64]  # (3,) LOSS, VIOLATORS and TRIALS, summed over an example's positives
    scores: NDArray[np.float32]  # (labels,) f of every label, or (0,) for losses that do not look at all
    slots: NDArray[np.int32]  # (labels + 1,) which of the example's records is a label's, or (0,)


@stub
def sides(loss):
    """How many labels a record names."""
    raise NotImplementedError(type(loss).__name__)


@stub
def scores_all(loss):
    """True where every label is scored for each positive: records are then labels, else positives."""
    raise NotImplementedError(type(loss).__name__)


@stub
def uses_bounds(loss):
    """True where a score that is screened need not be known exactly if it is low."""
    raise NotImplementedError(type(loss).__name__)


class Positive(NamedTuple):
    """One positive y of an example, as a loss sees it."""

    label: np.int64
    left_out: int  # position in the example of the feature left out of x, or -1
    same_input: bool  # whether x and G are those of the example's positive before
    error_bound: np.float32  # the most by which a score can exceed its bound, for losses that use bounds
    n_negatives: int  # how many labels are none of the example's positives
    tag: int  # what `ThreadScratch.mark` holds for the example's positives
    scale: np.float32  # what the loss is multiplied by
    record: int  # of this positive in the block (where records are labels: the example's first)
    position: int  # of the example in the block


@stub
def learn_positive(loss, affinity, context, positive, draws, scratch, gradients, buffers):
    """One positive: write down the steps that the loss asks for; return the state of the random numbers.

    draws  that state before

    It adds to scratch.tally: 1 to VIOLATORS where it asks for a step.
    """
    raise NotImplementedError(type(loss).__name__)


def of_few_labels(*types: type, bounded: bool = False) -> None:
    """Declare losses that draw negatives: a record a positive.

    bounded  most draws only have to be shown to score low, which a bound on the score does
    """
    implements(scores_all, *types)(_no)
    implements(uses_bounds, *types)(_yes if bounded else _no)


def _no(loss):
    return False


def _yes(loss):
    return True


@inlined
def n_records(loss, positives, V):
    """How many records belong to an example; V has a row for each label."""
    return V.shape[0] if scores_all(loss) else positives


@inlined
def n_candidates(drawn, n_labels):
    """How many labels are positives or may be negatives; `drawn` (m,) names them, or is empty for all."""
    return drawn.shape[0] if drawn.shape[0] > 0 else n_labels


@inlined
def candidate(drawn, place):
    """The label at a place in 0 … n_candidates-1."""
    return np.int64(drawn[place]) if drawn.shape[0] > 0 else np.int64(place)


@inlined
def draw_negative(state, n_labels, drawn, tag, mark):
    """The next candidate that is not a positive (those bear the stamp), and the state after it."""
    n = n_candidates(drawn, n_labels)
    while True:
        state = mix(state)
        label = candidate(drawn, below(state, n))
        if mark[label] != tag:
            return state, label


@inlined
def bound_excludes(affinity, context, label, positive, score_bound, least):
    """Whether the bound on the score shows that f stays below `least`, what would violate the margin."""
    return (
        score_bound.shape[0] > 0
        and upper_bound(
            affinity, score_bound[positive.position, label] + positive.error_bound, context, label
        )
        <= least
    )


@inlined
def descend(affinity, context, label, left_out, weight, gradients):
    """`gradient` of one label, from slopes by V that are zeros."""
    if directions(affinity) == 2:
        gradients.v[:] = 0
        gradients.v_hat[:] = 0
    return gradient(affinity, context, label, left_out, weight, gradients)


@inlined
def write_direction(buffers, r, side, direction, v_hat):
    """Keep the direction of a gradient by V, and the gradient by V̂, for the second phase."""
    for j in range(direction.shape[0]):
        buffers.by_label[r, side, j] = direction[j]
    for j in range(v_hat.shape[0]):
        buffers.v_hat[r, side, j] = v_hat[j]


@inlined
def push_apart(affinity, context, positive, negative, weight, gradients, buffers):
    """Write down weight · ∂(f(x, negative) − f(x, positive)) as the positive's record."""
    r = positive.record
    buffers.labels[r, 0] = positive.label
    buffers.labels[r, 1] = negative
    buffers.steps[r, 0] = descend(affinity, context, positive.label, positive.left_out, -weight, gradients)
    write_direction(buffers, r, 0, context.z if directions(affinity) == 1 else gradients.v, gradients.v_hat)
    buffers.steps[r, 1] = descend(affinity, context, negative, positive.left_out, weight, gradients)
    if directions(affinity) == 2:
        write_direction(buffers, r, 1, gradients.v, gradients.v_hat)
