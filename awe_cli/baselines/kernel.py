"""Kernel ridge regression: least squares on the similarity of an input to training examples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse
from numpy.typing import NDArray

from awe_cli.baselines.base import (
    Arrays,
    Baseline,
    Choice,
    Chosen,
    Facts,
    Resolved,
    best_of,
    fits_in_memory,
    label_matrix,
    one_or_all,
    require_memory,
    without_score,
)
from awe_cli.dataset.dataset import RECOMMENDATION, Dataset
from awe_cli.engine.checkpoints import NO_CHECKPOINTS, Checkpoints
from awe_cli.engine.local import one_blas_thread
from awe_cli.errors import DataError, SettingsError
from awe_cli.matrices.matrix import Rows, n_rows, slice_rows, take_rows
from awe_cli.neighbors.space import InputSpace, constant_of
from awe_cli.ranking.ranker import Ranker, Scores
from awe_cli.ranking.validation import Validator

# Kernel ridge regression (Saunders, Gammerman & Vovk 1998), with the Gaussian kernel
#
#     f(x, y) = p_y + Σ_i K(x, x_i) A_iy,   K(x, x') = e^(−γ‖x − x'‖²)
#
# over the landmarks x_i, where p_y is the share of the training examples that have y. With all n training examples as
# landmarks A minimises ‖K A − (Y − p)‖² + λ tr(Aᵀ K A):
#
#     (K + λI) A = Y − p
#
# With m < n of them, drawn at random (the subset of regressors, Nyström's approximation):
#
#     (K_nmᵀ K_nm + λ K_mm) A = K_nmᵀ (Y − p)
#
# Points and distances are those of input-knn, or those of an embedding model, as build-knn compares them. γ is given
# as a multiple of 1 / the median squared distance between training examples, so that one grid serves all data;
# K(x, x) = 1, so that λ needs no scale. γ is chosen first, with the first λ, then λ: with fewer landmarks than the
# last fit has, since both depend little on their number.

_GAMMAS = (1.0, 2.0, 4.0, 8.0, 0.5, 0.25)  # multiples, the likeliest first
_L2 = (0.1, 0.01, 0.03, 0.3, 1.0, 3.0, 10.0)
_ALL = 15_000  # examples up to which each one is a landmark
_MANY = 4096  # landmarks of more examples, and the most for a choice
_LOOKED_AT = 1000  # examples whose distances the median is taken over
_BLOCK = 1024  # examples at a time
_SEED = 0  # of the landmarks
# Added to the diagonal, as a share of its mean: the first where two landmarks are the same, the others in turn where
# rounding outweighs λ.
_JITTERS = (1e-9, 1e-7, 1e-5, 1e-3)


@dataclass(frozen=True)
class _Points:
    """Rows as points (n, p), dense or sparse, and their squared lengths."""

    values: Any
    squared: NDArray[np.float64]

    @classmethod
    def of(cls, x: Rows, facts: Facts) -> _Points:
        space = facts.space or InputSpace(facts.n_features, constant_of(facts.dataset))
        values = space.points(x).astype(np.float64)  # distances are differences: in 32 bits K is not positive
        product = values.multiply(values) if scipy.sparse.issparse(values) else values * values
        return cls(values, np.asarray(product.sum(axis=1), np.float64).ravel())

    def squared_distances(self, other: _Points) -> NDArray[np.float64]:
        """‖x − x'‖² (n, m)."""
        products = self.values @ other.values.T
        D = products if isinstance(products, np.ndarray) else products.toarray()
        D *= -2
        D += self.squared[:, None]
        D += other.squared
        return np.maximum(D, 0, out=D)

    def kernel(self, other: _Points, gamma: float) -> NDArray[np.float64]:
        """K (n, m)."""
        D = self.squared_distances(other)
        D *= -gamma
        return np.exp(D, out=D)


