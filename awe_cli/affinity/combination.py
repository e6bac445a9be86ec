"""Sums of affinities: since f is linear in G, f of G + G' is f of G plus f of G'.

`Plus` adds two of them, which makes a constant floor of any affinity (its other term is a `Constant`); `Weighed`
multiplies one by a number that may be learned. Pair weights can be the
first of two, and are not multiplied. A mixture of several (affinity functions: "the average or a weighted
sum", "learnable affinity function") is a chain of these.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from awe_cli.kernels.dispatch import implements, inlined
from awe_cli.kernels.families import without_table
from awe_cli.kernels.interface import (
    ceiling,
    directions,
    gradient,
    of_input,
    rate,
    rises,
    score,
    sees_features,
)
from awe_cli.kernels.pairs import pair_share, weighs_pairs, without_pairs
from awe_cli.kernels.vectors import add


class Plus(NamedTuple):
    """f = f of the first + f of the second."""

    first: Any
    second: Any


class Weighed(NamedTuple):
    """f = w · f of the inner one."""

    inner: Any
    row: int  # of the shared numbers, …
    place: int  # … where w is
    learned: bool  # else w is as it was given, and not negative


without_table(Plus, Weighed)
without_pairs(Weighed)


@implements(of_input, Plus)
def _of_input(affinity):
    return of_input(affinity.first) and of_input(affinity.second)


@implements(sees_features, Plus)
def _sees_features(affinity):
    return sees_features(affinity.first) or sees_features(affinity.second)


@implements(directions, Plus)
def _directions(affinity):
    return max(directions(affinity.first), directions(affinity.second))


@implements(rises, Plus)
def _rises(affinity):
    return rises(affinity.first) and rises(affinity.second)


@implements(ceiling, Plus)
def _ceiling(affinity, s, case, label):
    return ceiling(affinity.first, s, case, label) + ceiling(affinity.second, s, case, label)


@implements(rate, Plus)
def _rate(affinity, s, case, label):
    return rate(affinity.first, s, case, label) + rate(affinity.second, s, case, label)


@implements(score, Plus)
def _score(affinity, case, label, hole):
    return score(affinity.first, case, label, hole) + score(affinity.second, case, label, hole)


@implements(gradient, Plus)
def _gradient(affinity, case, label, hole, weight, slopes):
    first = gradient(affinity.first, case, label, hole, weight, slopes)
    second = gradient(affinity.second, case, label, hole, weight, slopes)
    if directions(affinity) == 1:
        return np.float32(first + second)
    if directions(affinity.first) == 1:
        add(slopes.v, np.float32(first), case.z)
    if directions(affinity.second) == 1:
        add(slopes.v, np.float32(second), case.z)
    if not of_input(affinity):
        _spread(case, hole, slopes)
    return np.float32(1)


@inlined
def _spread(case, hole, slopes):
    """Hand a gradient by Ux on to the features, where the sum is one of single features."""
    for t in range(case.indices.shape[0]):
        if t != hole:
            add(slopes.u[t], case.values[t], slopes.z)
    slopes.z[:] = 0


@implements(weighs_pairs, Plus)
def _weighs_pairs(affinity):
    return weighs_pairs(affinity.first)


@implements(pair_share, Plus)
def _share(affinity, case, t, p, label):
    return pair_share(affinity.first, case, t, p, label)


@implements(of_input, Weighed)
def _inner_of_input(affinity):
    return of_input(affinity.inner)


@implements(sees_features, Weighed)
def _inner_sees_features(affinity):
    return sees_features(affinity.inner)


@implements(directions, Weighed)
def _inner_directions(affinity):
    return directions(affinity.inner)


@implements(rises, Weighed)
def _inner_rises(affinity):
    return rises(affinity.inner) and not affinity.learned


@implements(ceiling, Weighed)
def _inner_ceiling(affinity, s, case, label):
    if affinity.learned:
        return np.float32(np.inf)
    return np.float32(_weight(affinity, case) * ceiling(affinity.inner, s, case, label))


@inlined
def _weight(affinity, case):
    return case.learned.shared[affinity.row, affinity.place]


@implements(rate, Weighed)
def _inner_rate(affinity, s, case, label):
    return _weight(affinity, case) * rate(affinity.inner, s, case, label)


@implements(score, Weighed)
def _inner_score(affinity, case, label, hole):
    return _weight(affinity, case) * score(affinity.inner, case, label, hole)


@implements(gradient, Weighed)
def _inner_gradient(affinity, case, label, hole, weight, slopes):
    if affinity.learned:
        found = score(affinity.inner, case, label, hole)
        slopes.shared[affinity.row, affinity.place] += np.float32(weight * found)
    return gradient(affinity.inner, case, label, hole, np.float32(weight * _weight(affinity, case)), slopes)
