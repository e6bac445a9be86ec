"""All affinities with several parameters each, beside their pair weights in plain numpy: what every test runs over.

They live in one small world of bags and labels, which the k-NN tables name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from awe_cli.affinity.constant import Constant
from awe_cli.affinity.dot import Dot
from awe_cli.affinity.embedded_gaussian import EmbeddedGaussian
from awe_cli.affinity.gaussian import Gaussian
from awe_cli.affinity.knn import Knn
from awe_cli.affinity.linear_sigmoid import LinearSigmoid, LinearSigmoidOfScore
from awe_cli.affinity.sigmoid import Sigmoid, SigmoidOfScore
from awe_cli.affinity.top_k import TopK
from awe_cli.data.matrix import Lists
from tests.affinity import naive

EXAMPLES, FEATURES, LABELS, DIM = 6, 9, 9, 5
_LABELS_OF = [{0, 3}, {1}, {2, 3, 8}, {0}, set(), {4, 5}]


@dataclass(frozen=True)
class Member:
    """One affinity: what the kernels take, and (example, part) → its G as in the paper."""

    affinity: Any
    G: Callable[[int, int], Any]

    @property
    def name(self) -> str:
        """How it is called in the list of tests."""
        told = (f"{value:g}" for value in self.affinity if np.isscalar(value))
        return f"{type(self.affinity).__name__}({','.join(told)})"


def lists(rows: list[Any]) -> Lists:
    """Lists from rows of label indices."""
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    return Lists(indptr, np.array([label for row in rows for label in sorted(row)], np.int32))


def _plain(affinity: Any, G: Any) -> Member:
    return Member(affinity, lambda example, part: G)


def _knn(parts: int, power: float, floor: float) -> Member:
    rng = np.random.default_rng(parts)
    neighbors = rng.integers(-1, EXAMPLES, (EXAMPLES * parts, 3)).astype(np.int32)
    weights = rng.dirichlet([1, 1, 1], len(neighbors)).astype(np.float32)
    weights[neighbors < 0] = 0
    labels = lists(_LABELS_OF)

    def pair_weights(example: int, part: int) -> Any:
        query = example * parts + part
        g = naive.knn_table(neighbors[query], weights[query], _LABELS_OF, LABELS)
        return naive.knn(g, power, floor)

    return Member(Knn(neighbors, weights, labels.indptr, labels.indices, parts, power, floor), pair_weights)


MEMBERS = [
    _plain(Constant(1.0), naive.constant(1)),
    _plain(Constant(0.5), naive.constant(0.5)),
    _plain(Sigmoid(1.0, False), naive.sigmoid(1, False)),
    _plain(Sigmoid(10.0, False), naive.sigmoid(10, False)),
    _plain(Sigmoid(3.0, True), naive.sigmoid(3, True)),
    _plain(SigmoidOfScore(1.0), naive.sigmoid_of_score(1)),
    _plain(SigmoidOfScore(8.0), naive.sigmoid_of_score(8)),
    _plain(LinearSigmoid(1.0, -1.0, 1.0, False), naive.linear_sigmoid(1, -1, 1, False)),
    _plain(LinearSigmoid(1.0, 0.25, 10.0, False), naive.linear_sigmoid(1, 0.25, 10, False)),
    _plain(LinearSigmoid(1.0, 0.0, 5.0, True), naive.linear_sigmoid(1, 0, 5, True)),
    _plain(LinearSigmoidOfScore(1.0, -1.0, 1.0), naive.linear_sigmoid_of_score(1, -1, 1)),
    _plain(LinearSigmoidOfScore(1.0, 0.25, 4.0), naive.linear_sigmoid_of_score(1, 0.25, 4)),
    _plain(TopK(1, 0.0), naive.top_k(1, 0)),
    _plain(TopK(3, 0.5), naive.top_k(3, 0.5)),
    _plain(TopK(100, 0.1), naive.top_k(100, 0.1)),
    _plain(Gaussian(1.0, 0.0), naive.gaussian(1, 0)),
    _plain(Gaussian(0.5, 0.25), naive.gaussian(0.5, 0.25)),
    _plain(EmbeddedGaussian(0.0), naive.embedded_gaussian(0)),
    _plain(EmbeddedGaussian(0.5), naive.embedded_gaussian(0.5)),
    _plain(Dot(0.0), naive.dot(0)),
    _plain(Dot(0.25), naive.dot(0.25)),
    _knn(1, 1.0, 0.0),
    _knn(1, 0.5, 0.25),
    _knn(3, 1.0, 0.125),
]
