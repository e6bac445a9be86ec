"""An affinity times a number, which may be learned: the term of a mixture."""

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


class Weighed(NamedTuple):
    """f = w · f of the inner one."""

    inner: Any
    row: int  # of the shared numbers, …
    place: int  # … where w is
    learned: bool  # else w is as it was given, and not negative


@implements(lays_out, Weighed)
def _lays_out(affinity):
    return lays_out(affinity.inner)


@implements(parts, Weighed)
def _parts(affinity):
    return parts(affinity.inner)


@implements(begin, Weighed)
def _begin(affinity, example, part, g):
    begin(affinity.inner, example, part, g)


@implements(finish, Weighed)
def _finish(affinity, example, part, g):
    finish(affinity.inner, example, part, g)


@implements(weighs_pairs, Weighed)
def _weighs_pairs(affinity):
    return weighs_pairs(affinity.inner)


@implements(pair_share, Weighed)
def _share(affinity, case, t, p, j):
    return _weight(affinity, case) * pair_share(affinity.inner, case, t, p, j)


@implements(of_input, Weighed)
def _of_input(affinity):
    return of_input(affinity.inner)


@implements(sees_features, Weighed)
def _sees_features(affinity):
    return sees_features(affinity.inner)


@implements(directions, Weighed)
def _directions(affinity):
    return directions(affinity.inner)


@implements(rises, Weighed)
def _rises(affinity):
    return rises(affinity.inner) and not affinity.learned


@implements(ceiling, Weighed)
def _ceiling(affinity, s, case, label):
    if affinity.learned:
        return np.float32(np.inf)
    return np.float32(_weight(affinity, case) * ceiling(affinity.inner, s, case, label))


@inlined
def _weight(affinity, case):
    return case.learned.shared[affinity.row, affinity.place]


@implements(rate, Weighed)
def _rate(affinity, s, case, label):
    return _weight(affinity, case) * rate(affinity.inner, s, case, label)


@implements(score, Weighed)
def _score(affinity, case, label, hole):
    return _weight(affinity, case) * score(affinity.inner, case, label, hole)


@implements(gradient, Weighed)
def _gradient(affinity, case, label, hole, weight, slopes):
    if affinity.learned:
        found = score(affinity.inner, case, label, hole)
        slopes.shared[affinity.row, affinity.place] += np.float32(weight * found)
    return gradient(affinity.inner, case, label, hole, np.float32(weight * _weight(affinity, case)), slopes)
