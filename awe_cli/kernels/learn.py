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
from awe_cli.kernels.interface import (
    Case,
    Slopes,
    begin,
    directions,
    finish,
    gradient,
    parts,
    score,
)
from awe_cli.kernels.random import below, mix, stream
from awe_cli.kernels.rows import project, row_length, row_of
from awe_cli.kernels.screen import ruled_out, screen_share, slack


class Block(NamedTuple):
    """What the examples of a block write down: gradients by row, and figures for the report."""

    labels: NDArray[np.int32]  # (records, 2) positive and violator, -1 where there was none
    steps: NDArray[np.float32]  # (records, 2) gradients by V of the two: steps[r, side] · by_label[r, side]
    by_label: NDArray[np.float32]  # (records, 1 or 2, d) their directions, one for both or one each
    by_input: NDArray[np.float32]  # (B, d) gradient by Ux, for affinities of the whole score
    by_feature: NDArray[np.float32]  # (features, d) more of it, before x_i multiplies both; else ∂/∂U_i
    ux: NDArray[np.float32]  # (B, d) Ux of each example, where scores are screened
    screen: NDArray[np.float32]  # (B, labels) Ux·V_y, or (0, labels) where they are not
    loss: NDArray[np.float64]  # (B,) summed over the example's positives
    violators: NDArray[np.int64]  # (B,) positives for which one was found
    trials: NDArray[np.int64]  # (B,) draws that counted


class Task(NamedTuple):
    """What is learned: the positives, how they belong to the inputs, and which draws are made."""

    indptr: NDArray[np.int64]  # positives of each example
    labels: NDArray[np.int32]
    own: bool  # the positives are the input's features: each is left out of x when it is the target
    seed: int
    epoch: int


class Room(NamedTuple):
    """Room for one worker, or with one more axis in front for all of them."""

    ux: NDArray[np.float32]  # (d,) Ux of the example
    z: NDArray[np.float32]  # (d,) Ux without the target
    by_z: NDArray[np.float32]  # (d,) gradient by Ux of one positive
    by_v: NDArray[np.float32]  # (d,) gradient by V of one label
    g: NDArray[np.float32]  # (labels,) or (0,)
    features: NDArray[np.float32]  # (longest row,) one number a feature
    mark: NDArray[np.int32]  # (labels,) the stamp of the last example that had it as a positive
    load: NDArray[np.int64]  # (workers,) positives given to each worker
    mine: NDArray[np.int64]  # (B,) places in the block of the worker's own examples


@inlined
def room_of(rooms, worker):
    """The room of one worker."""
    return Room(
        rooms.ux[worker], rooms.z[worker], rooms.by_z[worker], rooms.by_v[worker], rooms.g[worker],
        rooms.features[worker], rooms.mark[worker], rooms.load[worker],
        rooms.mine[worker],
    )  # fmt: skip


@inlined
def draw_negative(state, n_labels, stamp, mark):
    """The next label that is not a positive (those bear the stamp), and the state after it."""
    while True:
        state = mix(state)
        label = below(state, n_labels)
        if mark[label] != stamp:
            return state, label


@inlined
def write_direction(into, r, side, direction):
    """Keep the direction of a gradient by V for the second phase."""
    for j in range(direction.shape[0]):
        into.by_label[r, side, j] = direction[j]


@inlined
def learn_positive(
    affinity, loss, case, label, hole, more, negatives, state, stamp, mark, scale, slopes, into, r, e
):
    """One positive: draw until a label violates the margin, then write down the step (WARP).

    more  the most by which a score can exceed the screened one
    """
    wanted = score(affinity, case, label, hole)
    n = 0
    while n < loss.max_trials:
        state, rival = draw_negative(state, case.V.shape[0], stamp, mark)
        n += 1
        if ruled_out(affinity, case, rival, into.screen, e, more, wanted - loss.margin):
            continue
        excess = loss.margin - wanted + score(affinity, case, rival, hole)
        if not excess <= 0:  # a score that is no number counts as a violator, so that it shows in the loss
            weight = scale * loss.weights[max(1, negatives // n)]
            into.labels[r, 0] = label
            into.labels[r, 1] = rival
            into.steps[r, 0] = gradient(affinity, case, label, hole, -weight, slopes)
            write_direction(into, r, 0, case.z if directions(affinity) == 1 else slopes.v)
            into.steps[r, 1] = gradient(affinity, case, rival, hole, weight, slopes)
            if directions(affinity) == 2:
                write_direction(into, r, 1, slopes.v)
            into.loss[e] += weight * excess
            into.violators[e] += 1
            break
    into.trials[e] += n
    return state


@section
def learn_example(
    affinity, loss, rows, task, U, V, example, e, record, feature, scale, cap, into, room, stamp
):
    """All positives of one example; e, record and feature are where its share of the block begins."""
    indices, values = row_of(rows, example)
    first, last = task.indptr[example], task.indptr[example + 1]
    into.by_input[e, :] = 0
    into.loss[e] = 0
    into.violators[e] = 0
    into.trials[e] = 0
    by_feature = into.by_feature[feature : feature + indices.shape[0]]
    by_feature[:] = 0
    for p in range(first, last):
        room.mark[task.labels[p]] = stamp
        into.labels[record + p - first, 0] = -1
    negatives = V.shape[0] - (last - first)
    if negatives == 0 or indices.shape[0] <= task.own:
        return
    project(indices, values, U, room.ux)
    state = stream(task.seed, task.epoch, example)
    case = Case(example, indices, values, U, V, room.z, room.g, room.features)
    slopes = Slopes(room.by_z, by_feature, room.by_v)
    room.by_z[:] = 0
    for part in range(parts(affinity)):
        begin(affinity, example, part, room.g)
        for p in range(first + part, last, parts(affinity)):
            r = record + p - first
            hole = p - first if task.own else -1
            leave_out(room.ux, hole, indices, values, U, room.z)
            before = into.violators[e]
            more = (
                slack(room.ux, hole, indices, values, U, cap) if into.screen.shape[0] > 0 else np.float32(0)
            )
            label = np.int64(task.labels[p])  # as the draws are: another type would be compiled for again
            state = learn_positive(
                affinity, loss, case, label, hole, more, negatives, state, stamp, room.mark, scale, slopes,
                into, r, e,
            )  # fmt: skip
            if into.violators[e] > before and directions(affinity) == 1:
                hand_on(room.by_z, hole, into.by_input, e, by_feature)
        finish(affinity, example, part, room.g)


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
def learn_share(affinity, loss, rows, task, U, V, examples, start, scales, cap, into, room, worker):
    """Phase 1: the examples of a block that fall to this worker. Returns how many positives the block has."""
    own = choose_own(task.indptr, examples, room.load, worker, room.mine)
    if into.screen.shape[0] > 0:
        screen_share(rows, U, V, examples, room.mine[:own], into)
    record, feature, place = np.int64(0), np.int64(0), 0
    for e in range(examples.shape[0]):
        example = examples[e]
        if place < own and room.mine[place] == e:
            place += 1
            learn_example(
                affinity, loss, rows, task, U, V, example, e, record, feature, scales[example], cap, into,
                room, start + e + 1,
            )  # fmt: skip
        record += task.indptr[example + 1] - task.indptr[example]
        feature += row_length(rows, example)
    return record
