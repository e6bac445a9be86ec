"""The first phase of a block: each example reads frozen U and V and writes down the steps it wants.

An example's share of the block's buffers is its own, so examples may be handled in any order and by any
thread with the same result.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe_cli.kernels.dispatch import inlined, pasted, section
from awe_cli.kernels.hole import hand_on, leave_out
from awe_cli.kernels.interface import Case, Slopes, begin, finish, of_input, parts
from awe_cli.kernels.labels import features_of
from awe_cli.kernels.learned import pair_room
from awe_cli.kernels.objective import VIOLATORS, learn_positive, n_candidates, n_records, scores_all, sides
from awe_cli.kernels.pairs import link_pairs, unlink_pairs, weighs_pairs
from awe_cli.kernels.random import stream
from awe_cli.kernels.rows import project, row_length, row_of
from awe_cli.kernels.screen import screen_share, slack
from awe_cli.kernels.sums import add_up, most_sums, sums_of


class Task(NamedTuple):
    """What is learned: the positives, how they belong to the inputs, and which draws are made."""

    indptr: NDArray[np.int64]  # positives of each example
    labels: NDArray[np.int32]
    own: bool  # the positives are the input's features: each is left out of x when it is the target
    seed: int
    epoch: int


@section
def learn_example(
    affinity, loss, rows, task, side, state, V, example, e, record, feature, pair, sums, scale, cap, into, room, stamp
):  # fmt: skip
    """All positives of one example; e, record, feature and pair are where its share of the block begins."""
    U, y = state.U, features_of(side)
    indices, values = row_of(rows, example)
    first, last = task.indptr[example], task.indptr[example + 1]
    by_feature = into.by_feature[feature : feature + indices.shape[0]]
    by_feature[:] = 0
    slopes = _slopes(state.learned, indices, e, feature, pair, by_feature, sums, into, room)
    _empty(loss, task.labels[first:last], e, record, V, into, room, stamp)
    negatives = n_candidates(room.drawn, V.shape[0]) - (last - first)
    if negatives == 0 or indices.shape[0] <= task.own:
        return
    project(indices, values, U, room.ux)
    draws = stream(task.seed, task.epoch, example)
    case = Case(
        example, indices, values, U, V, y, state.V, room.z, room.g, room.features, state.learned, room.chains
    )
    room.by_z[:] = 0
    if weighs_pairs(affinity):
        link_pairs(case)
    for part in range(parts(affinity)):
        begin(affinity, example, part, room.g)
        for p in range(first + part, last, parts(affinity)):
            r = record if scores_all(loss) else record + p - first
            hole = p - first if task.own else -1
            again = hole < 0 and p > first + part
            leave_out(room.ux, hole, indices, values, U, room.z)
            before = room.tally[VIOLATORS]
            more = slack(room.ux, hole, indices, values, U, cap) if into.screen.shape[0] else np.float32(0)
            label = np.int64(task.labels[p])  # as the draws are: another type would be compiled for again
            draws = learn_positive(
                loss, affinity, case, label, hole, again, more, negatives, draws, stamp, room, scale,
                slopes, into, r, e,
            )  # fmt: skip
            if room.tally[VIOLATORS] > before and of_input(affinity):
                hand_on(room.by_z, hole, into.by_input, e, by_feature)
        finish(affinity, example, part, room.g)
    if weighs_pairs(affinity):
        unlink_pairs(case)
    add_up(y, sums, room.slot, into, record, record + n_records(loss, last - first, V))
    for figure in range(room.tally.shape[0]):
        into.tally[e, figure] = room.tally[figure]


@inlined
def _empty(loss, positives, e, record, V, into, room, stamp):
    """No step, no figure yet; the example's positives are marked."""
    into.by_input[e, :] = 0
    room.tally[:] = 0
    into.tally[e, :] = 0
    for label in positives:
        room.mark[label] = stamp
    for r in range(record, record + n_records(loss, positives.shape[0], V)):
        into.labels[r, 0] = -1


@inlined
def _slopes(learned, indices, e, feature, pair, by_feature, sums, into, room):
    """Where an example's gradients go, emptied."""
    u_hat = into.u_hat[feature : feature + indices.shape[0]]
    by_pair = into.by_pair[pair : pair + pair_room(learned, indices)]
    into.by_shared[e, :, :] = 0
    u_hat[:] = 0
    by_pair[:] = 0
    return Slopes(
        room.by_z, by_feature, room.by_v, into.by_shared[e], u_hat, room.v_hat, by_pair, room.by_vj, room.vj_hat,
        room.slot, sums,
    )  # fmt: skip


@inlined
def least(load):
    """The first of the smallest numbers."""
    found = 0
    for w in range(1, load.shape[0]):
        if load[w] < load[found]:
            found = w
    return found


@inlined
def choose_own(indptr, examples, load, worker, mine):
    """Put the places of this worker's examples into `mine`; return how many they are.

    Each example goes to the worker with the fewest positives so far; every worker finds the same.
    """
    own = 0
    load[:] = 0
    for e in range(examples.shape[0]):
        owner = least(load)
        load[owner] += indptr[examples[e] + 1] - indptr[examples[e]]
        if owner == worker:
            mine[own] = e
            own += 1
    return own


@pasted
def learn_share(affinity, loss, rows, task, side, state, W, examples, start, scales, cap, into, room, worker):
    """Phase 1: the examples of a block that fall to this worker.

    W  (labels, d) the labels' rows

    Returns how many records and how many positives the block has.
    """
    own = choose_own(task.indptr, examples, room.load, worker, room.mine)
    if into.screen.shape[0] > 0:
        screen_share(rows, state.U, W, examples, room.mine[:own], into)
    record, feature, pair, first = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    seen, place = np.int64(0), 0
    for e in range(examples.shape[0]):
        example = examples[e]
        positives = task.indptr[example + 1] - task.indptr[example]
        labels = n_records(loss, positives, W) * sides(loss)
        if place < own and room.mine[place] == e:
            place += 1
            learn_example(
                affinity, loss, rows, task, side, state, W, example, e, record, feature, pair,
                sums_of(side, into.sums, e, first, labels), scales[example], cap, into, room, start + e + 1,
            )  # fmt: skip
        record += n_records(loss, positives, W)
        first += most_sums(side, labels)
        seen += positives
        feature += row_length(rows, example)
        pair += pair_room(state.learned, row_of(rows, example)[0])
    return record, seen
