"""f and G straight from the paper, in float64: f(x, y) = Σ_ij G_ij(x, y) x_i U_i·V_j y_j (AWE eq. 2).

x (n,) holds the features an example names, U (n, d) their rows; y (label features,) is any vector, one-hot where
labels are features of their own, and V (label features, d). A feature that is left out is not there at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def score(G, x, U, V, y, *own):
    """Eq. 2; `own`: what G has beside U and V."""
    if getattr(G, "whole", False):
        return G(x, U, V, y, *own)
    return np.sum(G(x, U, V, y, *own) * x[:, None] * (U @ V.T) * y)


@dataclass
class Own:
    """What an affinity has beside U and V: rows of features are those of the features an example names."""

    shared: np.ndarray  # (rows, width)
    U_hat: np.ndarray  # (n, e)
    V_hat: np.ndarray  # (label features, e)
    theta: np.ndarray  # (n, label features), NaN for the pairs that have none


def s_prime(eta):
    """The logistic function of eq. 5."""
    return 1 / (1 + np.exp(-eta))


def s_l(eta, alpha, beta):
    """The linear sigmoid of eq. 6."""
    return np.where(eta < beta, beta, np.where(eta <= alpha, eta, alpha))


def relu(gain):
    return lambda t: np.maximum(0, gain * t)


def exponential(gain):
    return lambda t: np.exp(gain * t)


def logistic(gain):
    return lambda t: s_prime(gain * t)


def clipped(gain, alpha, beta):
    return lambda t: s_l(gain * t, alpha, beta)


def matches(x, U, V, y, unit):
    """x_i U_i·V_j y_j of every pair, or U_i·V_j."""
    return (U @ V.T) * (1 if unit else x[:, None] * y)


def constant(c):
    return lambda x, U, V, y: c


def sigmoid(gain, unit):
    """Eq. 5."""
    return lambda x, U, V, y: s_prime(gain * matches(x, U, V, y, unit))


def sigmoid_of_score(gain):
    return lambda x, U, V, y: s_prime(gain * (x @ U @ V.T @ y))


def linear_sigmoid(alpha, beta, gain, unit):
    """Eq. 6 applied to each pair."""
    return lambda x, U, V, y: s_l(gain * matches(x, U, V, y, unit), alpha, beta)


def linear_sigmoid_of_score(alpha, beta, gain):
    """Eq. 6 as printed."""
    return lambda x, U, V, y: s_l(gain * (x @ U @ V.T @ y), alpha, beta)


def top_k(k):
    """Eq. 7 for k = 1, else the sum of the k largest; never negative."""

    def pair_weights(x, U, V, y):
        largest_first = sorted(x * (U @ V.T @ y), reverse=True)
        return max(0, sum(largest_first[:k]))

    return pair_weights


def gaussian(sigma):
    """exp(−‖Ux − Vy‖²/(2σ²)) of the embedded points."""
    return lambda x, U, V, y: np.exp(-np.sum((x @ U - y @ V) ** 2) / (2 * sigma**2))


def embedded_gaussian(gain):
    """exp of κ times the cosine; an input or a label of zeros is at a right angle to all."""

    def G(x, U, V, y):  # noqa: N802
        lengths = np.linalg.norm(x @ U) * np.linalg.norm(y @ V)
        return np.exp(gain * (x @ U @ V.T @ y) / lengths if lengths else 0)

    return G


def dot():
    """Ux·Vy, never negative."""
    return lambda x, U, V, y: max(0, x @ U @ V.T @ y)


def low_rank(s):
    """s(Û_i·V̂_j)."""
    return lambda x, U, V, y, own: s(own.U_hat @ own.V_hat.T)


def tied_low_rank(s):
    """s(U_i·V_j)."""
    return lambda x, U, V, y: s(U @ V.T)


def concat(s, row):
    """s(w·[Ux; Vy])."""
    return lambda x, U, V, y, own: s(own.shared[row] @ np.concatenate([x @ U, V.T @ y]))


def pair_weights(rest):
    """θ_ij of a stored pair, else `rest`."""
    return lambda x, U, V, y, own: np.where(np.isnan(own.theta), rest, own.theta)


def pair_terms():
    """G with f = Σ θ_ij x_i y_j + Σ x_i U_i·V_j y_j, as a function of f."""

    def f(x, U, V, y, own):
        return np.sum((np.nan_to_num(own.theta) + U @ V.T) * x[:, None] * y)

    f.whole = True
    return f


def plus(G, c):
    """G with a floor."""
    return lambda x, U, V, y: G(x, U, V, y) + c


def mix(*members):
    """Σ_m w_m G_m of (G, whether it looks at what an affinity has of its own)."""

    def G(x, U, V, y, own):  # noqa: N802
        return sum(
            w * (member(x, U, V, y, own) if looks else member(x, U, V, y))
            for w, (member, looks) in zip(own.shared[0], members, strict=False)
        )

    return G


def knn(g, power, floor):
    """Eq. 9 where g is its sum for a label; the score it multiplies is cut off at 0."""

    def pair_weights(x, U, V, y):
        return g**power + floor if x @ U @ V.T @ y > 0 else 0

    return pair_weights


def knn_table(neighbors, weights, labels_of, n_labels):
    """g of one query: Σ_j w_j [y ∈ Y_{t_j}]."""
    g = np.zeros(n_labels)
    for neighbor, weight in zip(neighbors, weights, strict=True):
        for label in range(n_labels):
            if neighbor >= 0 and label in labels_of[neighbor]:
                g[label] += weight
    return g
