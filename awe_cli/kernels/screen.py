"""Scores of all labels for the examples of a block, so that most draws are seen at once to violate nothing.

Late in training a positive takes hundreds of draws to find a violator, and each would fetch a row of V from
afar. One pass over V, several examples at a time, costs less than that. The scores are of the whole input; for
an input without its target's feature h they are off by x_h U_h·V_y, at most |x_h| ‖U_h‖ C, and by rounding. So
they only rule draws out: whatever might violate is scored exactly, and every result is the same with or without.
"""

from __future__ import annotations

import numpy as np

from awe_cli.kernels.dispatch import inlined, section
from awe_cli.kernels.rows import project, row_of

_TILE = 64  # rows of V that stay near the processor while the examples pass over them
_ROUNDING = np.float32(1e-4)  # more than float32 sums of any order can differ by, as a share of ‖Ux‖ C


@section
def screen_share(rows, U, V, examples, mine, into):
    """into.screen[e, y] = Ux·V_y for the places e of a block named in `mine`."""
    for e in mine:
        indices, values = row_of(rows, examples[e])
        project(indices, values, U, into.ux[e])
    last = mine.shape[0] - 1
    for start in range(0, V.shape[0], _TILE):
        stop = min(start + _TILE, V.shape[0])
        for first in range(0, mine.shape[0], 4):
            _screen_four(
                into.ux, into.screen, V, start, stop, mine[first], mine[min(first + 1, last)],
                mine[min(first + 2, last)], mine[min(first + 3, last)],
            )  # fmt: skip


@inlined
def _screen_four(ux, screen, V, start, stop, a, b, c, d):
    """Four examples (the last one repeated where there are fewer) against one tile of labels."""
    for y in range(start, stop):
        s_a, s_b, s_c, s_d = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
        for j in range(V.shape[1]):
            v = V[y, j]
            s_a += ux[a, j] * v
            s_b += ux[b, j] * v
            s_c += ux[c, j] * v
            s_d += ux[d, j] * v
        screen[a, y] = s_a
        screen[b, y] = s_b
        screen[c, y] = s_c
        screen[d, y] = s_d


@inlined
def slack(ux, hole, indices, values, U, cap):
    """The most by which a label's exact score can exceed the screened one."""
    whole = np.float32(0)
    for j in range(ux.shape[0]):
        whole += ux[j] * ux[j]
    out = _ROUNDING * np.sqrt(whole) * cap
    if hole >= 0:
        row, target = indices[hole], np.float32(0)
        for j in range(ux.shape[0]):
            target += U[row, j] * U[row, j]
        out += (1 + _ROUNDING) * abs(values[hole]) * np.sqrt(target) * cap
    return out
