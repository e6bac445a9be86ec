"""OWPC: ordered weighted pairwise classification (Usunier et al. 2009; WSABIE §3, eq. 6–8).

    L(r) / r · Σ_{ȳ ∈ violators} max(0, γ + f(x, ȳ) − f(x, y)),    r = |violators|

The violators are all ȳ of Y∖Y_x with γ + f(x, ȳ) > f(x, y). Their number is the exact margin-penalized rank, which
WARP estimates. All labels are scored for each positive. An example's gradients by a label are summed over its
positives, so that an example has one record for each label.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe_cli.core.dispatch import implements, inlined
from awe_cli.core.interface import directions, score
from awe_cli.core.objective import (
    LOSS,
    TRIALS,
    VIOLATORS,
    candidate,
    descend,
    learn_positive,
    n_candidates,
    scores_all,
    sides,
    uses_bounds,
)


class Owpc(NamedTuple):
    """The settings of the loss, as kernels read them."""

    margin: float  # γ, in units of f
    weights: NDArray[np.float32]  # (labels + 1,) L(0) … L(labels)


@implements(sides, Owpc)
def _sides(loss):
    return 1


@implements(scores_all, Owpc)
def _scores_all(loss):
    return True


@implements(uses_bounds, Owpc)
def _uses_bounds(loss):
    return False


@implements(learn_positive, Owpc)
def _learn_positive(loss, affinity, context, positive, draws, scratch, gradients, buffers):
    label, n_candidate_labels = positive.label, n_candidates(scratch.drawn, context.V.shape[0])
    if not positive.same_input:
        for place in range(n_candidate_labels):
            y = candidate(scratch.drawn, place)
            scratch.scores[y] = score(affinity, context, y, positive.left_out)
    bar = scratch.scores[label] - loss.margin
    rank, total = 0, 0.0
    for place in range(n_candidate_labels):
        y = candidate(scratch.drawn, place)
        # true for NaN as well, so that it shows in the loss
        if scratch.mark[y] != positive.tag and not scratch.scores[y] <= bar:
            rank += 1
            total += scratch.scores[y] - bar
    scratch.tally[TRIALS] += positive.n_negatives
    if rank > 0:
        weight = np.float32(positive.scale * loss.weights[rank] / rank)
        for place in range(n_candidate_labels):
            y = candidate(scratch.drawn, place)
            if scratch.mark[y] != positive.tag and not scratch.scores[y] <= bar:
                _add(affinity, context, positive, y, weight, gradients, buffers, scratch.slots)
        _add(affinity, context, positive, label, -weight * rank, gradients, buffers, scratch.slots)
        scratch.tally[LOSS] += weight * total
        scratch.tally[VIOLATORS] += 1
    return draws


@inlined
def _add(affinity, context, positive, label, weight, gradients, buffers, slots):
    """Add weight · ∂f(x, label) to the example's record of this label, which is created at first use."""
    step = np.float32(descend(affinity, context, label, positive.left_out, weight, gradients))
    record = _record(buffers, positive.record, label, slots)
    for j in range(context.z.shape[0]):
        along = context.z[j] if directions(affinity) == 1 else gradients.v[j]
        buffers.by_label[record, 0, j] += step * along
    for j in range(gradients.v_hat.shape[0]):
        buffers.v_hat[record, 0, j] += gradients.v_hat[j]


@inlined
def _record(buffers, first, label, slots):
    """The index of the record of a label, which is cleared if it is new.

    `slots` may hold values of another example: a slot counts only if its record has this label. The last entry of
    `slots` is the number of records of the example so far.
    """
    slot = slots[label]
    if buffers.labels[first + slot, 0] == label:
        return first + slot
    slot = 0 if buffers.labels[first, 0] < 0 else slots[-1]
    slots[label], slots[-1] = slot, slot + 1
    buffers.labels[first + slot, 0] = label
    buffers.steps[first + slot, 0] = 1
    buffers.by_label[first + slot, 0, :] = 0
    buffers.v_hat[first + slot, 0, :] = 0
    return first + slot
