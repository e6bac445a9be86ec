"""Overlap: f = Ux·Vy + κ x·Py, the words that x and y share beside what is learned (AWE §4: f = xᵀIy).

An embedding of low rank cannot tell whether x and y have the same bag of words, since that takes the identity, a
matrix of full rank (AWE §4; Bai et al. 2010 learn xᵀ(UᵀV + I)y). In the form of eq. 2 it is G_ij = 1 + κ P_ij / U_i·V_j
with a diagonal P: the identity for tf-idf, where x·Py is the cosine, or the weights of BM25.

Py of all labels is kept by feature, so that x·Py of every label costs as much as x shares with all of them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from awe_cli.data.matrix import Bags
from awe_cli.kernels.dispatch import implements
from awe_cli.kernels.families import of_whole_score
from awe_cli.kernels.interface import begin, finish, lays_out, parts, slope, value


class Overlap(NamedTuple):
    """f = Ux·Vy + κ x·Py."""

    scale: float  # κ
    x: Bags  # the training examples; none where g is laid out beforehand
    shared: Bags  # a row for each feature: the labels that have it, and P_i y_i of each


of_whole_score(Overlap, rising=True)


@implements(lays_out, Overlap)
def _lays_out(affinity):
    return 1


@implements(parts, Overlap)
def _parts(affinity):
    return 1


@implements(begin, Overlap)
def _begin(affinity, example, part, g):
    for t in range(affinity.x.indptr[example], affinity.x.indptr[example + 1]):
        feature, value_ = affinity.x.indices[t], affinity.x.values[t]
        for p in range(affinity.shared.indptr[feature], affinity.shared.indptr[feature + 1]):
            g[affinity.shared.indices[p]] += value_ * affinity.shared.values[p]


@implements(finish, Overlap)
def _finish(affinity, example, part, g):
    g[:] = 0


@implements(value, Overlap)
def _value(affinity, s, case, label):
    return s + affinity.scale * case.g[label]


@implements(slope, Overlap)
def _slope(affinity, s, case, label):
    return np.float32(1)


def no_bags() -> Bags:
    """Bags without rows."""
    return Bags(np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32))
