"""The point formulas of an affinity at one point, compiled or not: what the tests compare."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe_cli.core.arrays import dot_row, frozen
from awe_cli.core.dispatch import interpreted, kernel
from awe_cli.core.interface import (
    NO_PARAMS,
    AffinityParams,
    ExampleContext,
    GradientBuffers,
    clear,
    directions,
    factors_through_projection,
    gradient,
    load,
    n_tables,
    score,
    score_from_dot,
)
from awe_cli.core.labels import OneHot
from awe_cli.core.learn import project_without
from awe_cli.core.pairs import Chains, link_pairs, shares_of, unlink_pairs, weighs_pairs
from awe_cli.core.rows import project
from awe_cli.core.sums import Sums
from awe_cli.matrices.matrix import Bags, Dense
from awe_cli.ranking.embedding import label_rows
from tests.affinities.labels import matrix
from tests.affinities.members import DIM, EXAMPLES, FEATURES, LABELS

WEIGHT = -1.5


class World(NamedTuple):
    """Examples as bags and U, V: norms below 1, and values of either sign."""

    bags: Bags
    dense: Dense
    U: NDArray[np.float32]
    V: NDArray[np.float32]
    learned: AffinityParams = NO_PARAMS
    y: Any = OneHot(LABELS)  # what labels are


class Point(NamedTuple):
    """What an affinity says about one example and label."""

    score: float
    score_from_dot: float
    by_v: NDArray[np.float32]  # (label features, d) the gradient it asks for, and that by V̂
    by_v_hat: NDArray[np.float32]
    by_z: NDArray[np.float32]  # (d,) what it added to slopes.z
    by_u: NDArray[np.float32]  # (n, d) what it added to slopes.u
    by_shared: NDArray[np.float32]  # and to the slopes by what it has of its own
    by_u_hat: NDArray[np.float32]
    by_pair: NDArray[np.float32]
    first: NDArray[np.int64]  # where the pairs of each feature begin


def world(seed: int = 0) -> World:
    """Bags of 1 to 6 features; the dense rows name every feature."""
    rng = np.random.default_rng(seed)
    rows = [np.sort(rng.choice(FEATURES, n + 1, replace=False)) for n in range(EXAMPLES)]
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    values = rng.uniform(-0.3, 1, indptr[-1]).astype(np.float32)
    dense = Dense(
        np.arange(FEATURES, dtype=np.int32),
        rng.uniform(-0.3, 1, (EXAMPLES, FEATURES)).astype(np.float32),
    )
    U, V = (rng.normal(0, 0.6, (n, DIM)).astype(np.float32) for n in (FEATURES, LABELS))
    return World(Bags(indptr, np.concatenate(rows).astype(np.int32), values), dense, U, V)


@kernel
def _evaluate(
    affinity,
    example,
    part,
    indices,
    values,
    U,
    V,
    y,
    Vj,
    label,
    left_out,
    weight,
    g,
    learned,
    chains,
    scratch,
    ux,
    z,
    gradients,
    out,
):
    project(indices, values, U, ux)
    project_without(ux, left_out, indices, values, U, z)
    load(affinity, example, part, g)
    context = ExampleContext(example, indices, values, U, V, y, Vj, z, g, scratch, learned, chains)
    if weighs_pairs(affinity):
        link_pairs(context)
    out[0] = score(affinity, context, label, left_out)
    out[1] = score_from_dot(affinity, dot_row(z, V, label), context, label)
    if weighs_pairs(affinity):
        out[1] += shares_of(affinity, context, label, left_out)
    out[2] = gradient(affinity, context, label, left_out, weight, gradients)
    if weighs_pairs(affinity):
        unlink_pairs(context)
    clear(affinity, example, part, g)


def evaluate(
    affinity: Any, rows: World, example: int, part: int, label: int, left_out: int, *, compiled: bool = False
) -> Point:
    """Evaluate at one point; slopes that an example adds up start from 1, those of a label from zeros."""
    start, stop = rows.bags.indptr[example : example + 2]
    indices, values = rows.bags.indices[start:stop], rows.bags.values[start:stop]
    g, W = np.zeros(LABELS * n_tables(affinity), np.float32), rows.V
    if not isinstance(rows.y, OneHot):
        W = label_rows(rows.y, rows.V)
    ux, z = np.full((2, DIM), np.nan, np.float32)
    gradients = _gradient_buffers(affinity, rows, indices)
    slots = np.zeros((2, len(gradients.pairs)), np.int32)
    chains = Chains(np.zeros(LABELS, np.int32), *slots, np.zeros(len(indices), int))
    out, scratch = np.zeros(3), np.zeros(FEATURES, np.float32)
    run = _evaluate if compiled else interpreted(_evaluate)
    run(
        frozen(affinity),
        example,
        part,
        frozen(indices),
        frozen(values),
        frozen(rows.U),
        frozen(W),
        frozen(rows.y),
        frozen(rows.V),
        label,
        left_out,
        WEIGHT,
        g,
        frozen(rows.learned),
        chains,
        scratch,
        ux,
        z,
        gradients,
        out,
    )
    assert not g.any(), "finish leaves zeros"
    assert not chains.head.any()
    along = matrix(rows.y)[label][:, None]  # one of y_j times the gradient by Vy
    by_v = along * (out[2] * (z if directions(affinity) == 1 else gradients.v))
    by_v_hat = along * gradients.v_hat
    if not isinstance(rows.y, OneHot):
        by_v_hat *= 0  # nothing is known of labels by themselves
        used = gradients.sums.used[0]
        by_v[gradients.sums.row[:used]] += gradients.sums.by_row[:used]
        by_v_hat[gradients.sums.row[:used]] += gradients.sums.by_hat[:used]
        assert not gradients.vj.any(), "what is kept is cleared"
    began = float(factors_through_projection(affinity))
    return Point(
        *out[:2], by_v, by_v_hat, gradients.z - began, gradients.u - 1, gradients.shared - 1, gradients.u_hat - 1,
        gradients.pairs - 1, chains.first,
    )  # fmt: skip


def _gradient_buffers(affinity: Any, rows: World, indices: NDArray[np.int32]) -> GradientBuffers:
    """Of an example with these features. No z is looked at where an affinity adds up over features."""
    began = np.float32(factors_through_projection(affinity))
    learned = rows.learned
    n, e = len(indices), learned.U_hat.shape[1]
    lengths = np.diff(learned.indptr)[indices] if len(learned.indptr) else np.zeros(n, np.int64)
    v, v_hat = np.zeros(DIM, np.float32), np.zeros(e, np.float32)
    one_hot = isinstance(rows.y, OneHot)
    return GradientBuffers(
        z=np.full(DIM, began, np.float32),
        u=np.ones((n, DIM), np.float32),
        v=v,
        shared=np.ones(learned.shared.shape, np.float32),
        u_hat=np.ones((n, e), np.float32),
        v_hat=v_hat,
        pairs=np.ones(lengths.sum(), np.float32),
        vj=v if one_hot else np.zeros_like(v),
        vj_hat=v_hat if one_hot else np.zeros_like(v_hat),
        slot=np.full(LABELS, -1, np.int32),
        sums=Sums(
            np.zeros(LABELS, np.int64),
            np.full((LABELS, DIM), np.nan, np.float32),
            np.full((LABELS, e), np.nan, np.float32),
            np.zeros((LABELS, 2), np.float32),
            np.zeros(1, np.int64),
        ),
    )
