"""Dot product affinity: G = Ux·V_y (affinity functions, "Embedded Dot Product").

It multiplies the score, which is the same number, and two negatives would rank a label high: G = max(0, Ux·V_y), as
affinity/top_k.py has it. The order of the labels is that of Ux·V_y; what differs is the gradient.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from awe_cli.kernels.dispatch import implements
from awe_cli.kernels.families import of_whole_score, without_table
from awe_cli.kernels.interface import slope, value


class Dot(NamedTuple):
    """f = max(0, Ux·V_y) · Ux·V_y."""


without_table(Dot)
of_whole_score(Dot, rising=True)


@implements(value, Dot)
def _value(affinity, s, case, label):
    return max(s, np.float32(0)) * s


@implements(slope, Dot)
def _slope(affinity, s, case, label):
    return 2 * max(s, np.float32(0))
