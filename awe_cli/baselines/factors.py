"""Matrix factorization baselines: SVD, LSI, NMF and iALS."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import scipy.sparse
import scipy.sparse.linalg
from numpy.typing import NDArray

from awe_cli.affinities.pointwise import Constant
from awe_cli.baselines.base import (
    Arrays,
    Baseline,
    Choice,
    Facts,
    Resolved,
    joint_matrix,
    label_matrix,
    one_or_all,
)
from awe_cli.dataset.dataset import Dataset
from awe_cli.engine.local import available_threads, one_blas_thread
from awe_cli.errors import DataError, MissingInputError
from awe_cli.matrices.bags import inputs
from awe_cli.matrices.matrix import Rows
from awe_cli.ranking.embedding import EmbeddingRanker
from awe_cli.ranking.inner_product import InnerProduct
from awe_cli.ranking.ranker import Ranker, Scores

# Right singular vectors of a sparse matrix, deterministic to the byte.

LSI = "lsi"
DIMS = (64, 128, 32)
_SEED = 0  # of the vector that the iteration starts from


class FactorModel(Baseline):
    """A baseline with f(x, y) = Σ_i x_i U_i·V_y; it stores U (features, d) and V (labels, d)."""

    def choices(self, resolved: Resolved, facts: Facts) -> list[Choice]:
        """The dimension."""
        return [{"dim": dim} for dim in one_or_all(resolved["dim"], DIMS)]

    def ranker(self, facts: Facts, choice: Choice, arrays: Arrays) -> Ranker:
        """By the product of the factors."""
        return EmbeddingRanker(Constant(1.0), arrays["U"], arrays["V"])


class FoldInRanker:
    """f(x, y) = w·H_y, with a w of x that is found while H is fixed.

    labels  (labels, d) H
    """

    def __init__(self, labels: NDArray[np.float32]) -> None:
        self.labels = labels

    @property
    def n_labels(self) -> int:
        """The number of labels."""
        return len(self.labels)

    def places(self, x: Rows) -> NDArray[np.float32]:
        """(m, d) w of every row of x."""
        raise NotImplementedError

    def scores(self, x: Rows) -> Scores:
        """(m, labels) f."""
        return Scores(np.ascontiguousarray(self.places(x) @ self.labels.T), None)

    def inner_product(self) -> InnerProduct:
        """w and H_y."""
        return InnerProduct(self.places, self.labels)


def right_vectors(A: scipy.sparse.csr_matrix, dim: int) -> NDArray[np.float64]:
    """Q (columns, d): the right singular vectors of A of the d = min(dim, rank bound) largest values.

    The largest entry of each is made positive, which fixes its sign.
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


# SVD of the complete matrix, its columns weighted by log-odds (AWE §5.3).
#
# A (n, columns) is 0 where entries are unknown. Of all matrices of rank d, the closest one,
#
#     min ‖(A − Â) W‖²,  W = diag(w),  w_c = max(¹/₁₀, ln((n − n_c + ½) / (n_c + ½)))
#
# with n_c the examples that have a value in column c, is Â = A W Q Qᵀ W⁻¹, where the d columns of Q are the
# first right singular vectors of A W. So a new row x is completed by f(x, ·) = x U Vᵀ with U = W Q and V = W⁻¹ Q:
# eq. 1. In recommendation A is X; in annotation it is [X Y], and a new x has no entries in Y. Popular columns weigh
# less, as input and in the error.
#
# Departures: the paper gives no formula for its log-odds weights; ½ and the floor keep them finite and
# positive. Dense features have no odds, and get weight 1.

_LEAST = 0.1  # the smallest weight: a column that half of the examples have would get 0


class Svd(FactorModel):
    """Truncated SVD, folded in."""

    name = "svd"

    def choices(self, resolved: Resolved, facts: Facts) -> list[Choice]:
        """The dimension; the weighting is given."""
        return [{**choice, "weighted": resolved["weighted"]} for choice in super().choices(resolved, facts)]

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


# Latent semantic indexing: the factors of the inputs alone (Deerwester et al. 1990; AWE §2, eq. 1).
#
# X ≈ P Σ Qᵀ of rank d, Q (features, d) the first right singular vectors of X (n, features), without labels. An example
# is the point xQ, and a label the mean of the points of its training examples:
#
#     U = Q,   V_y = 1/|{x : y ∈ Y_x}| Σ_{x : y ∈ Y_x} xQ,   f(x, y) = x U · V_y
#
# Departure: in LSI documents have their own words. A label has only those of its examples, hence the mean. In
# recommendation an item is the mean of the people who chose it.
#
# In retrieval, where documents y do have words, those of queries, Q are the right singular vectors of the rows of all
# documents, and f is the cosine of the two points, but for the length of the query's, which changes no order:
#
#     U = Q,   f(x, y) = x U · yU / ‖yU‖

