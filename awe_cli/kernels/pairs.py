"""Weights of (feature, label) pairs in a sparse matrix: how they are found, laid out, and scored.

Few of all pairs are stored. So an affinity says what a stored pair adds to f beside what it would be without, and the
scorer adds that up pair by pair. In training, labels are met one at a time: a number for each label, laid out
once for an example, tells what its pairs add, or whether there are any to be looked for.
"""

from __future__ import annotations

import numpy as np

from awe_cli.kernels.dispatch import implements, inlined, stub


@stub
def weighs_pairs(affinity):
    """True where f has terms of stored pairs."""
    raise NotImplementedError(type(affinity).__name__)


@stub
def pair_share(affinity, case, t, p, label):
    """What the stored pair p, of the feature at position t with this label, adds to f."""
    raise NotImplementedError(type(affinity).__name__)


@stub
def pair_note(affinity, case, t, p, label):
    """What the same pair adds to the number that is laid out for its label."""
    raise NotImplementedError(type(affinity).__name__)


def without_pairs(*types: type) -> None:
    """Declare affinities that know no pairs."""
    implements(weighs_pairs, *types)(_no)
    implements(pair_share, *types)(_nothing)
    implements(pair_note, *types)(_nothing)


def _no(affinity):
    return False


def _nothing(affinity, case, t, p, label):
    return np.float32(0)


@inlined
def lay_out_notes(affinity, case):
    """case.g[y] += the notes of all pairs of the example; it was all zeros."""
    learned = case.learned
    for t in range(case.indices.shape[0]):
        for p in range(learned.indptr[case.indices[t]], learned.indptr[case.indices[t] + 1]):
            label = learned.labels[p]
            case.g[label] += pair_note(affinity, case, t, p, label)


@inlined
def clear_notes(case):
    """Set case.g back to zeros."""
    learned = case.learned
    for t in range(case.indices.shape[0]):
        for p in range(learned.indptr[case.indices[t]], learned.indptr[case.indices[t] + 1]):
            case.g[learned.labels[p]] = 0


@inlined
def add_shares(affinity, case, f):
    """f[y] += what the pairs of the example add; f (labels,)."""
    learned = case.learned
    for t in range(case.indices.shape[0]):
        for p in range(learned.indptr[case.indices[t]], learned.indptr[case.indices[t] + 1]):
            label = learned.labels[p]
            f[label] += pair_share(affinity, case, t, p, label)


@inlined
def find_pair(learned, feature, label):
    """The place of θ_iy among all pairs, or -1 where none is stored."""
    low, end = learned.indptr[feature], learned.indptr[feature + 1]
    high = end
    while low < high:
        middle = (low + high) >> 1
        if learned.labels[middle] < label:
            low = middle + 1
        else:
            high = middle
    return low if low < end and learned.labels[low] == label else np.int64(-1)
