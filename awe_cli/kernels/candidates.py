"""Scores of a few labels of each example, where the others need none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from awe_cli.data.matrix import Lists
from awe_cli.kernels.dispatch import kernel
from awe_cli.kernels.frozen import frozen
from awe_cli.kernels.vectors import dot_row

Floats = NDArray[np.float32]


def score_candidates(Z: Floats, V: Floats, chosen: NDArray[np.int32], lists: Lists, S: Floats) -> None:
    """S[e, j] = Ux_e·V_y of the j-th label y of the list chosen[e]; S (m, longest list) is kept beyond its end."""
    _score_candidates(frozen(Z), frozen(V), frozen(chosen), frozen(lists), S)


@kernel
def _score_candidates(Z, V, chosen, lists, S):
    for e in range(Z.shape[0]):
        start = lists.indptr[chosen[e]]
        for j in range(lists.indptr[chosen[e] + 1] - start):
            S[e, j] = dot_row(Z[e], V, lists.indices[start + j])
