"""The first phase of a block: for each example, read the frozen U and V, and write its gradients to the buffers.

Each example has its own part of the block's buffers, so that examples may be processed in any order and by any thread
with the same result.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe_cli.core.dispatch import inlined, pasted, section
from awe_cli.core.interface import (
    ExampleContext,
    GradientBuffers,
    clear,
    factors_through_projection,
    load,
    n_example_pairs,
    queries_per_example,
)
from awe_cli.core.labels import features_of, longest_row_norm
from awe_cli.core.objective import (
    VIOLATORS,
    Positive,
    learn_positive,
    n_candidates,
    n_records,
    scores_all,
    sides,
)
from awe_cli.core.pairs import link_pairs, unlink_pairs, weighs_pairs
from awe_cli.core.rng import stream
from awe_cli.core.rows import project, row_length, row_of
from awe_cli.core.sums import flush, most_sums, sums_of

# The left-out feature: a positive that is also a feature of x is left out of x while it is learned.
#
# Else the model would learn the identity: that a person who has an item has that item.


@inlined
def project_without(ux, left_out, indices, values, U, z):
    """z = Ux without the feature at position `left_out` (-1: none)."""
    if left_out < 0:
        for j in range(z.shape[0]):
            z[j] = ux[j]
    else:
        row, x = indices[left_out], values[left_out]
        for j in range(z.shape[0]):
            z[j] = ux[j] - x * U[row, j]


@inlined
def scatter_input_gradient(by_z, left_out, by_input, e, by_feature):
    """Add a positive's gradient by Ux to all features except the one left out, and clear it.

    It is added to the whole example and subtracted from the feature left out. x_i is multiplied in later, so that the
    two cancel exactly: AdaGrad's first step would have full length even for a rounding error.
    """
    for j in range(by_z.shape[0]):
        by_input[e, j] += by_z[j]
    if left_out >= 0:
        for j in range(by_z.shape[0]):
            by_feature[left_out, j] -= by_z[j]
    by_z[:] = 0


# Score bounds: Ux·V_y of all labels for the examples of a block, which show that most draws are no violators.
#
# Late in training a positive takes hundreds of draws to find a violator, and each would read a row of V from main
# memory. One pass over V, several examples at a time, costs less. These scores are those of the whole input. For an
# input without the positive's feature h they are off by x_h U_h·V_y, at most |x_h| ‖U_h‖ C, and by rounding. So they
# only exclude draws: every possible violator is scored exactly, and the result is the same with and without bounds.

_TILE = 64  # rows of V that stay in the cache while they are multiplied with the examples
_ROUNDING = np.float32(1e-4)  # upper bound on the rounding error of a float32 sum, as a share of ‖Ux‖ C


@section
def bound_scores(rows, U, V, examples, mine, buffers):
    """buffers.score_bound[e, y] = Ux·V_y for the positions e of a block listed in `mine`."""
    for e in mine:
        indices, values = row_of(rows, examples[e])
        project(indices, values, U, buffers.ux[e])
    last = mine.shape[0] - 1
    for start in range(0, V.shape[0], _TILE):
        stop = min(start + _TILE, V.shape[0])
        for first in range(0, mine.shape[0], 4):
            four = (
                mine[first],
                mine[min(first + 1, last)],
                mine[min(first + 2, last)],
                mine[min(first + 3, last)],
            )
            _bound_four(V, start, stop, four, buffers)


@inlined
def _bound_four(V, start, stop, four, buffers):
    """Score bounds of four examples (the last one repeated where there are fewer) for labels start … stop-1."""
    ux, score_bound = buffers.ux, buffers.score_bound
    a, b, c, d = four
    for y in range(start, stop):
        s_a, s_b, s_c, s_d = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
        for j in range(V.shape[1]):
            v = V[y, j]
            s_a += ux[a, j] * v
            s_b += ux[b, j] * v
            s_c += ux[c, j] * v
            s_d += ux[d, j] * v
        score_bound[a, y] = s_a
        score_bound[b, y] = s_b
        score_bound[c, y] = s_c
        score_bound[d, y] = s_d


@inlined
def error_bound(ux, left_out, indices, values, U, cap):
    """The most by which the exact score of any label can exceed its bound."""
    whole = np.float32(0)
    for j in range(ux.shape[0]):
        whole += ux[j] * ux[j]
    out = _ROUNDING * np.sqrt(whole) * cap
    if left_out >= 0:
        row, target = indices[left_out], np.float32(0)
        for j in range(ux.shape[0]):
            target += U[row, j] * U[row, j]
        out += (1 + _ROUNDING) * abs(values[left_out]) * np.sqrt(target) * cap
    return out


class Task(NamedTuple):
    """The learning task: positives, whether they are features of the input, and the seed of the draws."""

    indptr: NDArray[np.int64]  # positives of each example
    labels: NDArray[np.int32]
    own: bool  # labels are the features of x: each positive is left out of x while it is learned
    seed: int
    epoch: int


class Problem(NamedTuple):
    """Everything that training reads and changes, the same for every block of an epoch."""

    affinity: Any
    loss: Any
    rows: Any  # x of every example, Bags or Dense
    task: Task
    side: Any  # the label side: OneHot, or Described
    state: Any  # `State`: U, V and the other arrays that training changes
    W: NDArray[np.float32]  # (labels, d) the labels' rows; V itself where labels are one-hot
    norm_cap: np.float32


class Place(NamedTuple):
    """Where the part of one example in the buffers of a block begins."""

    example: int
    position: int  # of the example in the block
    record: np.int64
    feature: np.int64
    pair: np.int64
    tag: int  # the value of `ThreadScratch.mark` for the example's positives


@section
def learn_example(problem, place, scale, cap, sums, buffers, scratch):
    """Learn all positives of one example. `scale` is the factor of its loss; `cap` bounds the norms of labels' rows."""
    affinity, loss, task, W = problem.affinity, problem.loss, problem.task, problem.W
    U, y, learned = problem.state.U, features_of(problem.side), problem.state.learned
    example = place.example
    indices, values = row_of(problem.rows, example)
    first, last = task.indptr[example], task.indptr[example + 1]
    by_feature = buffers.by_feature[place.feature : place.feature + indices.shape[0]]
    by_feature[:] = 0
    gradients = _gradient_buffers(learned, indices, place, by_feature, sums, buffers, scratch)
    _clear_example(loss, task.labels[first:last], place, W, buffers, scratch)
    negatives = n_candidates(scratch.drawn, W.shape[0]) - (last - first)
    if negatives == 0 or indices.shape[0] <= task.own:
        return
    project(indices, values, U, scratch.ux)
    draws = stream(task.seed, task.epoch, example)
    context = ExampleContext(
        example,
        indices,
        values,
        U,
        W,
        y,
        problem.state.V,
        scratch.z,
        scratch.g,
        scratch.features,
        learned,
        scratch.chains,
    )
    scratch.by_z[:] = 0
    if weighs_pairs(affinity):
        link_pairs(context)
    for part in range(queries_per_example(affinity)):
        load(affinity, example, part, scratch.g)
        for p in range(first + part, last, queries_per_example(affinity)):
            left_out = p - first if task.own else -1
            project_without(scratch.ux, left_out, indices, values, U, scratch.z)
            before = scratch.tally[VIOLATORS]
            bound = np.float32(0)
            if buffers.score_bound.shape[0] > 0:
                bound = error_bound(scratch.ux, left_out, indices, values, U, cap)
            positive = Positive(
                label=np.int64(
                    task.labels[p]
                ),  # the type of the draws: another type would be compiled for again
                left_out=left_out,
                same_input=left_out < 0 and p > first + part,
                error_bound=bound,
                n_negatives=negatives,
                tag=place.tag,
                scale=scale,
                record=place.record if scores_all(loss) else place.record + p - first,
                position=place.position,
            )
            draws = learn_positive(loss, affinity, context, positive, draws, scratch, gradients, buffers)
            if scratch.tally[VIOLATORS] > before and factors_through_projection(affinity):
                scatter_input_gradient(scratch.by_z, left_out, buffers.by_input, place.position, by_feature)
        clear(affinity, example, part, scratch.g)
    if weighs_pairs(affinity):
        unlink_pairs(context)
    flush(y, sums, scratch.slot, buffers, place.record, place.record + n_records(loss, last - first, W))
    for figure in range(scratch.tally.shape[0]):
        buffers.tally[place.position, figure] = scratch.tally[figure]


