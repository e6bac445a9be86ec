"""WARP: the weighted approximate-rank pairwise loss (WSABIE §3, Algorithm 1; AWE §3.2, Algorithm 1).

    L(rank_y(x)) · max(0, γ + f(x, ȳ) − f(x, y)),    rank_y(x) ≈ ⌊|Y∖Y_x| / N⌋ (AWE) or ⌊(|Y| − 1) / N⌋ (WSABIE)

N counts draws from Y∖Y_x up to the first violator ȳ. Without a violator within --max-trials there is no update. Where x
has one label the two estimates are equal. L is one of losses/registry.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe_cli.core.dispatch import implements
from awe_cli.core.interface import score
from awe_cli.core.objective import (
    LOSS,
    TRIALS,
    VIOLATORS,
    bound_excludes,
    draw_negative,
    learn_positive,
    n_candidates,
    of_few_labels,
    push_apart,
    sides,
)


class Warp(NamedTuple):
    """The settings of the loss, as kernels read them."""

    margin: float  # γ, in units of f
    max_trials: int  # negatives sampled before a positive is given up as correctly ranked
    weights: NDArray[np.float32]  # (labels + 1,) L(0) … L(labels)
    of_negatives: bool  # the rank is estimated from |Y∖Y_x|, else from |Y| − 1


of_few_labels(Warp, bounded=True)


@implements(sides, Warp)
def _sides(loss):
    return 2


@implements(learn_positive, Warp)
def _learn_positive(loss, affinity, context, positive, draws, scratch, gradients, buffers):
    f = score(affinity, context, positive.label, positive.left_out)
    n = 0
    while n < loss.max_trials:
        draws, negative = draw_negative(draws, context.V.shape[0], scratch.drawn, positive.tag, scratch.mark)
        n += 1
        if bound_excludes(affinity, context, negative, positive, buffers.score_bound, f - loss.margin):
            continue
        excess = loss.margin - f + score(affinity, context, negative, positive.left_out)
        if not excess <= 0:  # true for NaN as well, so that it shows in the loss
            labels = n_candidates(scratch.drawn, context.V.shape[0])
            others = positive.n_negatives if loss.of_negatives else labels - 1
            weight = positive.scale * loss.weights[max(1, others // n)]
            push_apart(affinity, context, positive, negative, weight, gradients, buffers)
            scratch.tally[LOSS] += weight * excess
            scratch.tally[VIOLATORS] += 1
            break
    scratch.tally[TRIALS] += n
    return draws
