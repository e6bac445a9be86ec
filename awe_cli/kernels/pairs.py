"""Weights of (feature, label) pairs in a sparse matrix: how they are found and scored.

Few of all pairs are stored. So an affinity says what a stored pair adds to f beside what it would be without, and the
scorer adds that up pair by pair. In training labels are met one at a time: the pairs of an example's features are
chained by label, once for the example, so that a label's are found without a search.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe_cli.kernels.dispatch import implements, inlined, stub


class Chains(NamedTuple):
    """The pairs of an example's features by label. A pair's slot is its place among those of the example."""

    head: NDArray[np.int32]  # (labels,) 1 + the slot of a label's last pair, 0 where it has none
    before: NDArray[np.int32]  # (pairs,) 1 + the slot of the label's pair before it, 0 for the first
    at: NDArray[np.int32]  # (pairs,) the position of its feature in the example
    first: NDArray[np.int64]  # (n,) the slot of the first pair of the feature at position t


NO_CHAINS = Chains(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.int64))


@stub
def weighs_pairs(affinity):
    """True where f has terms of stored pairs."""
    raise NotImplementedError(type(affinity).__name__)


@stub
def pair_share(affinity, case, t, p, label):
    """What the stored pair p, of the feature at position t with this label, adds to f."""
    raise NotImplementedError(type(affinity).__name__)


def without_pairs(*types: type) -> None:
    """Declare affinities that know no pairs."""
    implements(weighs_pairs, *types)(_no)
    implements(pair_share, *types)(_nothing)


def _no(affinity):
    return False


def _nothing(affinity, case, t, p, label):
    return np.float32(0)


@inlined
def link_pairs(case):
    """Chain the pairs of an example; there are no chains yet."""
    learned, chains, slot = case.learned, case.chains, 0
    for t in range(case.indices.shape[0]):
        chains.first[t] = slot
        for p in range(learned.indptr[case.indices[t]], learned.indptr[case.indices[t] + 1]):
            label = learned.labels[p]
            chains.before[slot] = chains.head[label]
            chains.at[slot] = t
            slot += 1
            chains.head[label] = slot


@inlined
def unlink_pairs(case):
    """Set the heads back to 0."""
    learned = case.learned
    for t in range(case.indices.shape[0]):
        for p in range(learned.indptr[case.indices[t]], learned.indptr[case.indices[t] + 1]):
            case.chains.head[learned.labels[p]] = 0


@inlined
def pair_in(case, slot):
    """The place among all pairs of the one in a slot."""
    t = case.chains.at[slot]
    return case.learned.indptr[case.indices[t]] + slot - case.chains.first[t]


@inlined
def shares_of(affinity, case, label, hole):
    """What the pairs of one label add to f."""
    total, slot = np.float32(0), case.chains.head[label] - 1
    while slot >= 0:
        if case.chains.at[slot] != hole:
            total += pair_share(affinity, case, case.chains.at[slot], pair_in(case, slot), label)
        slot = case.chains.before[slot] - 1
    return total


@inlined
def add_shares(affinity, case, f):
    """f[y] += what the pairs of the example add; f (labels,)."""
    learned = case.learned
    for t in range(case.indices.shape[0]):
        for p in range(learned.indptr[case.indices[t]], learned.indptr[case.indices[t] + 1]):
            label = learned.labels[p]
            f[label] += pair_share(affinity, case, t, p, label)
