"""Scaled affinities and sums of affinities: f is linear in G."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from awe_cli.core.arrays import add
from awe_cli.core.dispatch import implements, inlined
from awe_cli.core.interface import (
    clear,
    directions,
    factors_through_projection,
    gradient,
    is_featurewise,
    is_monotone,
    load,
    n_tables,
    queries_per_example,
    score,
    score_from_dot,
    upper_bound,
)
from awe_cli.core.pairs import pair_share, weighs_pairs

# A scaled affinity, the term of a mixture. The scale may be learned.


class Scaled(NamedTuple):
    """f = w · f of the inner affinity."""

    inner: Any
    row: int  # of the shared rows, and
    place: int  # position in it of w
    learned: bool  # else w is fixed, and not negative


@implements(n_tables, Scaled)
def _scaled_n_tables(affinity):
    return n_tables(affinity.inner)


@implements(queries_per_example, Scaled)
def _scaled_queries_per_example(affinity):
    return queries_per_example(affinity.inner)


@implements(load, Scaled)
def _scaled_load(affinity, example, part, g):
    load(affinity.inner, example, part, g)


@implements(clear, Scaled)
def _scaled_clear(affinity, example, part, g):
    clear(affinity.inner, example, part, g)


@implements(weighs_pairs, Scaled)
def _scaled_weighs_pairs(affinity):
    return weighs_pairs(affinity.inner)


@implements(pair_share, Scaled)
def _scaled_share(affinity, context, t, p, j):
    return _weight(affinity, context) * pair_share(affinity.inner, context, t, p, j)


@implements(factors_through_projection, Scaled)
def _scaled_factors_through_projection(affinity):
    return factors_through_projection(affinity.inner)


@implements(is_featurewise, Scaled)
def _scaled_is_featurewise(affinity):
    return is_featurewise(affinity.inner)


@implements(directions, Scaled)
def _scaled_directions(affinity):
    return directions(affinity.inner)


@implements(is_monotone, Scaled)
def _scaled_is_monotone(affinity):
    return is_monotone(affinity.inner) and not affinity.learned


@implements(upper_bound, Scaled)
def _scaled_upper_bound(affinity, s, context, label):
    if affinity.learned:
        return np.float32(np.inf)
    return np.float32(_weight(affinity, context) * upper_bound(affinity.inner, s, context, label))


@inlined
def _weight(affinity, context):
    return context.learned.shared[affinity.row, affinity.place]


@implements(score_from_dot, Scaled)
def _scaled_score_from_dot(affinity, s, context, label):
    return _weight(affinity, context) * score_from_dot(affinity.inner, s, context, label)


@implements(score, Scaled)
def _scaled_score(affinity, context, label, left_out):
    return _weight(affinity, context) * score(affinity.inner, context, label, left_out)


@implements(gradient, Scaled)
def _scaled_gradient(affinity, context, label, left_out, weight, gradients):
    if affinity.learned:
        found = score(affinity.inner, context, label, left_out)
        gradients.shared[affinity.row, affinity.place] += np.float32(weight * found)
    return gradient(
        affinity.inner, context, label, left_out, np.float32(weight * _weight(affinity, context)), gradients
    )


# Sums of affinities: since f is linear in G, f of G + G' is f of G plus f of G'.
#
# `Sum` adds two affinities. With a `Constant` as the second term it gives an affinity a floor. A mixture of several
# (affinity functions: "the average or a weighted sum", "learnable affinity function") is a nested sum of `Scaled`
# terms. The tables of its terms follow each other in g.


class Sum(NamedTuple):
    """f = f of the first affinity + f of the second."""

    first: Any
    second: Any


@implements(n_tables, Sum)
def _sum_n_tables(affinity):
    return n_tables(affinity.first) + n_tables(affinity.second)


@implements(queries_per_example, Sum)
def _sum_queries_per_example(affinity):
    return max(queries_per_example(affinity.first), queries_per_example(affinity.second))


@inlined
def _cut(affinity, g):
    """The position in g where the tables of the second affinity begin."""
    return g.shape[0] * n_tables(affinity.first) // max(1, n_tables(affinity))


@implements(load, Sum)
def _sum_load(affinity, example, part, g):
    cut = _cut(affinity, g)
    load(affinity.first, example, part, g[:cut])
    load(affinity.second, example, part, g[cut:])


@implements(clear, Sum)
def _sum_clear(affinity, example, part, g):
    cut = _cut(affinity, g)
    clear(affinity.first, example, part, g[:cut])
    clear(affinity.second, example, part, g[cut:])


@implements(factors_through_projection, Sum)
def _sum_factors_through_projection(affinity):
    return factors_through_projection(affinity.first) and factors_through_projection(affinity.second)


@implements(is_featurewise, Sum)
def _sum_is_featurewise(affinity):
    return is_featurewise(affinity.first) or is_featurewise(affinity.second)


@implements(directions, Sum)
def _sum_directions(affinity):
    return max(directions(affinity.first), directions(affinity.second))


@implements(is_monotone, Sum)
def _sum_is_monotone(affinity):
    return is_monotone(affinity.first) and is_monotone(affinity.second)


@implements(upper_bound, Sum)
def _sum_upper_bound(affinity, s, context, label):
    return upper_bound(affinity.first, s, context, label) + upper_bound(affinity.second, s, context, label)


@implements(score_from_dot, Sum)
def _sum_score_from_dot(affinity, s, context, label):
    return score_from_dot(affinity.first, s, context, label) + score_from_dot(
        affinity.second, s, context, label
    )


@implements(score, Sum)
def _sum_score(affinity, context, label, left_out):
    return score(affinity.first, context, label, left_out) + score(affinity.second, context, label, left_out)


@implements(gradient, Sum)
def _sum_gradient(affinity, context, label, left_out, weight, gradients):
    first = gradient(affinity.first, context, label, left_out, weight, gradients)
    second = gradient(affinity.second, context, label, left_out, weight, gradients)
    if directions(affinity) == 1:
        return np.float32(first + second)
    if directions(affinity.first) == 1:
        add(gradients.v, np.float32(first), context.z)
    if directions(affinity.second) == 1:
        add(gradients.v, np.float32(second), context.z)
    if not factors_through_projection(affinity):
        _spread(context, left_out, gradients)
    return np.float32(1)


@inlined
def _spread(context, left_out, gradients):
    """Turn a gradient by Ux into gradients by features, where the sum is an affinity of single features."""
    for t in range(context.indices.shape[0]):
        if t != left_out:
            add(gradients.u[t], context.values[t], gradients.z)
    gradients.z[:] = 0


@implements(weighs_pairs, Sum)
def _sum_weighs_pairs(affinity):
    return weighs_pairs(affinity.first) or weighs_pairs(affinity.second)


@implements(pair_share, Sum)
def _sum_share(affinity, context, t, p, j):
    return pair_share(affinity.first, context, t, p, j) + pair_share(affinity.second, context, t, p, j)
