"""AUC: margin ranking (WSABIE §3, "the mean rank"; the loss of SSI, Bai et al. 2010, and of PAMIR).

    Σ_{ȳ ∉ Y_x} max(0, γ + f(x, ȳ) − f(x, y)),    estimated by one ȳ drawn uniformly from Y∖Y_x, of weight 1

Every pair counts the same, so that what falls is the share of wrongly ordered pairs, 1 − AUC.
"""

from __future__ import annotations

from typing import NamedTuple

from awe_cli.core.dispatch import implements
from awe_cli.core.interface import score
from awe_cli.core.objective import (
    LOSS,
    TRIALS,
    VIOLATORS,
    draw_negative,
    learn_positive,
    of_few_labels,
    push_apart,
    sides,
)


class Auc(NamedTuple):
    """The loss's settings, as the kernels read them."""

    margin: float  # γ, in units of f


of_few_labels(Auc)


@implements(sides, Auc)
def _sides(loss):
    return 2


@implements(learn_positive, Auc)
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
    state, negative = draw_negative(state, context.V.shape[0], scratch.drawn, tag, scratch.mark)
    excess = (
        loss.margin - score(affinity, context, label, left_out) + score(affinity, context, negative, left_out)
    )
    scratch.tally[TRIALS] += 1
    if not excess <= 0:  # a score that is no number must show in the loss
        push_apart(affinity, context, label, negative, left_out, scale, gradients, buffers, r)
        scratch.tally[LOSS] += scale * excess
        scratch.tally[VIOLATORS] += 1
    return state