@inlined
def _clear_example(loss, positives, place, W, buffers, scratch):
    """Clear the example's part of the buffers, and mark its positives."""
    buffers.by_input[place.position, :] = 0
    scratch.tally[:] = 0
    buffers.tally[place.position, :] = 0
    for label in positives:
        scratch.mark[label] = place.tag
    for r in range(place.record, place.record + n_records(loss, positives.shape[0], W)):
        buffers.labels[r, 0] = -1


@inlined
def _gradient_buffers(learned, indices, place, by_feature, sums, buffers, scratch):
    """The example's part of the gradient buffers, cleared."""
    u_hat = buffers.u_hat[place.feature : place.feature + indices.shape[0]]
    by_pair = buffers.by_pair[place.pair : place.pair + n_example_pairs(learned, indices)]
    buffers.by_shared[place.position, :, :] = 0
    u_hat[:] = 0
    by_pair[:] = 0
    return GradientBuffers(
        scratch.by_z,
        by_feature,
        scratch.by_v,
        buffers.by_shared[place.position],
        u_hat,
        scratch.v_hat,
        by_pair,
        scratch.by_vj,
        scratch.vj_hat,
        scratch.slot,
        sums,
    )


@inlined
def least(load):
    """The index of the smallest number; the first of equals."""
    found = 0
    for w in range(1, load.shape[0]):
        if load[w] < load[found]:
            found = w
    return found