@dataclass(frozen=True)
class _Equations:
    """(left + λ penalty) A = right; penalty None: the identity."""

    left: NDArray[np.float64]
    penalty: NDArray[np.float64] | None
    right: NDArray[np.float64]

    def solve(self, l2: float) -> NDArray[np.float32]:
        """A (m, labels). Raises DataError where the equations cannot be solved."""
        for jitter in _JITTERS:
            M = self.left.copy() if self.penalty is None else self.left + l2 * self.penalty
            diagonal = np.arange(len(M))
            M[diagonal, diagonal] += (l2 if self.penalty is None else 0.0) + jitter * np.trace(M) / len(M)
            with one_blas_thread():
                try:
                    factor = scipy.linalg.cholesky(M, lower=True, overwrite_a=True, check_finite=False)
                except np.linalg.LinAlgError:
                    continue
                return scipy.linalg.cho_solve((factor, True), self.right, check_finite=False).astype(
                    np.float32
                )
        raise DataError(
            f"kernel-ridge: the equations with l2 = {l2:g} cannot be solved: their kernel is not positive",
            hint="take a greater --l2, or another --gamma",
        )


class KernelRanker:
    """Scores labels by the kernel of the input and each landmark.

    landmarks  (m,) rows of the training examples
    A          (m, labels) float32
    prior      (labels,) float32
    """

    def __init__(
        self,
        facts: Facts,
        landmarks: NDArray[np.int64],
        gamma: float,
        A: NDArray[np.float32],
        prior: NDArray[np.float32],
    ) -> None:
        self._facts, self._gamma, self.prior = facts, gamma, prior
        self._points = _Points.of(take_rows(facts.examples.x, landmarks), facts)
        self.landmarks, self.A = landmarks, A

    @property
    def n_labels(self) -> int:
        """The number of labels."""
        return len(self.prior)

    def kernel(self, x: Rows) -> NDArray[np.float32]:
        """K (rows of x, landmarks)."""
        return _Points.of(x, self._facts).kernel(self._points, self._gamma).astype(np.float32)

    def scores(self, x: Rows) -> Scores:
        """(rows of x, labels) f."""
        F = self.kernel(x) @ self.A
        F += self.prior
        return Scores(F, None)


class KernelRidge(Baseline):
    """Least squares on the kernel of an input and training examples."""

    name = "kernel-ridge"

    def check(self, resolved: Resolved, dataset: Dataset) -> None:
        """Raise SettingsError in recommendation, and where the matrices in float64 exceed the memory limit."""
        if dataset.task == RECOMMENDATION:
            raise SettingsError(
                "kernel-ridge: expected examples whose labels are no part of their input, found histories",
                hint="take ease, which leaves out the item itself",
            )
        m = _most_landmarks(resolved, dataset)
        require_memory(
            _bytes_of(m, dataset.n_labels),
            resolved["memory"],
            f"kernel-ridge with {m:,} landmarks",
            "take fewer --landmarks",
        )

    def choices(self, resolved: Resolved, facts: Facts) -> list[Choice]:
        """γ and λ: what is taken without validation comes first."""
        scale = _scale(facts)
        gammas = [m * scale for m in _GAMMAS] if resolved["gamma"] is None else [resolved["gamma"]]
        m = _most_landmarks(resolved, facts.dataset)
        most = {} if m == _n_examples(facts.dataset) else {"landmarks": m}
        return [
            {"gamma": gamma, "l2": l2, **most} for gamma in gammas for l2 in one_or_all(resolved["l2"], _L2)
        ]

    def choose(
        self,
        resolved: Resolved,
        facts: Facts,
        validator: Validator | None,
        announce: Callable[[str], None],
        checkpoints: Checkpoints = NO_CHECKPOINTS,
    ) -> Chosen:
        """γ with the first λ, then λ with that γ."""
        choices = self.choices(resolved, facts)
        if validator is None or len(choices) == 1:
            return Chosen(choices[0], [])
        tried: list[Choice] = []

        def attempt(several: list[Choice]) -> None:
            """Try these, all with one γ."""
            equations = None
            for choice in several:
                key = f"choice-{choice['gamma']!r}-{choice['l2']!r}"
                known = checkpoints.load(key)
                if known is None:
                    announce(f"trying gamma = {choice['gamma']:.4g}, l2 = {choice['l2']:.4g}")
                    rows = _landmarks(facts, min(_MANY, choice.get("landmarks", _MANY)))
                    equations = equations or _equations(facts, rows, choice["gamma"])
                    ranker = KernelRanker(
                        facts, rows, choice["gamma"], equations.solve(choice["l2"]), _prior(facts)
                    )
                    score = validator(ranker)
                    checkpoints.keep(key, score)
                tried.append({**choice, "validation": score if known is None else known[0]})

        first = choices[0]["l2"]
        for choice in choices:
            if choice["l2"] == first:
                attempt([choice])
        gamma = best_of(tried)["gamma"]
        attempt([choice for choice in choices if choice["gamma"] == gamma and choice["l2"] != first])
        return Chosen(without_score(best_of(tried)), tried)

    def fit(self, facts: Facts, choice: Choice) -> Arrays:
        """`landmarks` (m,), `A` (m, labels) and `prior` (labels,); the examples are read from the dataset."""
        # Without a number all are landmarks; a fit that has test too is no larger than the one that was checked.
        rows = _landmarks(facts, choice.get("landmarks", _n_examples(facts.dataset)))
        A = _equations(facts, rows, choice["gamma"]).solve(choice["l2"])
        return {"landmarks": rows, "A": A, "prior": _prior(facts)}

    def ranker(self, facts: Facts, choice: Choice, arrays: Arrays) -> Ranker:
        """By the kernel of the landmarks."""
        return KernelRanker(facts, arrays["landmarks"], choice["gamma"], arrays["A"], arrays["prior"])


