r"""Latent semantic indexing: the factors of the inputs alone (Deerwester et al. 1990; AWE §2, eq. 1).

X ≈ P Σ Qᵀ of rank d, Q (features, d) the first right singular vectors of X (n, features), which labels have no
part in. An example is placed at xQ, and a label at the mean of the places of its training examples:

    U = Q,   V_y = 1/|{x : y ∈ Y_x}| Σ_{x : y ∈ Y_x} xQ,   f(x, y) = x U · V_y

Departures: LSI places documents by their own words. A label has none but those of its examples, hence the mean; in
recommendation, too, where an item is placed among the people who chose it.
"""

from __future__ import annotations

import numpy as np

from awe_cli.baselines.baseline import Arrays, Choice, Facts
from awe_cli.baselines.factors import FactorModel, right_vectors
from awe_cli.baselines.matrices import label_matrix
from awe_cli.data.sparse import inputs


class Lsi(FactorModel):
    """SVD of the inputs, labels at the mean of their examples."""

    name = "lsi"

    def fit(self, facts: Facts, choice: Choice) -> Arrays:
        """U (features, d) and V (labels, d)."""
        X = inputs(facts.examples.x, facts.n_features)
        Q = right_vectors(X, choice["dim"])
        Y = label_matrix(facts.examples.positives, facts.n_labels)
        V = Y.T @ (X @ Q) / np.maximum(np.asarray(Y.sum(axis=0)).reshape(-1, 1), 1)
        return {"U": Q.astype(np.float32), "V": np.asarray(V, np.float32)}
