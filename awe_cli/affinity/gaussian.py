"""Gaussian affinity of the embedded points: G = exp(−‖Ux − V_y‖²/(2σ²)) (affinity functions, "Gaussian").

G multiplies the score Ux·V_y and is never negative, so that two negatives cannot meet and nothing is cut off.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from awe_cli.kernels.dispatch import implements, inlined
from awe_cli.kernels.ends import of_both_ends
from awe_cli.kernels.families import without_table
from awe_cli.kernels.interface import form, form_slopes


class Gaussian(NamedTuple):
    """f = G · Ux·V_y."""

    sigma: float  # σ


without_table(Gaussian)
of_both_ends(Gaussian)


@inlined
def _nearness(sigma, s, zz, vv):
    """exp(−‖z − v‖²/(2σ²)), where rounding cannot make the distance negative."""
    return math.exp(-max(zz + vv - 2 * s, 0.0) / (2 * sigma * sigma))


@implements(form, Gaussian)
def _form(affinity, s, zz, vv):
    return _nearness(affinity.sigma, s, zz, vv) * s


@implements(form_slopes, Gaussian)
def _form_slopes(affinity, s, zz, vv):
    g = _nearness(affinity.sigma, s, zz, vv)
    fall = s * g / (affinity.sigma * affinity.sigma)
    return g + fall, -fall / 2, -fall / 2