def _n_examples(dataset: Dataset) -> int:
    """The number of examples of train and valid, the largest fit but for one that has test too."""
    return sum(dataset.splits.get(split, 0) for split in ("train", "valid"))


def _most_landmarks(resolved: Resolved, dataset: Dataset) -> int:
    """How many examples are landmarks: those told, else all where these are few and their matrices fit in memory."""
    n = _n_examples(dataset)
    if resolved["landmarks"] is not None:
        return min(resolved["landmarks"], n)
    few = n <= _ALL and fits_in_memory(_bytes_of(n, dataset.n_labels), resolved["memory"])
    return n if few else min(_MANY, n)


def _bytes_of(m: int, n_labels: int) -> int:
    """What the equations of m landmarks and their solution need."""
    return 8 * m * (2 * m + 2 * n_labels)


def _landmarks(facts: Facts, m: int) -> NDArray[np.int64]:
    """(m,) rows of the training examples, drawn without replacement; ascending."""
    rows = np.random.default_rng(_SEED).permutation(len(facts.examples))[:m]
    return np.sort(rows)


def _scale(facts: Facts) -> float:
    """1 / the median squared distance between training examples."""
    points = _Points.of(take_rows(facts.examples.x, _landmarks(facts, _LOOKED_AT)), facts)
    squared = points.squared_distances(points)[np.triu_indices(len(points.squared), 1)]
    median = float(np.median(squared)) if len(squared) else 1.0
    return 1 / median if median > 0 else 1.0


def _prior(facts: Facts) -> NDArray[np.float32]:
    """p (labels,)."""
    share: NDArray[np.float32] = (facts.counts / max(1, len(facts.examples))).astype(np.float32)
    return share


def _equations(facts: Facts, rows: NDArray[np.int64], gamma: float) -> _Equations:
    """What A solves, with these training examples as landmarks."""
    x, prior = facts.examples.x, _prior(facts).astype(np.float64)
    Y = label_matrix(facts.examples.positives, facts.n_labels)
    landmarks = _Points.of(take_rows(x, rows), facts)
    with one_blas_thread():
        K = landmarks.kernel(landmarks, gamma)
        if len(rows) == n_rows(x):
            return _Equations(K, None, Y.toarray() - prior)
        left, right = np.zeros_like(K), np.zeros((len(rows), facts.n_labels))
        for start in range(0, n_rows(x), _BLOCK):
            block = _Points.of(slice_rows(x, start, start + _BLOCK), facts).kernel(landmarks, gamma)
            left += block.T @ block
            right += (Y[start : start + _BLOCK].T @ block).T - np.outer(block.sum(axis=0), prior)
    return _Equations(left, K, right)
