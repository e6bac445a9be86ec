"""Linear baselines: EASE, one-vs-rest, linear SVM, PAMIR and WARP one-vs-rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
import scipy.linalg
import scipy.sparse
from numpy.typing import NDArray

from awe_cli.baselines.base import (
    Arrays,
    Baseline,
    Choice,
    Facts,
    LinearRanker,
    Resolved,
    label_matrix,
    one_or_all,
    require_memory,
)
from awe_cli.baselines.dual_steps import Dual, Svm, learn_svm
from awe_cli.baselines.pairwise_steps import PairwiseLoss, learn_pass
from awe_cli.baselines.passive_aggressive import Inputs, learn
from awe_cli.dataset.dataset import RECOMMENDATION, Dataset
from awe_cli.engine.local import map_blocks, one_blas_thread
from awe_cli.losses.registry import HARMONIC, rank_weights
from awe_cli.matrices.bags import inputs
from awe_cli.matrices.matrix import Lists, n_rows
from awe_cli.ranking.ranker import Ranker

# EASE: the linear model of items by items, in closed form (Steck 2019, "Embarrassingly shallow
# autoencoders").
#
#     min_B ‖X − X B‖² + λ‖B‖²  with  diag(B) = 0    ⇒    B = I − P diag(P)⁻¹,  P = (XᵀX + λI)⁻¹
#
# X (n, features), B (features, labels), f(x, y) = x·B_y. In annotation labels are no features, so that there is no
# constraint on the diagonal, and least squares is ridge regression: B = (XᵀX + λI)⁻¹ XᵀY.
#
# With fewer examples than features P is computed from the smaller X Xᵀ (Woodbury): λP = I − Xᵀ (X Xᵀ + λI)⁻¹ X.
#
# λ is given as a multiple of the mean of the diagonal of XᵀX, so that one grid serves all scalings.
# Departure: X are the scaled inputs as prepared, not zeros and ones (use `prepare --scaling none` for these).

_L2 = (1.0, 3.0, 0.3, 10.0, 0.1)


class Ease(Baseline):
    """Least squares with one weight for each pair of a feature and a label."""

    name = "ease"

    def check(self, resolved: Resolved, dataset: Dataset) -> None:
        """Raise SettingsError where the matrices to invert, in float64, and B exceed the memory limit."""
        features, labels = dataset.n_features, dataset.n_labels
        rows = min(features, dataset.splits["train"]) if dataset.task == RECOMMENDATION else features
        inner = 2 * features**2 if rows == features else features**2 + 2 * rows * features
        need = 8 * (inner + features * labels)
        require_memory(need, resolved["memory"], f"ease with {features:,} features and {labels:,} labels")

    def choices(self, resolved: Resolved, facts: Facts) -> list[Choice]:
        """λ, as a multiple."""
        return [{"l2": l2} for l2 in one_or_all(resolved["l2"], _L2)]

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
    """λP, which gives the same B as P."""
    factor = _factor(X @ X.T, l2)
    Z = scipy.linalg.solve_triangular(factor, X.toarray(), lower=True, check_finite=False)
    P = -(Z.T @ Z)
    P[np.arange(len(P)), np.arange(len(P))] += 1.0
    return P


def _inverse(factor: NDArray[np.float64]) -> NDArray[np.float64]:
    """(L Lᵀ)⁻¹ of a lower triangular L, which λ > 0 makes invertible."""
    lower: NDArray[np.float64] = scipy.linalg.lapack.dpotri(factor, lower=1, overwrite_c=1)[0]
    return np.tril(lower) + np.tril(lower, -1).T


def _without_diagonal(P: NDArray[np.float64]) -> NDArray[np.float64]:
    """I − P diag(P)⁻¹, computed in place."""
    P /= -np.diag(P).copy()
    np.fill_diagonal(P, 0)
    return P


# Common code of the baselines that learn a weight vector w_y for each label: f(x, y) = w_y·x.

_C = (0.1, 0.01, 1.0)
_BLOCK = 16  # labels learned at a time


class LabelWeights(Baseline):
    """Weights learned label by label or pair by pair; a subclass implements `learn`."""

    epochs: ClassVar[int] = 5  # the default
    strength: ClassVar[str] = "aggressiveness"  # the setting that C is
    strengths: ClassVar[tuple[float, ...]] = _C  # to choose from

    def check(self, resolved: Resolved, dataset: Dataset) -> None:
        """Raise SettingsError where W in float32, and its transposed copy, exceed the memory limit."""
        features, labels = dataset.n_features, dataset.n_labels
        what = f"{self.name} with {features:,} features and {labels:,} labels"
        require_memory(8 * features * labels, resolved["memory"], what)

    def choices(self, resolved: Resolved, facts: Facts) -> list[Choice]:
        """C; the number of passes is given."""
        epochs = resolved["epochs"] or self.epochs
        return [{"C": c, "epochs": epochs} for c in one_or_all(resolved[self.strength], self.strengths)]

    def fit(self, facts: Facts, choice: Choice) -> Arrays:
        """`B` (features, labels) float32, and what `learn` returns."""
        X = inputs(facts.examples.x, facts.n_features, np.float32)
        squared = np.asarray(X.multiply(X).sum(axis=1)).ravel().astype(np.float32)
        x = Inputs(X.indptr.astype(np.int64), X.indices.astype(np.int32), X.data, squared)
        W = np.zeros((facts.n_labels, facts.n_features), np.float32)
        more = self.learn(x, facts, choice, facts.dataset.task == RECOMMENDATION, W)
        return {"B": np.ascontiguousarray(W.T), **more}

    def learn(self, x: Inputs, facts: Facts, choice: Choice, own: bool, W: NDArray[np.float32]) -> Arrays:
        """Take W (labels, features) from zeros through all passes; own: whether feature y is label y.

        Returns what else to store of the fit.
        """
        raise NotImplementedError

    def ranker(self, facts: Facts, choice: Choice, arrays: Arrays) -> Ranker:
        """By x B."""
        return LinearRanker(arrays["B"], facts.counts)


def each_label(facts: Facts, learn_one: Callable[[int, NDArray[np.bool_]], None]) -> None:
    """Call `learn_one` for every label with (n,) whether an example of the fit has it, in blocks on the threads."""
    n = n_rows(facts.examples.positives)
    Y = label_matrix(facts.examples.positives, facts.n_labels).tocsc()

    def work(start: int) -> None:
        for label in range(start, min(start + _BLOCK, facts.n_labels)):
            has = np.zeros(n, np.bool_)
            has[Y.indices[Y.indptr[label] : Y.indptr[label + 1]]] = True
            learn_one(label, has)

    for _ in map_blocks(work, range(0, facts.n_labels, _BLOCK), facts.threads):
        pass


# One-vs-rest: a linear classifier for each label, learned by passive-aggressive updates (Crammer et al. 2006,
# PA-I).
#
# For each example in turn, with s = 1 where it has the label y and −1 where not:
#
#     ℓ = max(0, 1 − s w_y·x),   τ = min(C, ℓ/‖x‖²),   w_y ← w_y + τ s x;     f(x, y) = w_y·x
#
# The order of the examples is drawn for each pass. In recommendation the item y is left out of x for its own
# classifier: w_yy stays 0. Labels are independent, so that the number of threads has no effect on the result.

_SEED = 0  # of the order of the examples


class OneVsRest(LabelWeights):
    """A classifier for each label."""

    name = "one-vs-rest"

    def learn(self, x: Inputs, facts: Facts, choice: Choice, own: bool, W: NDArray[np.float32]) -> Arrays:
        """Label by label."""
        random = np.random.default_rng(_SEED)
        orders = np.stack([random.permutation(len(x.squared)) for _ in range(choice["epochs"])])

        def learn_one(label: int, has: NDArray[np.bool_]) -> None:
            learn(x, has, orders, choice["C"], label if own else -1, W[label])

        each_label(facts, learn_one)
        return {}


# A linear support vector machine for each label, with squared hinge loss (Hsieh et al. 2008; DiSMEC, Babbar & Schölkopf
# 2017, has one for each of very many labels). With s = 1 where an example has the label y and −1 where not:
#
#     min_w ½‖w_y‖² + C Σ max(0, 1 − s w_y·x)²;     f(x, y) = w_y·x
#
# w_y comes as near to the minimum as the tolerance says, which leaves it some dependence on the order of the examples,
# drawn for each label. Labels are independent, so that the number of threads has no effect. In recommendation the item
# y is left out of x, as for one-vs-rest.

_COSTS = (0.3, 1.0, 0.1, 3.0, 0.03)
_TOLERANCE = 0.1  # of the gradient, LIBLINEAR's
_FAR = 1.0  # a difference between gradients that is worth a warning: the whole margin of an example


class LinearSvm(LabelWeights):
    """A linear support vector machine for each label."""

    name = "linear-svm"
    epochs = 50
    strength = "cost"
    strengths = _COSTS

    def learn(self, x: Inputs, facts: Facts, choice: Choice, own: bool, W: NDArray[np.float32]) -> Arrays:
        """Label by label; `gaps` (labels,) are the differences between projected gradients at the end."""
        svm = Svm(choice["C"], choice["epochs"], _TOLERANCE)
        gaps = np.empty(facts.n_labels, np.float32)

        def learn_one(label: int, has: NDArray[np.bool_]) -> None:
            dual = Dual(np.empty(len(has)), np.empty(len(has), np.int64))
            gaps[label] = learn_svm(x, has, svm, label, label if own else -1, dual, W[label])

        each_label(facts, learn_one)
        return {"gaps": gaps}

    def warnings(self, choice: Choice, arrays: Arrays) -> list[str]:
        """Of labels whose weights are far from the best."""
        n, of = int((arrays["gaps"] > _FAR).sum()), len(arrays["gaps"])
        words = (
            f"labels whose weights are far from the best after {choice['epochs']:,} passes: {n:,} of {of:,}; give all "
            "features one scale, as `awe prepare` does without --scaling none, or take more --epochs"
        )
        return [words] if n else []


# A weight vector for each label, learned by passive-aggressive steps on pairs of labels (Grangier & Bengio 2008; WSABIE
# §6.3).
#
# For each positive y of each example in turn, a label ȳ ∉ Y_x is drawn until one violates the margin 1; N
# counts draws:
#
#     ℓ = 1 − w_y·x + w_ȳ·x > 0,   τ = min(C L, ℓ / (2‖x‖²)),   w_y ← w_y + τ x,   w_ȳ ← w_ȳ − τ x;     f(x, y) = w_y·x
#
# τ solves min ½‖W' − W‖² + C L ξ with w'_y·x − w'_ȳ·x ≥ 1 − ξ: eq. 6 of PAMIR, its slack ξ weighted by L.
#
# `pamir`             one draw, L = 1: the mean rank counts (AUC; "PAMIR-IA" of WSABIE, Table 2)
# `warp-one-vs-rest`  up to 1,000 draws, L = Σ_{j ≤ r} 1/j, r = ⌊|Y∖Y_x|/N⌋: the top counts (WARP; WSABIE,
# Table 5)
#
# Departures: PAMIR draws triplets at random; here a pass goes over all positives once. WSABIE's step for WARP is C L
# for any ℓ; here it is no longer than needed for ℓ = 0. In recommendation the positive is left out of x for both
# scores. Every step depends on the one before, so that learning takes one thread.

_MOST_TRIALS = 1000
# of the order of the examples, and of the draws


class Pamir(LabelWeights):
    """The margin ranking loss."""

    name = "pamir"
    epochs = 20
    max_trials: ClassVar[int] = 1

    def weights(self, n_labels: int) -> NDArray[np.float32]:
        """(labels + 1,) L by rank."""
        return np.ones(n_labels + 1, np.float32)

    def learn(self, x: Inputs, facts: Facts, choice: Choice, own: bool, W: NDArray[np.float32]) -> Arrays:
        """Pass by pass, with a new order of the examples for each."""
        random = np.random.default_rng(_SEED)
        indptr, indices = facts.examples.positives
        positives = Lists(np.require(indptr, np.int64, "W"), np.require(indices, np.int32, "W"))
        loss = PairwiseLoss(choice["C"], self.max_trials, self.weights(facts.n_labels), own, _SEED)
        for epoch in range(choice["epochs"]):
            order, mark = random.permutation(len(x.squared)), np.full(facts.n_labels, -1, np.int32)
            learn_pass(x, positives, loss, order, epoch, mark, W)
        return {}


class WarpOneVsRest(Pamir):
    """The WARP loss."""

    name = "warp-one-vs-rest"
    epochs = 10
    max_trials = _MOST_TRIALS

    def weights(self, n_labels: int) -> NDArray[np.float32]:
        """(labels + 1,) L by rank."""
        return rank_weights(HARMONIC, n_labels)
