r"""SVD of the complete matrix, its columns weighted by log-odds (AWE §5.3).

A (n, columns) holds 0 where nothing is known. Of all matrices of rank d, the one that is closest,

    min ‖(A − Â) W‖²,  W = diag(w),  w_c = max(¹/₁₀, ln((n − n_c + ½) / (n_c + ½)))

with n_c the examples that have a value in column c, is Â = A W Q Qᵀ W⁻¹, where the d columns of Q are the first
right singular vectors of A W. So a row x that was never seen is completed by f(x, ·) = x U Vᵀ with U = W Q and
V = W⁻¹ Q: eq. 1. In recommendation A is X; in annotation it is [X Y], and a new x has no entries in Y yet.
Popular columns weigh less, as input and in what the factors are spent on.

Departures: the paper gives no formula for its log-odds weights; ½ and the floor keep them finite and positive.
Dense features, which are no events that have odds, have weight 1.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from awe_cli.baselines.baseline import Arrays, Choice, Facts, Told
from awe_cli.baselines.factors import FactorModel, right_vectors
from awe_cli.baselines.matrices import joint_matrix

_LEAST = 0.1  # of a weight: a column that half of the examples have would have 0


class Svd(FactorModel):
    """Truncated SVD, folded in."""

    name = "svd"

    def choices(self, told: Told, facts: Facts) -> list[Choice]:
        """The dimension; whether columns are weighted is settled."""
        return [{**choice, "weighted": told["weighted"]} for choice in super().choices(told, facts)]

    def fit(self, facts: Facts, choice: Choice) -> Arrays:
        """U (features, d) and V (labels, d)."""
        A, features, labels = joint_matrix(facts.examples, facts.n_features, facts.n_labels)
        weights = log_odds(A) if choice["weighted"] else np.ones(A.shape[1])
        if facts.dataset.dense:
            weights[features] = 1
        Q = right_vectors(A @ scipy.sparse.diags(weights), choice["dim"])
        U, V = Q * weights[:, None], Q / weights[:, None]
        return {"U": U[features].astype(np.float32), "V": V[labels].astype(np.float32)}


def log_odds(A: scipy.sparse.csr_matrix) -> NDArray[np.float64]:
    """w (columns,): the greater, the fewer rows have the column."""
    having = np.bincount(A.indices[A.data != 0], minlength=A.shape[1])
    return np.maximum(_LEAST, np.log((A.shape[0] - having + 0.5) / (having + 0.5)))
