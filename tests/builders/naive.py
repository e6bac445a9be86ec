"""Eq. 3, 8 and 10 as printed, over pairs and labels one by one."""

from __future__ import annotations

import numpy as np


def kernel(name, lambda_):
    """K(a, b) of two vectors."""

    def gaussian(a, b):
        return np.exp(-lambda_ * np.sum((a - b) ** 2))

    def cosine(a, b):
        lengths = np.linalg.norm(a) * np.linalg.norm(b)
        return a @ b / lengths if lengths else 0.0

    return {
        "gaussian": gaussian, "cosine": cosine, "linear": lambda a, b: a @ b,
        "equality": lambda a, b: float(np.array_equal(a, b)),
    }[name]  # fmt: skip


def pair_sum(query, inputs, labels_of, places, k_x, k_y, apart, skip=None, asked=None):
    """G(x, ·) = Σ_i K_x(x, x_i) Σ_{y_i ∈ Y_i} K_y(y, y_i), over Σ_i |K_x(x, x_i)|, cut off at 0.

    places (labels, ·): where each label is compared; apart: one at distance 0 does not count; asked: where other
    labels are, that G is asked for
    """
    weights = np.array(
        [
            0.0 if i == skip or not len(labels_of[i]) or (apart and np.allclose(query, x_i, atol=1e-9))
            else k_x(query, x_i)
            for i, x_i in enumerate(inputs)
        ]
    )  # fmt: skip
    total = np.abs(weights).sum() or 1
    return [
        max(0, sum(w * k_y(y, places[y_i]) for w, own in zip(weights, labels_of, strict=True) for y_i in own) / total)
        for y in (places if asked is None else asked)
    ]  # fmt: skip


def top_of_leaf(home, leaf, labels_of, n, n_labels, skip=None):
    """The n labels most frequent among the examples of a leaf, without the example `skip`."""
    counts = [
        sum(y in own for e, own in enumerate(labels_of) if home[e] == leaf and e != skip)
        for y in range(n_labels)
    ]
    order = sorted((y for y in range(n_labels) if counts[y]), key=lambda y: (-counts[y], y))
    return sorted(order[:n])
