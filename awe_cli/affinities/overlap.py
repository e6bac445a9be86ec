"""Overlap: f = Ux·Vy + κ x·Py, the score of the words that x and y share added to the learned one (AWE §4: f = xᵀIy).

An embedding of low rank cannot tell whether x and y have the same bag of words, since that takes the identity, a
matrix of full rank (AWE §4; Bai et al. 2010 learn xᵀ(UᵀV + I)y). In the form of eq. 2 it is G_ij = 1 + κ P_ij / U_i·V_j
with a diagonal P: the identity for tf-idf, where x·Py is the cosine, or the weights of BM25.

Py of all labels is stored by feature, so that the cost of x·Py for all labels is the number of words that x shares with
each of them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from awe_cli.core.dispatch import implements
from awe_cli.core.families import of_whole_score
from awe_cli.core.interface import clear, load, n_tables, queries_per_example, slope, value
from awe_cli.dataset.examples import Examples
from awe_cli.dataset.windows import StoredExamples
from awe_cli.matrices.matrix import Bags


class Overlap(NamedTuple):
    """f = Ux·Vy + κ x·Py."""

    scale: float  # κ
    x: Bags  # the training examples; empty where g is computed beforehand
    shared: Bags  # (features, labels) the labels that have each feature, and P_i y_i of each


def of_examples(affinity: Any, examples: Examples | StoredExamples) -> Any:
    """An affinity, with the rows of these examples where it needs them, which are in memory then."""
    if not isinstance(affinity, Overlap):
        return affinity
    assert isinstance(examples, Examples)
    assert isinstance(examples.x, Bags)
    return affinity._replace(x=examples.x)


of_whole_score(Overlap, rising=True)


@implements(n_tables, Overlap)
def _n_tables(affinity):
    return 1


@implements(queries_per_example, Overlap)
def _queries_per_example(affinity):
    return 1


@implements(load, Overlap)
def _load(affinity, example, part, g):
    for t in range(affinity.x.indptr[example], affinity.x.indptr[example + 1]):
        feature, value_ = affinity.x.indices[t], affinity.x.values[t]
        for p in range(affinity.shared.indptr[feature], affinity.shared.indptr[feature + 1]):
            g[affinity.shared.indices[p]] += value_ * affinity.shared.values[p]


@implements(clear, Overlap)
def _clear(affinity, example, part, g):
    g[:] = 0


@implements(value, Overlap)
def _value(affinity, s, context, label):
    return s + affinity.scale * context.g[label]


@implements(slope, Overlap)
def _slope(affinity, s, context, label):
    return np.float32(1)


def no_bags() -> Bags:
    """Bags without rows."""
    return Bags(np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32))
