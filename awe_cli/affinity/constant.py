"""G(x, y) = c: the linear embedding model of AWE eq. 1, WSABIE when trained with its loss."""

from __future__ import annotations

from typing import NamedTuple

from awe_cli.kernels.dispatch import implements
from awe_cli.kernels.families import of_whole_score, without_table
from awe_cli.kernels.interface import slope, value


class Constant(NamedTuple):
    """f = c · Ux·V_y."""

    c: float


without_table(Constant)
of_whole_score(Constant, rising=True)


@implements(value, Constant)
def _value(affinity, s, case, label):
    return affinity.c * s


@implements(slope, Constant)
def _slope(affinity, s, case, label):
    return affinity.c
