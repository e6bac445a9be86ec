"""Baselines of neighbours: k-NN on the input, in an embedding, in the leaf of a tree, and among items."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from awe_cli.baselines.base import (
    Arrays,
    Baseline,
    Choice,
    Chosen,
    Facts,
    LinearRanker,
    Resolved,
    best_of,
    one_or_all,
    targets,
    without_score,
)
from awe_cli.dataset.dataset import Dataset
from awe_cli.engine.checkpoints import NO_CHECKPOINTS, Checkpoints
from awe_cli.engine.local import map_blocks
from awe_cli.errors import SettingsError
from awe_cli.matrices.bags import inputs, largest
from awe_cli.matrices.matrix import Lists, Rows, n_rows, slice_rows, take_rows
from awe_cli.neighbors.choice import MULTIPLES
from awe_cli.neighbors.index import affinities, find_all, typical_squared, weigh
from awe_cli.neighbors.search import Nearest
from awe_cli.neighbors.space import Finder, InputSearch, constant_of
from awe_cli.neighbors.tree import ProjectionTree
from awe_cli.ranking.embedding import WeightedNeighbors
from awe_cli.ranking.ranker import Ranker, Scores
from awe_cli.ranking.validation import Validator

# Ranking by the labels of neighbours.


class KnnRanker:
    r"""Scores a label by the weight of the neighbours that have it; ties go by popularity.

    .. math:: f(x, y) = \sum_{j \le k} w_j [y \in Y_{t_j}]

    neighbors  rows of x → the nearest training examples (m, k), -1 where there are fewer, and their weights (m, k)
    labels     of the training examples
    counts     (labels,) the number of training examples that have each label
    """

    def __init__(self, neighbors: WeightedNeighbors, labels: Lists, counts: NDArray[np.int64]) -> None:
        self.neighbors, self._labels = neighbors, labels
        self._counts = counts.astype(np.float32)

    @property
    def n_labels(self) -> int:
        """The number of labels."""
        return len(self._counts)

    def scores(self, x: Rows) -> Scores:
        """(m, labels) G, with the counts as tie values."""
        G = affinities(*self.neighbors(x), self._labels, self.n_labels)
        return Scores(G, np.tile(self._counts, (len(G), 1)))


# k-NN on the input itself, before any embedding (the k-NN of AWE's tables 1 and 2, WSABIE §6.3).
#
#     f(x, y) = Σ_{j ≤ k} w_j [y ∈ Y_{t_j}],   w_j = e^(−λ d(x, x_{t_j})²) / Σ_j' e^(−λ d²)
#
# over the k nearest training examples t_j. d is Euclidean for dense x. Bags are normalised, so that d² = 2 − 2 cos; an
# example without a common feature is no neighbour, and the constant feature is left out. k and λ are chosen on
# validation. Ties go by popularity.
#
# In recommendation a known person is their own nearest neighbour, whose items are no candidates.

INPUT_KS = (50, 20, 100, 200)
_LOOKED_AT = 1000  # training examples sampled for the typical distance, without validation


class InputKnn(Baseline):
    """k-NN on x."""

    name = "input-knn"

    def settled(self, resolved: Resolved, facts: Facts) -> Choice:
        """The settings of the neighbour search, before k and λ."""
        return {}

    def search(self, facts: Facts, settled: Choice) -> Finder:
        """The search among the training examples."""
        return InputSearch(facts.examples.x, facts.n_features, constant_of(facts.dataset))

    def choose(
        self,
        resolved: Resolved,
        facts: Facts,
        validator: Validator | None,
        announce: Callable[[str], None],
        checkpoints: Checkpoints = NO_CHECKPOINTS,
    ) -> Chosen:
        """Choose k and λ: neighbours are searched once, and every combination is evaluated with them."""
        ks = one_or_all(resolved["k"], INPUT_KS)
        fixed, settled = resolved["lambda_"], self.settled(resolved, facts)
        if fixed is not None and len(ks) == 1:
            return Chosen({**settled, "k": ks[0], "lambda": fixed}, [])
        search = self.search(facts, settled)
        if validator is None:
            return Chosen({**settled, "k": ks[0], "lambda": _without_given(fixed, search, facts)}, [])
        announce("choosing k and λ on validation")
        near = find_all(search, validator.examples.x, max(ks), facts.engine)
        lambdas = [fixed] if fixed is not None else [m / typical_squared(near) for m in MULTIPLES]
        trials = [(k, lambda_) for k in ks for lambda_ in lambdas]
        values = validator.judge_trials(
            _ByNeighbors(near, facts.examples.positives, facts.counts.astype(np.float32)),
            trials, facts.n_labels, facts.engine, checkpoints, key=lambda trial: "choice-{}-{!r}".format(*trial),
        )  # fmt: skip
        tried = [
            {**settled, "k": k, "lambda": lambda_, "validation": found[0] if found else float("nan")}
            for (k, lambda_), found in zip(trials, values, strict=True)
        ]
        return Chosen(without_score(best_of(tried)), tried)

    def fit(self, facts: Facts, choice: Choice) -> Arrays:
        """`counts` (labels,); the examples themselves are read from the dataset."""
        return {"counts": facts.counts}

    def ranker(self, facts: Facts, choice: Choice, arrays: Arrays) -> Ranker:
        """By the neighbours among the training examples."""
        search = self.search(facts, choice)
        k, lambda_ = choice["k"], choice["lambda"]

        def neighbors(x: Rows) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
            near = search.nearest(x, k)
            return near.rows, weigh(near, lambda_)

        return KnnRanker(neighbors, facts.examples.positives, arrays["counts"])


@dataclass(frozen=True)
class _ByNeighbors:
    """The scores of validation examples by some of the neighbours found, for any k and λ.

    labels  of the training examples
    ties    (labels,) that break ties
    """

    near: Nearest
    labels: Lists
    ties: NDArray[np.float32]

    def __call__(self, trial: tuple[int, float], start: int, stop: int) -> Iterator[Scores]:
        k, lambda_ = trial
        some = Nearest(self.near.rows[start:stop, :k], self.near.squared[start:stop, :k])
        G = affinities(some.rows, weigh(some, lambda_), self.labels, len(self.ties))
        yield Scores(G, np.tile(self.ties, (len(G), 1)))


def _without_given(fixed: float | None, search: Finder, facts: Facts) -> float:
    """λ without validation: the middle multiple of 1 / the typical squared distance to another example."""
    if fixed is not None:
        return float(fixed)
    near = search.nearest(slice_rows(facts.examples.x, 0, _LOOKED_AT), 21)
    return MULTIPLES[1] / typical_squared(Nearest(near.rows[:, 1:], near.squared[:, 1:]))


# k-NN in the embedding space of a model: the affinity alone, without the score of the embedding (AWE §5.1).
#
# f is that of input-knn with distances ‖Ux − Ux'‖, compared and searched as in the neighbour table of the model. k and
# λ are chosen for this ranking, since those of the table are the best for the product G · S.


class EmbeddingKnn(InputKnn):
    """k-NN on Ux."""

    name = "knn"

    def search(self, facts: Facts, settled: Choice) -> Finder:
        """The training examples in the embedding space."""
        assert facts.embedded is not None
        return facts.embedded


# Approximate k-NN on the input: the nearest examples in the same leaf of a random-projection tree.
#
# f is that of input-knn, over the k nearest of the t ≈ n/2^p training examples in the leaf of x (WSABIE
# §6.3). More levels p are faster and less accurate; p = 0 is input-knn itself. The tree is built on the points of the
# search: dense x as they are, normalised bags.

_LEAF = 1000  # the approximate number of examples in a leaf, by default
_SEED = 0  # of the random directions


class TreeKnn(InputKnn):
    """k-NN on x within a leaf."""

    name = "tree-knn"

    def check(self, resolved: Resolved, dataset: Dataset) -> None:
        """Raise SettingsError for more leaves than training examples."""
        n = dataset.splits["train"]
        most = max(0, n.bit_length() - 1)
        if resolved["levels"] is not None and resolved["levels"] > most:
            raise SettingsError(
                f"--levels: expected at most {most}, found {resolved['levels']}: "
                f"{n:,} training examples do not fill 2^{resolved['levels']} leaves",
                hint="leave it out for leaves of about 1,000 examples",
            )

    def settled(self, resolved: Resolved, facts: Facts) -> Choice:
        """The levels p; by default those that bring leaves closest to 1,000 examples."""
        fitting = round(np.log2(max(1.0, len(facts.examples) / _LEAF)))
        return {"levels": resolved["levels"] if resolved["levels"] is not None else fitting}

    def search(self, facts: Facts, settled: Choice) -> InputSearch:
        """The tree and its leaves."""
        return TreeSearch(facts.examples.x, facts.n_features, settled["levels"], constant_of(facts.dataset))


class TreeSearch(InputSearch):
    """The training examples nearest to an input among those in its leaf."""

    def __init__(self, x: Rows, n_features: int, levels: int, constant: int = -1) -> None:
        self._n_features, self._constant = n_features, constant
        self._tree = ProjectionTree(self.points(x), levels, _SEED)
        self._leaves = [InputSearch(take_rows(x, rows), n_features, constant) for rows in self._tree.leaves]

    def nearest(self, x: Rows, k: int, skip: NDArray[np.int64] | None = None) -> Nearest:
        """The k nearest training examples in the leaf of every row."""
        out = Nearest(np.full((n_rows(x), k), -1, np.int32), np.full((n_rows(x), k), np.inf, np.float32))
        for leaf, rows, asked in zip(
            self._leaves, self._tree.leaves, self._tree.find(self.points(x)), strict=True
        ):
            if len(asked):
                found = leaf.nearest(take_rows(x, asked), k)
                out.rows[asked] = np.where(found.rows >= 0, rows[np.maximum(found.rows, 0)], -1)
                out.squared[asked] = found.squared
        return out


# Weights between features and labels by what they have in common over the training examples: the k greatest of each
# label. Ties, such as those of all labels without a feature in common with x, go by popularity.
#
#     f(x, y) = Σ_{i ∈ N_k(y)} x_i s_iy
#
# In recommendation features and labels are both items, and an item is not its own neighbour.

_BLOCK = 512  # rows of products that are computed at a time


class SharedExamples(Baseline):
    """A weight for the k features most related to each label; a subclass says of which vectors s is the product."""

    def sides(
        self, X: scipy.sparse.csr_matrix, Y: scipy.sparse.csr_matrix, own: bool, choice: Choice
    ) -> tuple[scipy.sparse.csr_matrix, scipy.sparse.csr_matrix]:
        """The vectors of features (features, n) and of labels (labels, n), whose inner products are s."""
        raise NotImplementedError

    def fit(self, facts: Facts, choice: Choice) -> Arrays:
        """S in rows of labels: `indptr` (labels + 1,), `indices` and `values` (entries,)."""
        X = inputs(facts.examples.x, facts.n_features)
        Y = targets(facts.examples, X, facts.n_labels)
        features, labels = self.sides(X, Y, facts.examples.own, choice)
        S = largest_products(labels, features, choice["k"], facts.examples.own, facts.threads)
        S.sort_indices()
        return {
            "indptr": S.indptr.astype(np.int64),
            "indices": S.indices.astype(np.int32),
            "values": S.data.astype(np.float32),
        }

    def ranker(self, facts: Facts, choice: Choice, arrays: Arrays) -> Ranker:
        """By x S, ties by popularity."""
        S = scipy.sparse.csr_matrix(
            (arrays["values"], arrays["indices"], arrays["indptr"]), shape=(facts.n_labels, facts.n_features)
        )
        return LinearRanker(S.T.tocsr(), facts.counts)


def largest_products(
    A: scipy.sparse.csr_matrix,
    B: scipy.sparse.csr_matrix,
    k: int,
    own: bool,
    threads: int | None = None,
) -> scipy.sparse.csr_matrix:
    """The k greatest entries of each row of A Bᵀ; `own`: row i and column i are the same item, which is no entry."""
    transposed = B.T.tocsr()

    def work(block: tuple[int, int]) -> scipy.sparse.csr_matrix:
        start, stop = block
        products = (A[start:stop] @ transposed).tocsr()
        if own:
            rows = np.repeat(np.arange(start, stop), np.diff(products.indptr))
            products.data[products.indices == rows] = 0
            products.eliminate_zeros()
        indptr, indices, values = largest(products, k)
        return scipy.sparse.csr_matrix((values, indices, indptr), shape=products.shape)

    blocks = [(start, min(start + _BLOCK, A.shape[0])) for start in range(0, A.shape[0], _BLOCK)]
    return scipy.sparse.vstack(list(map_blocks(work, blocks, threads)), format="csr")


def _scaled(A: scipy.sparse.csr_matrix, sizes: NDArray[np.number], power: float) -> scipy.sparse.csr_matrix:
    """Each row of A times its size to a power; rows of size 0 stay as they are."""
    return (scipy.sparse.diags(np.where(sizes > 0, sizes, 1.0).astype(np.float64) ** power) @ A).tocsr()


# Item k-NN: labels that co-occur with the features of the input (Sarwar et al. 2001).
#
#     s_iy = X_i·Y_y / (‖X_i‖ ‖Y_y‖)
#
# X_i (n,) is the column of feature i and Y_y that of label y over the training examples.

ITEM_KS = (100, 50, 200, 20)


class ItemKnn(SharedExamples):
    """Cosine between the columns of features and of labels."""

    name = "item-knn"

    def choices(self, resolved: Resolved, facts: Facts) -> list[Choice]:
        """k, the number of features of each label."""
        return [{"k": k} for k in one_or_all(resolved["k"], ITEM_KS)]

    def sides(
        self, X: scipy.sparse.csr_matrix, Y: scipy.sparse.csr_matrix, own: bool, choice: Choice
    ) -> tuple[scipy.sparse.csr_matrix, scipy.sparse.csr_matrix]:
        """Columns of length 1."""
        return _of_length_1(X.T.tocsr()), _of_length_1(Y.T.tocsr())


def _of_length_1(A: scipy.sparse.csr_matrix) -> scipy.sparse.csr_matrix:
    """The rows of A divided by their lengths; a row of zeros stays so."""
    return _scaled(A, np.sqrt(np.asarray(A.multiply(A).sum(axis=1)).ravel()), -1.0)


# Graph filter: two steps in the graph of examples and what they have, from features to examples to labels, in which
# examples, features and labels with many edges pass on less of each (GF-CF, Shen et al. 2021, its linear filter).
#
#     s_iy = Σ_n x̂_ni ŷ_ny / (|n|^(2a) |i|^(1−c) |y|^c)
#
# x̂ and ŷ are the rows of X and Y of length 1, times √|n|; |n|, |i| and |y| count the entries of example n, the examples
# with feature i, and those with label y. GF-CF has a = c = ½. A smaller a listens more to examples with many entries,
# a smaller c ranks popular labels higher: both are chosen on validation.

_EXAMPLE_POWERS = (0.3, 0.5)
_LABEL_POWERS = (0.2, 0.4, 0.1)
_FILTER_K = 400


class GraphFilter(SharedExamples):
    """A linear filter of the graph of examples, features and labels."""

    name = "graph-filter"

    def choices(self, resolved: Resolved, facts: Facts) -> list[Choice]:
        """The powers a and c."""
        return [
            {"k": k, "example_power": a, "label_power": c}
            for k in one_or_all(resolved["k"], (_FILTER_K,))
            for a in one_or_all(resolved["example_power"], _EXAMPLE_POWERS)
            for c in one_or_all(resolved["label_power"], _LABEL_POWERS)
        ]

    def sides(
        self, X: scipy.sparse.csr_matrix, Y: scipy.sparse.csr_matrix, own: bool, choice: Choice
    ) -> tuple[scipy.sparse.csr_matrix, scipy.sparse.csr_matrix]:
        """Rows damped by the entries of their example, columns by their examples."""
        return filter_sides(X, Y, own, choice["example_power"], choice["label_power"])


def filter_sides(
    X: scipy.sparse.csr_matrix, Y: scipy.sparse.csr_matrix, own: bool, a: float, c: float
) -> tuple[scipy.sparse.csr_matrix, scipy.sparse.csr_matrix]:
    """The vectors of features (features, n) and labels (labels, n) of a graph filter.

    own  whether labels are features, so that an entry of Y is one of X; a and c: the powers of examples and labels
    """
    entries = np.diff(X.indptr) + (0 if own else np.diff(Y.indptr))

    def side(A: scipy.sparse.csr_matrix, power: float) -> scipy.sparse.csr_matrix:
        rows = _scaled(_of_length_1(A), entries, 0.5 - a)
        return _scaled(rows.T.tocsr(), np.diff(A.tocsc().indptr), -power)

    return side(X, 1 - c), side(Y, c)
