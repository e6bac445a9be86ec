r"""EASE: the linear model of items by items, in closed form (Steck 2019, "Embarrassingly shallow autoencoders").

    min_B ‖X − X B‖² + λ‖B‖²  with  diag(B) = 0    ⇒    B = I − P diag(P)⁻¹,  P = (XᵀX + λI)⁻¹

X (n, features), B (features, labels), f(x, y) = x·B_y. In annotation labels are no features, there is no diagonal
to hold at 0, and the same least squares is ridge regression: B = (XᵀX + λI)⁻¹ XᵀY.

With fewer examples than features P is had from the smaller X Xᵀ (Woodbury): λP = I − Xᵀ (X Xᵀ + λI)⁻¹ X.

λ is given as a multiple of the mean of the diagonal of XᵀX, so that one grid serves all scalings.
Departures: X are the scaled inputs as prepared, not zeros and ones (`prepare --scaling none` makes them so).
"""

from __future__ import annotations

import numpy as np
import scipy.linalg
import scipy.sparse
from numpy.typing import NDArray

from awe_cli.baselines.baseline import Arrays, Baseline, Choice, Facts, Told, one_or_all
from awe_cli.baselines.matrices import LinearRanker, label_matrix
from awe_cli.baselines.room import require_room
from awe_cli.data.dataset import RECOMMENDATION, Dataset
from awe_cli.data.sparse import inputs
from awe_cli.engine.local import one_blas_thread
from awe_cli.ranking.ranker import Ranker

_L2 = (0.3, 1.0, 3.0, 0.1, 0.03)


class Ease(Baseline):
    """Least squares with one weight for each pair of a feature and a label."""

    name = "ease"

    def check(self, told: Told, dataset: Dataset) -> None:
        """The matrices that are inverted, in float64, and B must fit the memory allowed."""
        features, labels = dataset.n_features, dataset.n_labels
        rows = min(features, dataset.splits["train"]) if dataset.task == RECOMMENDATION else features
        inner = 2 * features**2 if rows == features else features**2 + 2 * rows * features
        need = 8 * (inner + features * labels)
        require_room(need, told["memory"], f"ease with {features:,} features and {labels:,} labels")

    def choices(self, told: Told, facts: Facts) -> list[Choice]:
        """λ, as a multiple."""
        return [{"l2": l2} for l2 in one_or_all(told["l2"], _L2)]

    def fit(self, facts: Facts, choice: Choice) -> Arrays:
        """`B` (features, labels) float32."""
        examples = facts.examples
        X = inputs(examples.x, facts.n_features)
        l2 = choice["l2"] * (X.multiply(X).sum() / facts.n_features or 1.0)
        with one_blas_thread():
            if examples.own and X.shape[0] < facts.n_features:
                B = _without_diagonal(_few_examples(X, l2))
            elif examples.own:
                B = _without_diagonal(_inverse(_factor(X.T @ X, l2)))
            else:
                Y = label_matrix(examples.positives, facts.n_labels)
                factor = _factor(X.T @ X, l2)
                B = scipy.linalg.cho_solve((factor, True), (X.T @ Y).toarray(), overwrite_b=True)
        return {"B": B.astype(np.float32)}

    def ranker(self, facts: Facts, choice: Choice, arrays: Arrays) -> Ranker:
        """By x B."""
        return LinearRanker(arrays["B"], facts.counts)


def _factor(gram: scipy.sparse.csr_matrix, l2: float) -> NDArray[np.float64]:
    """The lower triangular L of L Lᵀ = gram + λI."""
    dense = gram.toarray()
    diagonal = np.arange(len(dense))
    dense[diagonal, diagonal] += l2
    factor: NDArray[np.float64] = scipy.linalg.cholesky(
        dense, lower=True, overwrite_a=True, check_finite=False
    )
    return factor


def _few_examples(X: scipy.sparse.csr_matrix, l2: float) -> NDArray[np.float64]:
    """λP, which differs from P by a factor that falls out of B."""
    factor = _factor(X @ X.T, l2)
    Z = scipy.linalg.solve_triangular(factor, X.toarray(), lower=True, check_finite=False)
    P = -(Z.T @ Z)
    P[np.arange(len(P)), np.arange(len(P))] += 1.0
    return P


def _inverse(factor: NDArray[np.float64]) -> NDArray[np.float64]:
    """(L Lᵀ)⁻¹ of a lower triangular L, whose diagonal λ > 0 keeps away from 0."""
    lower: NDArray[np.float64] = scipy.linalg.lapack.dpotri(factor, lower=1, overwrite_c=1)[0]
    return np.tril(lower) + np.tril(lower, -1).T


def _without_diagonal(P: NDArray[np.float64]) -> NDArray[np.float64]:
    """I − P diag(P)⁻¹, computed in place."""
    P /= -np.diag(P).copy()
    np.fill_diagonal(P, 0)
    return P
