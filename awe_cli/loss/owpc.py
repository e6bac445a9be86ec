"""OWPC: ordered weighted pairwise classification (Usunier et al. 2009; WSABIE §3, eq. 6–8).

    L(r) / r · Σ_{ȳ ∈ violators} max(0, γ + f(x, ȳ) − f(x, y)),    r = |violators|

The violators are all ȳ of Y∖Y_x with γ + f(x, ȳ) > f(x, y): their number is the exact margin-penalized rank,
which WARP estimates. All labels are scored for each positive. An example's gradients by a label add up
over its positives, so that an example has a record a label, however many positives it has.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe_cli.kernels.dispatch import implements, inlined
from awe_cli.kernels.interface import directions, score
from awe_cli.kernels.objective import (
    LOSS,
    TRIALS,
    VIOLATORS,
    candidate,
    descend,
    learn_positive,
    n_candidates,
    scores_all,
    screens,
    sides,
)


class Owpc(NamedTuple):
    """The loss's settings, as the kernels read them."""

    margin: float  # γ, in units of f
    weights: NDArray[np.float32]  # (labels + 1,) L(0) … L(labels)


@implements(sides, Owpc)
def _sides(loss):
    return 1


@implements(scores_all, Owpc)
def _scores_all(loss):
    return True


@implements(screens, Owpc)
def _screens(loss):
    return False


@implements(learn_positive, Owpc)
def _learn_positive(
    loss, affinity, case, label, hole, again, more, negatives, state, stamp, room, scale, slopes, into, r, e
):
    if not again:
        for place in range(n_candidates(room.drawn, case.V.shape[0])):
            y = candidate(room.drawn, place)
            room.scores[y] = score(affinity, case, y, hole)
    bar = room.scores[label] - loss.margin
    rank, total = 0, 0.0
    for place in range(n_candidates(room.drawn, case.V.shape[0])):
        y = candidate(room.drawn, place)
        if room.mark[y] != stamp and not room.scores[y] <= bar:  # one that is no number must show
            rank += 1
            total += room.scores[y] - bar
    room.tally[TRIALS] += negatives
    if rank > 0:
        weight = np.float32(scale * loss.weights[rank] / rank)
        for place in range(n_candidates(room.drawn, case.V.shape[0])):
            y = candidate(room.drawn, place)
            if room.mark[y] != stamp and not room.scores[y] <= bar:
                _add(affinity, case, y, hole, weight, slopes, into, r, room.slots)
        _add(affinity, case, label, hole, -weight * rank, slopes, into, r, room.slots)
        room.tally[LOSS] += weight * total
        room.tally[VIOLATORS] += 1
    return state


@inlined
def _add(affinity, case, label, hole, weight, slopes, into, first, slots):
    """Add weight · ∂f(x, label) to the example's record of this label, which is a new one if it has none."""
    step = np.float32(descend(affinity, case, label, hole, weight, slopes))
    record = _record(into, first, label, slots)
    for j in range(case.z.shape[0]):
        along = case.z[j] if directions(affinity) == 1 else slopes.v[j]
        into.by_label[record, 0, j] += step * along
    for j in range(slopes.v_hat.shape[0]):
        into.v_hat[record, 0, j] += slopes.v_hat[j]


@inlined
def _record(into, first, label, slots):
    """The record of a label, emptied if it is new. What another example put into `slots` is found out.

    The last slot is how many records the example has so far.
    """
    slot = slots[label]
    if into.labels[first + slot, 0] == label:
        return first + slot
    slot = 0 if into.labels[first, 0] < 0 else slots[-1]
    slots[label], slots[-1] = slot, slot + 1
    into.labels[first + slot, 0] = label
    into.steps[first + slot, 0] = 1
    into.by_label[first + slot, 0, :] = 0
    into.v_hat[first + slot, 0, :] = 0
    return first + slot
