r"""Non-negative matrix factorization (Lee & Seung 2001; AWE §2), by scikit-learn.

    min ‖A − W H‖²  with  W (n, d) ≥ 0,  H (d, columns) ≥ 0

A is X in recommendation and [X Y] in annotation, as for svd. Someone new has no row in W: it is found from x with H
fixed, by going through the entries of w a fixed number of times, each set to its best value,

    w_j ← max(0, w_j + (x Hᵀ − w H Hᵀ)_j / (H Hᵀ)_jj),    and f(x, y) = w·H_y.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe_cli.baselines.baseline import Arrays, Choice, Facts, Told
from awe_cli.baselines.factors import FactorModel
from awe_cli.baselines.matrices import joint_matrix
from awe_cli.data.dataset import Dataset
from awe_cli.data.matrix import Rows
from awe_cli.data.sparse import inputs
from awe_cli.engine.local import one_blas_thread
from awe_cli.errors import DataError, MissingInputError
from awe_cli.ranking.ranker import Ranker, Scores

INSTALL = "pip install 'awe-cli[baselines]'"
_SWEEPS = 20
_TINY = 1e-9  # a factor may be all 0


class Nmf(FactorModel):
    """Two factors without negative entries."""

    name = "nmf"

    def check(self, told: Told, dataset: Dataset) -> None:
        """scikit-learn must be there."""
        _library()

    def fit(self, facts: Facts, choice: Choice) -> Arrays:
        """H: `features` (d, features) and `labels` (d, labels)."""
        A, features, labels = joint_matrix(facts.examples, facts.n_features, facts.n_labels)
        if A.nnz and A.data.min() < 0:
            raise DataError(
                f"nmf: expected inputs that are nowhere negative, found {A.data.min():.4g}",
                hint="prepare the data with --scaling l2, l1 or none, or take svd",
            )
        dim = min(choice["dim"], *A.shape)
        # Rounding may bring the error of a perfect fit below 0, whose root the library then takes.
        with one_blas_thread(), np.errstate(invalid="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # more iterations change little
            H = _library()(n_components=dim, init="nndsvda", random_state=0, tol=1e-3).fit(A).components_
        return {"features": H[:, features].astype(np.float32), "labels": H[:, labels].astype(np.float32)}

    def ranker(self, facts: Facts, choice: Choice, arrays: Arrays) -> Ranker:
        """By fold-in."""
        return NmfRanker(arrays["features"], arrays["labels"])


class NmfRanker:
    """f(x, y) = w·H_y with the w of x found by updates.

    features  (d, features); labels (d, labels)
    """

    def __init__(self, features: NDArray[np.float32], labels: NDArray[np.float32]) -> None:
        self._features = features.astype(np.float64)
        self._gram = self._features @ self._features.T
        self._labels = labels

    @property
    def n_labels(self) -> int:
        """The number of labels."""
        return self._labels.shape[1]

    def scores(self, x: Rows) -> Scores:
        """(m, labels) f."""
        wanted = np.maximum(inputs(x, self._features.shape[1]) @ self._features.T, 0)
        w = np.zeros_like(wanted)
        for _ in range(_SWEEPS):
            for j in range(w.shape[1]):
                step = (wanted[:, j] - w @ self._gram[:, j]) / (self._gram[j, j] + _TINY)
                w[:, j] = np.maximum(0, w[:, j] + step)
        return Scores(np.ascontiguousarray(w.astype(np.float32) @ self._labels), None)


def _library() -> Any:
    """scikit-learn's NMF. Raises MissingInputError with the command that installs it."""
    try:
        from sklearn.decomposition import NMF
    except ImportError as error:
        raise MissingInputError(
            "nmf needs scikit-learn, which is not installed", hint=f"install it with `{INSTALL}`"
        ) from error
    return NMF
