"""Examples and their labels as scipy's sparse matrices, and what scores labels by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from awe_cli.data.examples import Examples
from awe_cli.data.matrix import Dense, Lists, Rows, n_rows
from awe_cli.data.sparse import inputs
from awe_cli.ranking.ranker import Scores


def label_matrix(positives: Lists, n_labels: int) -> scipy.sparse.csr_matrix:
    """Y (n, labels) of zeros and ones."""
    ones = np.ones(len(positives.indices))
    return scipy.sparse.csr_matrix(
        (ones, positives.indices, positives.indptr), shape=(n_rows(positives), n_labels)
    )


def targets(examples: Examples, X: scipy.sparse.csr_matrix, n_labels: int) -> scipy.sparse.csr_matrix:
    """What is to be predicted: X itself where labels are the features (recommendation), else Y."""
    return X if examples.own else label_matrix(examples.positives, n_labels)


def joint_matrix(
    examples: Examples, n_features: int, n_labels: int
) -> tuple[scipy.sparse.csr_matrix, slice, slice]:
    """The complete matrix of examples, and where its columns of features and of labels are.

    In recommendation they are the same columns; otherwise [X Y] lie side by side.
    """
    X = inputs(examples.x, n_features)
    if examples.own:
        return X, slice(0, n_features), slice(0, n_features)
    both = scipy.sparse.hstack([X, label_matrix(examples.positives, n_labels)], format="csr")
    return both, slice(0, n_features), slice(n_features, n_features + n_labels)


class LinearRanker:
    r"""Scores labels by one weight for each pair of a feature and a label.

    .. math:: f(x, y) = \sum_i x_i B_{iy}

    B     (features, labels), dense or sparse
    ties  (labels,) the greater comes first; None: by label
    """

    def __init__(
        self, B: NDArray[np.float32] | scipy.sparse.csr_matrix, ties: NDArray[np.int64] | None = None
    ) -> None:
        self._B = B
        self._ties = None if ties is None else ties.astype(np.float32)

    @property
    def n_labels(self) -> int:
        """The number of labels."""
        return int(self._B.shape[1])

    def scores(self, x: Rows) -> Scores:
        """(m, labels) f."""
        X = x.values if isinstance(x, Dense) else inputs(x, self._B.shape[0], np.float32)
        F: Any = X @ self._B
        F = np.ascontiguousarray(F.toarray() if scipy.sparse.issparse(F) else F, np.float32)
        return Scores(F, None if self._ties is None else np.tile(self._ties, (len(F), 1)))
