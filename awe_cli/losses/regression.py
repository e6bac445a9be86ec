"""Regression: the squared error of an SVD-style model (AWE §2: collaborative filtering by U and V).

    ½ (f(x, y) − 1)² + Σ_{k ≤ n} ½ f(x, ȳ_k)²

The targets are 1 for a positive and 0 for all other labels. Of those, n are drawn for each positive, uniformly
from Y∖Y_x and with replacement, each of weight 1: n is how much the zeros count beside the ones. All zeros at
once would cost a pass over the labels for each example.
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
    """The loss's settings, as the kernels read them."""

    negatives: int  # n, zeros drawn for each positive


of_few_labels(Regression)


@implements(sides, Regression)
def _sides(loss):
    return 1 + loss.negatives


@implements(learn_positive, Regression)
def _learn_positive(
    loss,
    affinity,
    context,
    label,
    left_out,
    again,
    more,
    negatives,
    state,
    tag,
    scratch,
    scale,
    gradients,
    buffers,
    r,
    e,
):
    _approach(
        affinity, context, label, left_out, np.float32(1), scale, gradients, buffers, r, 0, scratch.tally
    )
    for side in range(1, 1 + loss.negatives):
        state, other = draw_negative(state, context.V.shape[0], scratch.drawn, tag, scratch.mark)
        _approach(
            affinity,
            context,
            other,
            left_out,
            np.float32(0),
            scale,
            gradients,
            buffers,
            r,
            side,
            scratch.tally,
        )
    if directions(affinity) == 1:
        write_direction(buffers, r, 0, context.z, gradients.v_hat)
    scratch.tally[TRIALS] += loss.negatives
    scratch.tally[VIOLATORS] += 1
    return state


@inlined
def _approach(affinity, context, label, left_out, target, scale, gradients, buffers, r, side, tally):
    """Write down scale · ∂ ½ (f − target)² of one label."""
    error = score(affinity, context, label, left_out) - target
    buffers.labels[r, side] = label
    buffers.steps[r, side] = descend(affinity, context, label, left_out, scale * error, gradients)
    if directions(affinity) == 2:
        write_direction(buffers, r, side, gradients.v, gradients.v_hat)
    tally[LOSS] += 0.5 * scale * error * error
