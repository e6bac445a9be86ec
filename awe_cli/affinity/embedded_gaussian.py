"""Embedded Gaussian affinity: G = exp(cos(Ux, V_y)) (affinity functions, "Embedded Gaussian").

The cosine of an input or a label of zeros is 0. G multiplies the score Ux·V_y and is never negative, so that two
negatives cannot meet and nothing is cut off.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from awe_cli.kernels.dispatch import implements, inlined
from awe_cli.kernels.ends import of_both_ends
from awe_cli.kernels.families import without_table
from awe_cli.kernels.interface import form, form_slopes

_TINY = 1e-30  # ‖Ux‖² ‖V_y‖² below which there is no angle


class EmbeddedGaussian(NamedTuple):
    """f = (G + floor) · Ux·V_y."""

    floor: float  # added to G


without_table(EmbeddedGaussian)
of_both_ends(EmbeddedGaussian)


@inlined
def _cosine(s, zz, vv):
    return s / math.sqrt(zz * vv) if zz * vv > _TINY else 0.0


@implements(form, EmbeddedGaussian)
def _form(affinity, s, zz, vv):
    return (math.exp(_cosine(s, zz, vv)) + affinity.floor) * s


@implements(form_slopes, EmbeddedGaussian)
def _form_slopes(affinity, s, zz, vv):
    if zz * vv <= _TINY:
        return 1.0 + affinity.floor, 0.0, 0.0
    cosine = _cosine(s, zz, vv)
    g = math.exp(cosine)
    turn = s * g * cosine
    return g + affinity.floor + g * cosine, -turn / (2 * zz), -turn / (2 * vv)