DOCUMENT_DIMS = (200, 100, 300)


class Lsi(FactorModel):
    """SVD of the inputs, labels at the mean of their examples; or of the documents."""

    name = LSI

    def choices(self, resolved: Resolved, facts: Facts) -> list[Choice]:
        """The dimension, and that it is one of documents, where it is."""
        if not facts.dataset.shares_features:
            return super().choices(resolved, facts)
        return [{"dim": dim, "documents": True} for dim in one_or_all(resolved["dim"], DOCUMENT_DIMS)]

    def ranker(self, facts: Facts, choice: Choice, arrays: Arrays) -> Ranker:
        """By the product of the factors; documents have the place of their words."""
        if not choice.get("documents"):
            return super().ranker(facts, choice, arrays)
        places = _documents(facts) @ arrays["U"]
        lengths = np.linalg.norm(places, axis=1, keepdims=True)
        V = np.divide(places, lengths, out=np.zeros_like(places), where=lengths > 0)
        return EmbeddingRanker(Constant(1.0), arrays["U"], V)

    def fit(self, facts: Facts, choice: Choice) -> Arrays:
        """U (features, d) and V (labels, d); of documents U alone."""
        if choice.get("documents"):
            return {"U": right_vectors(_documents(facts), choice["dim"]).astype(np.float32)}
        X = inputs(facts.examples.x, facts.n_features)
        Q = right_vectors(X, choice["dim"])
        Y = label_matrix(facts.examples.positives, facts.n_labels)
        V = Y.T @ (X @ Q) / np.maximum(np.asarray(Y.sum(axis=0)).reshape(-1, 1), 1)
        return {"U": Q.astype(np.float32), "V": np.asarray(V, np.float32)}


def _documents(facts: Facts) -> scipy.sparse.csr_matrix:
    """(labels, features) the rows of the documents."""
    described = facts.dataset.described
    assert described is not None
    return inputs(described.y, facts.n_features, np.float32)


_NOT_NEGATIVE = "take svd, or prepare inputs without negative numbers; --scaling standard makes some of any"

# Non-negative matrix factorization (Lee & Seung 2001; AWE §2), by scikit-learn.
#
#     min ‖A − W H‖²  with  W (n, d) ≥ 0,  H (d, columns) ≥ 0
#
# A is X in recommendation and [X Y] in annotation, as for svd. A new x has no row in W. Its w is computed with H fixed,
# by a fixed number of passes over the entries of w, each set to its best value,
#
#     w_j ← max(0, w_j + (x Hᵀ − w H Hᵀ)_j / (H Hᵀ)_jj),    and f(x, y) = w·H_y.

NMF_INSTALL = "pip install 'awe-cli[baselines]'"
_SWEEPS = 20
_TINY = 1e-9  # a factor may be all 0


