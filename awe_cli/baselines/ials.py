r"""iALS: implicit alternating least squares (Hu, Koren & Volinsky 2008), by the package `implicit`.

    min Σ_uc c_uc (p_uc − w_u·H_c)² + λ (Σ_u ‖w_u‖² + Σ_c ‖H_c‖²),    c_uc = 1 + α r_uc,   p_uc = [r_uc > 0]

over all pairs of an example u and a column c of A, which is X in recommendation and [X Y] in annotation, as for svd;
r is an entry of A over the mean of its row's in X (of Y: 1), so that the scaling of x does not matter. Someone new
has no row in W: with H fixed the minimum is a linear system,

    (Hᵀ H + Hᵀ diag(α r) H + λ I) w = Hᵀ ((1 + α r) ∘ p),    and f(x, y) = w·H_y,

over the columns of X: labels of a new x are unknown, not absent.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from awe_cli.baselines.baseline import Arrays, Choice, Facts, Told, one_or_all
from awe_cli.baselines.factors import FactorModel
from awe_cli.baselines.matrices import label_matrix
from awe_cli.data.dataset import Dataset
from awe_cli.data.matrix import Rows
from awe_cli.data.sparse import inputs
from awe_cli.engine.local import available_threads, one_blas_thread
from awe_cli.errors import DataError, MissingInputError
from awe_cli.ranking.ranker import Ranker, Scores

INSTALL = "pip install 'awe-cli[ials]'"
_DIMS, _ALPHA, _L2 = (64, 128), (10.0, 40.0), (1.0, 10.0, 0.1)
_PASSES = 15
_SEED = 0  # of the factors begun with


class Ials(FactorModel):
    """Two factors, with more confidence in what is there than in what is not."""

    name = "ials"

    def check(self, told: Told, dataset: Dataset) -> None:
        """The package must be there."""
        _library()

    def choices(self, told: Told, facts: Facts) -> list[Choice]:
        """The dimension, α and λ."""
        return [
            {"dim": dim, "alpha": alpha, "l2": l2}
            for dim in one_or_all(told["dim"], _DIMS)
            for alpha in one_or_all(told["alpha"], _ALPHA)
            for l2 in one_or_all(told["l2"], _L2)
        ]

    def fit(self, facts: Facts, choice: Choice) -> Arrays:
        """H: `features` (features, d) and `labels` (labels, d)."""
        A = relative(inputs(facts.examples.x, facts.n_features))
        if not facts.examples.own:
            Y = label_matrix(facts.examples.positives, facts.n_labels)
            A = scipy.sparse.hstack([A, Y], format="csr")
        A = A.astype(np.float32)
        A.data = np.float32(1) + np.float32(choice["alpha"]) * A.data
        with warnings.catch_warnings(), one_blas_thread():
            warnings.simplefilter("ignore")  # about the threads of matrix products, which are one
            model = _library()(
                factors=min(choice["dim"], *A.shape),
                regularization=choice["l2"],
                iterations=_PASSES,
                num_threads=facts.threads or available_threads(),
                random_state=_SEED,
            )
            model.fit(A, show_progress=False)
        H = np.asarray(model.item_factors, np.float32)
        return {
            "features": H[: facts.n_features],
            "labels": H if facts.examples.own else H[facts.n_features :],
        }

    def ranker(self, facts: Facts, choice: Choice, arrays: Arrays) -> Ranker:
        """By fold-in."""
        return IalsRanker(arrays["features"], arrays["labels"], choice["alpha"], choice["l2"])


class IalsRanker:
    """f(x, y) = w·H_y with the w that is best for x.

    features  (features, d); labels (labels, d)
    """

    def __init__(
        self, features: NDArray[np.float32], labels: NDArray[np.float32], alpha: float, l2: float
    ) -> None:
        self._features, self._labels, self._alpha = features.astype(np.float64), labels, alpha
        self._fixed = self._features.T @ self._features + l2 * np.eye(features.shape[1])

    @property
    def n_labels(self) -> int:
        """The number of labels."""
        return len(self._labels)

    def scores(self, x: Rows) -> Scores:
        """(m, labels) f."""
        R = relative(inputs(x, len(self._features)))
        w = np.zeros((R.shape[0], self._labels.shape[1]))
        for row in range(len(w)):
            entries = slice(R.indptr[row], R.indptr[row + 1])
            H, more = self._features[R.indices[entries]], self._alpha * R.data[entries]
            w[row] = np.linalg.solve(self._fixed + (H.T * more) @ H, H.T @ (1 + more))
        return Scores(np.ascontiguousarray(w.astype(np.float32) @ self._labels.T), None)


def relative(X: scipy.sparse.csr_matrix) -> scipy.sparse.csr_matrix:
    """X (m, features), each entry over the mean of those of its row that are not 0. Raises DataError."""
    X = X.copy()  # indices may belong to the dataset
    X.eliminate_zeros()
    if X.nnz and X.data.min() < 0:
        raise DataError(
            f"ials: expected inputs that are nowhere negative, found {X.data.min():.4g}",
            hint="prepare the data with --scaling l2, l1 or none, or take svd",
        )
    sizes = np.diff(X.indptr)
    means = np.divide(np.asarray(X.sum(axis=1)).ravel(), sizes, out=np.ones(len(sizes)), where=sizes > 0)
    X.data /= np.repeat(means, sizes)
    return X


def _library() -> Any:
    """implicit's model. Raises MissingInputError with the command that installs it."""
    try:
        from implicit.cpu.als import AlternatingLeastSquares
    except ImportError as error:
        raise MissingInputError(
            "ials needs the package implicit, which is not installed", hint=f"install it with `{INSTALL}`"
        ) from error
    return AlternatingLeastSquares
