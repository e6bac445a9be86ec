"""Weights θ_ij of pairs of a feature and a label, or a label feature: how they are looked up and scored.

Few of all pairs are stored. So an affinity defines the term that a stored pair adds to f, for y_j = 1, and the scorer
sums these pair by pair. In training labels are scored one at a time: the pairs of an example's features are linked by j
once for the example, so that those of an entry of y are found without a search.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe_cli.core.dispatch import implements, inlined, stub
from awe_cli.core.labels import OneHot, entry, n_entries
from awe_cli.matrices.matrix import Bags, Dense


class Chains(NamedTuple):
    """Linked lists of the pairs of an example's features, by j, a row of V. A slot is a position among these pairs."""

    head: NDArray[np.int32]  # (rows of V,) 1 + the slot of the last pair with j, 0 where there is none
    before: NDArray[np.int32]  # (pairs,) 1 + the slot of the pair with j before it, 0 for the first
    at: NDArray[np.int32]  # (pairs,) the position of its feature in the example
    first: NDArray[np.int64]  # (n,) the slot of the first pair of the feature at position t


NO_CHAINS = Chains(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.int64))


@stub
def weighs_pairs(affinity):
    """True where f has terms of stored pairs."""
    raise NotImplementedError(type(affinity).__name__)


@stub
def pair_share(affinity, context, t, p, j):
    """The term that the stored pair p, of the feature at position t and row j of V, adds to f for y_j = 1."""
    raise NotImplementedError(type(affinity).__name__)


def without_pairs(*types: type) -> None:
    """Declare affinities without weights of pairs."""
    implements(weighs_pairs, *types)(_no)
    implements(pair_share, *types)(_nothing)


def _no(affinity):
    return False


def _nothing(affinity, context, t, p, j):
    return np.float32(0)


@inlined
def link_pairs(context):
    """Link the pairs of an example; all heads are 0 before."""
    learned, chains, slot = context.learned, context.chains, 0
    for t in range(context.indices.shape[0]):
        chains.first[t] = slot
        for p in range(learned.indptr[context.indices[t]], learned.indptr[context.indices[t] + 1]):
            j = learned.labels[p]
            chains.before[slot] = chains.head[j]
            chains.at[slot] = t
            slot += 1
            chains.head[j] = slot


@inlined
def unlink_pairs(context):
    """Set the heads back to 0."""
    learned = context.learned
    for t in range(context.indices.shape[0]):
        for p in range(learned.indptr[context.indices[t]], learned.indptr[context.indices[t] + 1]):
            context.chains.head[learned.labels[p]] = 0


@inlined
def pair_in(context, slot):
    """The index among all stored pairs of the one in a slot."""
    t = context.chains.at[slot]
    return context.learned.indptr[context.indices[t]] + slot - context.chains.first[t]


@inlined
def shares_of(affinity, context, label, left_out):
    """The sum of the terms of the pairs of one label."""
    total = np.float32(0)
    for r in range(n_entries(context.y, label)):
        j, y = entry(context.y, label, r)
        slot = context.chains.head[j] - 1
        while slot >= 0:
            if context.chains.at[slot] != left_out:
                total += y * pair_share(affinity, context, context.chains.at[slot], pair_in(context, slot), j)
            slot = context.chains.before[slot] - 1
    return total


@stub
def add_shares(y, affinity, context, by_row, f):
    """Add the terms of the pairs of the example to f (labels,).

    by_row  (label features,) temporary storage, where features describe labels
    """
    raise NotImplementedError(type(y).__name__)


@implements(add_shares, OneHot)
def _add_shares(y, affinity, context, by_row, f):
    _add_pairs(affinity, context, f)


@implements(add_shares, Bags, Dense)
def _add_shares_of_features(y, affinity, context, by_row, f):
    by_row[:] = 0
    _add_pairs(affinity, context, by_row)
    for label in range(f.shape[0]):
        for r in range(n_entries(y, label)):
            j, value = entry(y, label, r)
            f[label] += value * by_row[j]


@inlined
def _add_pairs(affinity, context, by_row):
    """Add the terms of the pairs of the example with row j of V, for y_j = 1, to by_row[j]."""
    learned = context.learned
    for t in range(context.indices.shape[0]):
        for p in range(learned.indptr[context.indices[t]], learned.indptr[context.indices[t] + 1]):
            j = learned.labels[p]
            by_row[j] += pair_share(affinity, context, t, p, j)