class Nmf(FactorModel):
    """Two factors without negative entries."""

    name = "nmf"

    def check(self, resolved: Resolved, dataset: Dataset) -> None:
        """Raise MissingInputError without scikit-learn."""
        _nmf_library()

    def fit(self, facts: Facts, choice: Choice) -> Arrays:
        """H: `features` (d, features) and `labels` (d, labels)."""
        A, features, labels = joint_matrix(facts.examples, facts.n_features, facts.n_labels)
        if A.nnz and A.data.min() < 0:
            raise DataError(
                f"nmf: expected inputs that are nowhere negative, found {A.data.min():.4g}",
                hint=_NOT_NEGATIVE,
            )
        dim = min(choice["dim"], *A.shape)
        # Rounding may make the error of a perfect fit negative, and the library takes its square root.
        with one_blas_thread(), np.errstate(invalid="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # more iterations change little
            H = _nmf_library()(n_components=dim, init="nndsvda", random_state=0, tol=1e-3).fit(A).components_
        return {"features": H[:, features].astype(np.float32), "labels": H[:, labels].astype(np.float32)}

    def ranker(self, facts: Facts, choice: Choice, arrays: Arrays) -> Ranker:
        """By fold-in."""
        return NmfRanker(arrays["features"], arrays["labels"])


class NmfRanker(FoldInRanker):
    """f(x, y) = w·H_y with the w of x computed by coordinate updates.

    features  (d, features); labels (d, labels)
    """

    def __init__(self, features: NDArray[np.float32], labels: NDArray[np.float32]) -> None:
        super().__init__(labels.T)
        self._features = features.astype(np.float64)
        self._gram = self._features @ self._features.T

    def places(self, x: Rows) -> NDArray[np.float32]:
        """(m, d) w."""
        wanted = np.maximum(inputs(x, self._features.shape[1]) @ self._features.T, 0)
        w = np.zeros_like(wanted)
        for _ in range(_SWEEPS):
            for j in range(w.shape[1]):
                step = (wanted[:, j] - w @ self._gram[:, j]) / (self._gram[j, j] + _TINY)
                w[:, j] = np.maximum(0, w[:, j] + step)
        return w.astype(np.float32)


def _nmf_library() -> Any:
    """scikit-learn's NMF. Raises MissingInputError with the command that installs it."""
    try:
        from sklearn.decomposition import NMF
    except ImportError as error:
        raise MissingInputError(
            "nmf needs scikit-learn, which is not installed", hint=f"install it with `{NMF_INSTALL}`"
        ) from error
    return NMF


# iALS: implicit alternating least squares (Hu, Koren & Volinsky 2008), by the package `implicit`.
#
#     min Σ_uc c_uc (p_uc − w_u·H_c)² + λ (Σ_u ‖w_u‖² + Σ_c ‖H_c‖²),    c_uc = 1 + α r_uc,   p_uc = [r_uc > 0]
#
# over all pairs of an example u and a column c of A, which is X in recommendation and [X Y] in annotation, as
# for svd; r is an entry of X divided by the mean of its row, or 1 for an entry of Y, so that the scaling of x does not
# matter. A new x has no row in W: with H fixed its w solves a linear system,
#
#     (Hᵀ H + Hᵀ diag(α r) H + λ I) w = Hᵀ ((1 + α r) ∘ p),    and f(x, y) = w·H_y,
#
# over the columns of X alone: the labels of a new x are unknown, not absent.

IALS_INSTALL = "pip install 'awe-cli[ials]'"
_DIMS, _ALPHA, _L2 = (64, 128), (10.0, 40.0), (1.0, 10.0, 0.1)
_PASSES = 15
# of the initial factors


class Ials(FactorModel):
    """Two factors, with more confidence in observed entries than in the others."""

    name = "ials"

    def check(self, resolved: Resolved, dataset: Dataset) -> None:
        """Raise MissingInputError without the package `implicit`."""
        _ials_library()

    def choices(self, resolved: Resolved, facts: Facts) -> list[Choice]:
        """The dimension, α and λ."""
        return [
            {"dim": dim, "alpha": alpha, "l2": l2}
            for dim in one_or_all(resolved["dim"], _DIMS)
            for alpha in one_or_all(resolved["alpha"], _ALPHA)
            for l2 in one_or_all(resolved["l2"], _L2)
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
            warnings.simplefilter("ignore")  # of the threads of matrix products, which are set to one
            model = _ials_library()(
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


class IalsRanker(FoldInRanker):
    """f(x, y) = w·H_y with the w that is optimal for x.

    features  (features, d); labels (labels, d)
    """

    def __init__(
        self, features: NDArray[np.float32], labels: NDArray[np.float32], alpha: float, l2: float
    ) -> None:
        super().__init__(labels)
        self._features, self._alpha = features.astype(np.float64), alpha
        self._fixed = self._features.T @ self._features + l2 * np.eye(features.shape[1])

    def places(self, x: Rows) -> NDArray[np.float32]:
        """(m, d) w."""
        R = relative(inputs(x, len(self._features)))
        w = np.zeros((R.shape[0], self.labels.shape[1]))
        for row in range(len(w)):
            entries = slice(R.indptr[row], R.indptr[row + 1])
            H, more = self._features[R.indices[entries]], self._alpha * R.data[entries]
            w[row] = np.linalg.solve(self._fixed + (H.T * more) @ H, H.T @ (1 + more))
        return w.astype(np.float32)


def relative(X: scipy.sparse.csr_matrix) -> scipy.sparse.csr_matrix:
    """X (m, features), each entry divided by the mean of the nonzero entries of its row. Raises DataError."""
    X = X.copy()  # indices may belong to the dataset
    X.eliminate_zeros()
    if X.nnz and X.data.min() < 0:
        raise DataError(
            f"ials: expected inputs that are nowhere negative, found {X.data.min():.4g}",
            hint=_NOT_NEGATIVE,
        )
    sizes = np.diff(X.indptr)
    means = np.divide(np.asarray(X.sum(axis=1)).ravel(), sizes, out=np.ones(len(sizes)), where=sizes > 0)
    X.data /= np.repeat(means, sizes)
    return X


def _ials_library() -> Any:
    """implicit's model. Raises MissingInputError with the command that installs it."""
    try:
        from implicit.cpu.als import AlternatingLeastSquares
    except ImportError as error:
        raise MissingInputError(
            "ials needs the package implicit, which is not installed",
            hint=f"install it with `{IALS_INSTALL}`",
        ) from error
    return AlternatingLeastSquares