@inlined
def assign_examples(indptr, examples, load, worker, mine):
    """Write the positions of this worker's examples to `mine`; return their number.

    Each example goes to the worker with the fewest positives so far. Every worker computes the same assignment.
    """
    n = 0
    load[:] = 0
    for e in range(examples.shape[0]):
        owner = least(load)
        load[owner] += indptr[examples[e] + 1] - indptr[examples[e]]
        if owner == worker:
            mine[n] = e
            n += 1
    return n


@pasted
def learn_share(problem, examples, start, scales, buffers, scratch, worker):
    """Phase 1: learn this worker's examples of the block that begins at `start`.

    Returns the number of records and of positives of the whole block.
    """
    loss, rows, task, side, W = problem.loss, problem.rows, problem.task, problem.side, problem.W
    cap = longest_row_norm(side, problem.norm_cap)
    n_mine = assign_examples(task.indptr, examples, scratch.load, worker, scratch.mine)
    if buffers.score_bound.shape[0] > 0:
        bound_scores(rows, problem.state.U, W, examples, scratch.mine[:n_mine], buffers)
    record, feature, pair, first = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    seen, mine = np.int64(0), 0
    for e in range(examples.shape[0]):
        example = examples[e]
        positives = task.indptr[example + 1] - task.indptr[example]
        labels = n_records(loss, positives, W) * sides(loss)
        if mine < n_mine and scratch.mine[mine] == e:
            mine += 1
            place = Place(example, e, record, feature, pair, start + e + 1)
            sums = sums_of(side, buffers.sums, e, first, labels)
            learn_example(problem, place, scales[example], cap, sums, buffers, scratch)
        record += n_records(loss, positives, W)
        first += most_sums(side, labels)
        seen += positives
        feature += row_length(rows, example)
        pair += n_example_pairs(problem.state.learned, row_of(rows, example)[0])
    return record, seen
