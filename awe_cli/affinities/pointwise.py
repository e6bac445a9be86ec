"""Affinities of the whole score: constant, dot product, Gaussian and embedded Gaussian."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from awe_cli.core.dispatch import implements, inlined
from awe_cli.core.families import gradient_of_norms, of_whole_score, without_table
from awe_cli.core.interface import form, form_slopes, slope, value

# G(x, y) = c: the linear embedding model of AWE eq. 1, WSABIE when trained with its loss.


class Constant(NamedTuple):
    """f = c · Ux·V_y."""

    c: float


without_table(Constant)
of_whole_score(Constant, rising=True)


@implements(value, Constant)
def _constant_value(affinity, s, context, label):
    return affinity.c * s


@implements(slope, Constant)
def _constant_slope(affinity, s, context, label):
    return affinity.c


# Dot product affinity: G = Ux·V_y (affinity functions, "Embedded Dot Product").
#
# G multiplies the score, which is the same number, and a product of two negatives would rank a label high. So
# G = max(0, Ux·V_y), as in affinities/top_k.py. The order of the labels is that of Ux·V_y; the gradient differs.


class Dot(NamedTuple):
    """f = max(0, Ux·V_y) · Ux·V_y."""


without_table(Dot)
of_whole_score(Dot, rising=True)


@implements(value, Dot)
def _dot_value(affinity, s, context, label):
    return max(s, np.float32(0)) * s


@implements(slope, Dot)
def _dot_slope(affinity, s, context, label):
    return 2 * max(s, np.float32(0))


# Gaussian affinity of the embedded points: G = exp(−‖Ux − V_y‖²/(2σ²)) (affinity functions, "Gaussian").
#
# G multiplies the score Ux·V_y and is never negative, so that there is no product of two negatives, and no cut at 0.


class Gaussian(NamedTuple):
    """f = G · Ux·V_y."""

    sigma: float  # σ


without_table(Gaussian)
gradient_of_norms(Gaussian)


@inlined
def _nearness(sigma, s, zz, vv):
    """exp(−‖z − v‖²/(2σ²)), with a distance that rounding cannot make negative."""
    return math.exp(-max(zz + vv - 2 * s, 0.0) / (2 * sigma * sigma))


@implements(form, Gaussian)
def _gaussian_form(affinity, s, zz, vv):
    return _nearness(affinity.sigma, s, zz, vv) * s


@implements(form_slopes, Gaussian)
def _gaussian_form_slopes(affinity, s, zz, vv):
    g = _nearness(affinity.sigma, s, zz, vv)
    fall = s * g / (affinity.sigma * affinity.sigma)
    return g + fall, -fall / 2, -fall / 2


# Embedded Gaussian affinity: G = exp(cos(Ux, V_y)) (affinity functions, "Embedded Gaussian").
#
# The cosine with a zero vector is 0. G multiplies the score Ux·V_y and is never negative, so that there is no product
# of two negatives, and no cut at 0.

_TINY = 1e-30  # ‖Ux‖² ‖V_y‖² below which the cosine counts as 0


class EmbeddedGaussian(NamedTuple):
    """f = exp(κ cos(Ux, V_y)) · Ux·V_y."""

    gain: float  # κ, 1 in the source


without_table(EmbeddedGaussian)
gradient_of_norms(EmbeddedGaussian)


@inlined
def _cosine(s, zz, vv):
    return s / math.sqrt(zz * vv) if zz * vv > _TINY else 0.0


@implements(form, EmbeddedGaussian)
def _embedded_gaussian_form(affinity, s, zz, vv):
    return math.exp(affinity.gain * _cosine(s, zz, vv)) * s


@implements(form_slopes, EmbeddedGaussian)
def _embedded_gaussian_form_slopes(affinity, s, zz, vv):
    if zz * vv <= _TINY:
        return 1.0, 0.0, 0.0
    angle = affinity.gain * _cosine(s, zz, vv)
    g = math.exp(angle)
    turn = s * g * angle
    return g + g * angle, -turn / (2 * zz), -turn / (2 * vv)
