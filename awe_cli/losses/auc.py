"""AUC: margin ranking (WSABIE §3, "the mean rank"; the loss of SSI, Bai et al. 2010, and of PAMIR).

    Σ_{ȳ ∉ Y_x} max(0, γ + f(x, ȳ) − f(x, y)),    estimated by one ȳ drawn uniformly from Y∖Y_x, of weight 1

Every pair counts the same, so that training lowers the share of wrongly ordered pairs, 1 − AUC.
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
    """The settings of the loss, as kernels read them."""

    margin: float  # γ, in units of f


of_few_labels(Auc)


@implements(sides, Auc)
def _sides(loss):
    return 2


@implements(learn_positive, Auc)
def _learn_positive(loss, affinity, context, positive, draws, scratch, gradients, buffers):
    draws, negative = draw_negative(draws, context.V.shape[0], scratch.drawn, positive.tag, scratch.mark)
    f = score(affinity, context, positive.label, positive.left_out)
    excess = loss.margin - f + score(affinity, context, negative, positive.left_out)
    scratch.tally[TRIALS] += 1
    if not excess <= 0:  # true for NaN as well, so that it shows in the loss
        push_apart(affinity, context, positive, negative, positive.scale, gradients, buffers)
        scratch.tally[LOSS] += positive.scale * excess
        scratch.tally[VIOLATORS] += 1
    return draws
