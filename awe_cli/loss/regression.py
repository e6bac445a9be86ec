"""Regression: the squared error of an SVD-style model (AWE §2: collaborative filtering by U and V).

    ½ (f(x, y) − 1)² + Σ_{k ≤ n} ½ f(x, ȳ_k)²

The targets are 1 for a positive and 0 for all other labels. Of those, n are drawn for each positive, uniformly
from Y∖Y_x and with replacement, each of weight 1: n is how much the zeros count beside the ones. All zeros at
once would cost a pass over the labels for each example.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from awe_cli.kernels.dispatch import implements, inlined
from awe_cli.kernels.interface import directions, score
from awe_cli.kernels.objective import (
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
    loss, affinity, case, label, hole, again, more, negatives, state, stamp, room, scale, slopes, into, r, e
):
    _approach(affinity, case, label, hole, np.float32(1), scale, slopes, into, r, 0, room.tally)
    for side in range(1, 1 + loss.negatives):
        state, other = draw_negative(state, case.V.shape[0], room.drawn, stamp, room.mark)
        _approach(affinity, case, other, hole, np.float32(0), scale, slopes, into, r, side, room.tally)
    if directions(affinity) == 1:
        write_direction(into, r, 0, case.z, slopes.v_hat)
    room.tally[TRIALS] += loss.negatives
    room.tally[VIOLATORS] += 1
    return state


@inlined
def _approach(affinity, case, label, hole, target, scale, slopes, into, r, side, tally):
    """Write down scale · ∂ ½ (f − target)² of one label."""
    error = score(affinity, case, label, hole) - target
    into.labels[r, side] = label
    into.steps[r, side] = descend(affinity, case, label, hole, scale * error, slopes)
    if directions(affinity) == 2:
        write_direction(into, r, side, slopes.v, slopes.v_hat)
    tally[LOSS] += 0.5 * scale * error * error
