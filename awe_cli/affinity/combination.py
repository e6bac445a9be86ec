"""Sums of affinities: since f is linear in G, f of G + G' is f of G plus f of G'.

`Plus` adds two of them, which makes a constant floor of any affinity (its other term is a `Constant`). A mixture of
several (affinity functions: "the average or a weighted sum", "learnable affinity function") is a chain of these, each
term `Weighed`. Terms that lay out a table have one after the other in g.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from awe_cli.kernels.dispatch import implements, inlined
from awe_cli.kernels.interface import (
    begin,
    ceiling,
    directions,
    finish,
    gradient,
    lays_out,
    of_input,
    parts,
    rate,
    rises,
    score,
    sees_features,
)
from awe_cli.kernels.pairs import pair_share, weighs_pairs
from awe_cli.kernels.vectors import add


class Plus(NamedTuple):
    """f = f of the first + f of the second."""

    first: Any
    second: Any


@implements(lays_out, Plus)
def _lays_out(affinity):
    return lays_out(affinity.first) + lays_out(affinity.second)


@implements(parts, Plus)
def _parts(affinity):
    return max(parts(affinity.first), parts(affinity.second))


@inlined
def _cut(affinity, g):
    """Where the tables of the second begin."""
    return g.shape[0] * lays_out(affinity.first) // max(1, lays_out(affinity))


@implements(begin, Plus)
def _begin(affinity, example, part, g):
    cut = _cut(affinity, g)
    begin(affinity.first, example, part, g[:cut])
    begin(affinity.second, example, part, g[cut:])


@implements(finish, Plus)
def _finish(affinity, example, part, g):
    cut = _cut(affinity, g)
    finish(affinity.first, example, part, g[:cut])
    finish(affinity.second, example, part, g[cut:])


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
    return weighs_pairs(affinity.first) or weighs_pairs(affinity.second)


@implements(pair_share, Plus)
def _share(affinity, case, t, p, j):
    return pair_share(affinity.first, case, t, p, j) + pair_share(affinity.second, case, t, p, j)
