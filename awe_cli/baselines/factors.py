"""Right singular vectors of a sparse matrix, the same bytes every time."""

from __future__ import annotations

import numpy as np
import scipy.sparse
import scipy.sparse.linalg
from numpy.typing import NDArray

from awe_cli.affinity.constant import Constant
from awe_cli.baselines.baseline import Arrays, Baseline, Choice, Facts, Told, one_or_all
from awe_cli.engine.local import one_blas_thread
from awe_cli.ranking.embedding import EmbeddingRanker
from awe_cli.ranking.ranker import Ranker

DIMS = (64, 128, 32)
_SEED = 0  # of the vector that the iteration starts from


class FactorModel(Baseline):
    """A baseline with f(x, y) = Σ_i x_i U_i·V_y: U (features, d) and V (labels, d) are what is stored."""

    def choices(self, told: Told, facts: Facts) -> list[Choice]:
        """The dimension."""
        return [{"dim": dim} for dim in one_or_all(told["dim"], DIMS)]

    def ranker(self, facts: Facts, choice: Choice, arrays: Arrays) -> Ranker:
        """By the product of the factors."""
        return EmbeddingRanker(Constant(1.0), arrays["U"], arrays["V"])


def right_vectors(A: scipy.sparse.csr_matrix, dim: int) -> NDArray[np.float64]:
    """Q (columns, d): the right singular vectors of A of the d = min(dim, rank bound) largest values.

    Their largest entry is made positive, so that a sign is no matter of chance.
    """
    shorter = min(A.shape)
    with one_blas_thread():
        if dim < shorter:
            start = np.random.default_rng(_SEED).standard_normal(shorter)
            _, values, vectors = scipy.sparse.linalg.svds(A, k=dim, v0=start)
            vectors = vectors[np.argsort(-values, kind="stable")]
        else:
            vectors = np.linalg.svd(A.toarray(), full_matrices=False)[2]
    Q: NDArray[np.float64] = vectors.T
    signs = np.sign(Q[np.abs(Q).argmax(axis=0), np.arange(Q.shape[1])])
    return Q * np.where(signs < 0, -1.0, 1.0)
