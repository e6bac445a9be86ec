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
    """f = exp(κ cos(Ux, V_y)) · Ux·V_y."""

    gain: float  # κ, not in the source (there 1)


without_table(EmbeddedGaussian)
of_both_ends(EmbeddedGaussian)


@inlined
def _cosine(s, zz, vv):
    return s / math.sqrt(zz * vv) if zz * vv > _TINY else 0.0


@implements(form, EmbeddedGaussian)
def _form(affinity, s, zz, vv):
    return math.exp(affinity.gain * _cosine(s, zz, vv)) * s


@implements(form_slopes, EmbeddedGaussian)
def _form_slopes(affinity, s, zz, vv):
    if zz * vv <= _TINY:
        return 1.0, 0.0, 0.0
    angle = affinity.gain * _cosine(s, zz, vv)
    g = math.exp(angle)
    turn = s * g * angle
    return g + g * angle, -turn / (2 * zz), -turn / (2 * vv)
