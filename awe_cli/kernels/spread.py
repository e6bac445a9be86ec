"""From weights of examples to weights of labels, and from labels to the labels like them (AWE eq. 3)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from awe_cli.data.matrix import Lists
from awe_cli.kernels.dispatch import kernel
from awe_cli.kernels.frozen import frozen

Floats = NDArray[np.float32]


def add_labels(weights: Floats, labels: Lists, G: Floats) -> None:
    """G[q, y] += Σ_i weights[q, i] [y ∈ Y_i]; weights (m, n), n lists, G (m, labels)."""
    _add_labels(frozen(weights), frozen(labels), G)


def spread_labels(G: Floats, near: NDArray[np.int32], likeness: Floats, out: Floats) -> None:
    """out[q, y] = Σ_j likeness[y, j] · G[q, near[y, j]]; -1 in near (labels of out, n) names no label of G."""
    _spread_labels(frozen(G), frozen(near), frozen(likeness), out)


@kernel
def _add_labels(weights, labels, G):
    for q in range(weights.shape[0]):
        for i in range(weights.shape[1]):
            w = weights[q, i]
            if w != 0:
                for p in range(labels.indptr[i], labels.indptr[i + 1]):
                    G[q, labels.indices[p]] += w


@kernel
def _spread_labels(G, near, likeness, out):
    for q in range(G.shape[0]):
        for y in range(near.shape[0]):
            total = np.float32(0)
            for j in range(near.shape[1]):
                if near[y, j] >= 0:
                    total += likeness[y, j] * G[q, near[y, j]]
            out[q, y] = total
