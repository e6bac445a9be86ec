"""Regression: the squared error of an SVD-style model (AWE §2: collaborative filtering by U and V).

    ½ (f(x, y) − 1)² + Σ_{k ≤ n} ½ f(x, ȳ_k)²

The targets are 1 for a positive and 0 for all other labels. For each positive n of these are drawn, uniformly from
Y∖Y_x with replacement and of weight 1: n is the weight of the zeros relative to the ones. Using all zeros would cost a
pass over the labels for each example.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from awe_cli.core.dispatch import implements, inlined
from awe_cli.core.interface import directions, score
from awe_cli.core.objective import (
    LOSS,
    TRIALS,
    VIOLATORS,
    descend,
    draw_negative,
    learn_positive,
    of_few_labels,
    sides,
    write_direction,
)


class Regression(NamedTuple):
    """The settings of the loss, as kernels read them."""

    negatives: int  # n, zeros drawn for each positive


of_few_labels(Regression)


@implements(sides, Regression)
def _sides(loss):
    return 1 + loss.negatives


@implements(learn_positive, Regression)
def _learn_positive(loss, affinity, context, positive, draws, scratch, gradients, buffers):
    tally = scratch.tally
    tally[LOSS] += _approach(
        affinity, context, positive, positive.label, np.float32(1), 0, gradients, buffers
    )
    for side in range(1, 1 + loss.negatives):
        draws, other = draw_negative(draws, context.V.shape[0], scratch.drawn, positive.tag, scratch.mark)
        tally[LOSS] += _approach(affinity, context, positive, other, np.float32(0), side, gradients, buffers)
    if directions(affinity) == 1:
        write_direction(buffers, positive.record, 0, context.z, gradients.v_hat)
    tally[TRIALS] += loss.negatives
    tally[VIOLATORS] += 1
    return draws


@inlined
def _approach(affinity, context, positive, label, target, side, gradients, buffers):
    """Write scale · ∂ ½ (f − target)² of one label to a side of the positive's record; return the loss."""
    r, scale = positive.record, positive.scale
    error = score(affinity, context, label, positive.left_out) - target
    buffers.labels[r, side] = label
    buffers.steps[r, side] = descend(affinity, context, label, positive.left_out, scale * error, gradients)
    if directions(affinity) == 2:
        write_direction(buffers, r, side, gradients.v, gradients.v_hat)
    return 0.5 * scale * error * error
