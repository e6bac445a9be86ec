"""All affinities with several parameters each, beside their pair weights in plain numpy: what every test runs over.

They live in one small world of bags and labels, which the k-NN tables name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from awe_cli.affinities.combine import Scaled, Sum
from awe_cli.affinities.concat import Concat
from awe_cli.affinities.low_rank import LowRank, TiedLowRank
from awe_cli.affinities.pair_weights import PairTerms, PairWeights
from awe_cli.affinities.pointwise import Constant, Dot, EmbeddedGaussian, Gaussian
from awe_cli.affinities.sigmoid import (
    Clipped,
    Exponential,
    Identity,
    LinearSigmoid,
    LinearSigmoidOfScore,
    Logistic,
    Relu,
    Sigmoid,
    SigmoidOfScore,
)
from awe_cli.affinities.table import Knn
from awe_cli.affinities.top_k import TopK
from awe_cli.core.interface import NO_PARAMS, AffinityParams
from awe_cli.matrices.matrix import Lists
from tests.affinities import naive

EXAMPLES, FEATURES, LABELS, DIM = 6, 9, 9, 5
_LABELS_OF = [{0, 3}, {1}, {2, 3, 8}, {0}, set(), {4, 5}]


@dataclass(frozen=True)
class Member:
    """One affinity: what the kernels take, (example, part, label) → its G as in the paper, what it has of its own."""

    affinity: Any
    G: Callable[[int, int, int], Any]
    learned: AffinityParams = NO_PARAMS

    @property
    def name(self) -> str:
        """How it is called in the list of tests."""
        return name_of(self.affinity)

    @property
    def queries_per_example(self) -> int:
        """How many tables of G each example has."""
        return max((knn.queries_per_example for knn in knn_in(self.affinity)), default=1)

    @property
    def stepped(self) -> list[str]:
        """Which of the numbers of its own training changes."""
        there = [
            name for name, array in self.learned._asdict().items() if array.size and array.dtype == np.float32
        ]
        return [] if "learned=False" in repr(self.affinity) else there

    def own(self, learned: AffinityParams, features: Any) -> list[naive.Own]:
        """What G takes beside U and V, where it does: the rows of these features."""
        if self.learned is NO_PARAMS:
            return []
        theta = np.full((len(features), LABELS), np.nan)
        for t, feature in enumerate(features if len(learned.indptr) else ()):
            span = slice(*learned.indptr[feature : feature + 2])
            theta[t, learned.labels[span]] = learned.pairs[span]
        U_hat = learned.U_hat[features] if learned.U_hat.size else np.zeros((len(features), 0))
        return [naive.Own(learned.shared, U_hat, learned.V_hat, theta)]


def name_of(affinity: Any) -> str:
    """A type with its parameters."""
    told = (name_of(value) if isinstance(value, tuple) else f"{value:g}" for value in affinity
            if np.isscalar(value) or isinstance(value, tuple))  # fmt: skip
    return f"{type(affinity).__name__}({','.join(told)})"


def lists(rows: list[Any]) -> Lists:
    """Lists from rows of label indices."""
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    return Lists(indptr, np.array([label for row in rows for label in sorted(row)], np.int32))


def _plain(affinity: Any, G: Any) -> Member:
    return Member(affinity, lambda example, part, label: G)


def _own(affinity: Any, G: Any, *, rows: int = 0, hats: int = 0, pairs: bool = False) -> Member:
    """An affinity with shared rows, with factors of its own, or with pairs: up to four of each feature."""
    rng = np.random.default_rng(rows + hats)
    learned = NO_PARAMS._replace(
        shared=rng.uniform(0.1, 0.9, (rows, 2 * DIM if rows else 0)).astype(np.float32),
        U_hat=rng.normal(0, 0.5, (FEATURES, hats)).astype(np.float32),
        V_hat=rng.normal(0, 0.5, (LABELS, hats)).astype(np.float32),
    )
    if pairs:
        found = lists([rng.choice(LABELS, rng.integers(0, 5), replace=False) for _ in range(FEATURES)])
        theta = rng.uniform(-0.5, 1.5, len(found.indices)).astype(np.float32)
        learned = learned._replace(indptr=found.indptr, labels=found.indices, pairs=theta)
    return Member(affinity, lambda example, part, label: G, learned)


def knn_in(affinity: Any) -> list[Knn]:
    """Every k-NN term of a sum, in the order in which their tables are laid out."""
    if isinstance(affinity, Knn):
        return [affinity]
    return [knn for part in affinity if isinstance(part, tuple) for knn in knn_in(part)]


def with_knn(affinity: Any, change: Callable[[Knn], Knn]) -> Any:
    """The affinity with each k-NN term changed."""
    if isinstance(affinity, Knn):
        return change(affinity)
    return type(affinity)(*(with_knn(part, change) if isinstance(part, tuple) else part for part in affinity))


def _knn(queries_per_example: int, power: float, floor: float, start: int = 0) -> Member:
    rng = np.random.default_rng(queries_per_example)
    neighbors = rng.integers(-1, EXAMPLES, (EXAMPLES * queries_per_example, 3)).astype(np.int32)
    weights = rng.dirichlet([1, 1, 1], len(neighbors)).astype(np.float32)
    weights[neighbors < 0] = 0
    labels = lists(_LABELS_OF)

    def pair_weights(example: int, part: int, label: int) -> Any:
        query = example * queries_per_example + part
        g = naive.knn_table(neighbors[query], weights[query], _LABELS_OF, LABELS)
        return naive.knn(g[label], power, floor)

    table = (labels.indptr, labels.indices, queries_per_example, power, floor, start)
    return Member(Knn(neighbors, weights, *table), pair_weights)


def _mixed(affinity: Any, terms: list[tuple[Any, bool]], *, rows: int = 1, pairs: bool = False) -> Member:
    """A sum with k-NN terms; `terms`: a k-NN member or G, and whether that looks at what an affinity has of its own."""
    plain = _own(affinity, None, rows=rows, pairs=pairs)

    def pair_weights(example: int, part: int, label: int) -> Any:
        laid_out = [
            (
                term.G(example, part % term.affinity.queries_per_example, label)
                if isinstance(term, Member)
                else term,
                looks,
            )
            for term, looks in terms
        ]
        return naive.mix(*laid_out)

    return Member(affinity, pair_weights, plain.learned)


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
    _plain(TopK(1), naive.top_k(1)),
    _plain(Sum(TopK(3), Constant(0.5)), naive.plus(naive.top_k(3), 0.5)),
    _plain(TopK(100), naive.top_k(100)),
    _plain(Gaussian(1.0), naive.gaussian(1)),
    _plain(Sum(Gaussian(0.5), Constant(0.25)), naive.plus(naive.gaussian(0.5), 0.25)),
    _plain(EmbeddedGaussian(1.0), naive.embedded_gaussian(1)),
    _plain(EmbeddedGaussian(2.0), naive.embedded_gaussian(2)),
    _plain(Dot(), naive.dot()),
    _plain(Sum(Dot(), Constant(0.25)), naive.plus(naive.dot(), 0.25)),
    _plain(TiedLowRank(Relu(2.0)), naive.tied_low_rank(naive.relu(2))),
    _plain(TiedLowRank(Clipped(2.0, 1.0, 0.25)), naive.tied_low_rank(naive.clipped(2, 1, 0.25))),
    _own(PairWeights(1.0, True), naive.pair_weights(1), pairs=True),
    _own(PairWeights(0.0, False), naive.pair_weights(0), pairs=True),
    _own(PairTerms(True), naive.pair_terms(), pairs=True),
    _own(LowRank(Identity(1.0)), naive.low_rank(lambda t: t), hats=3),
    _own(LowRank(Logistic(2.0)), naive.low_rank(naive.logistic(2)), hats=3),
    _own(Concat(Logistic(1.5), 0), naive.concat(naive.logistic(1.5), 0), rows=1),
    _own(Concat(Exponential(0.5), 1), naive.concat(naive.exponential(0.5), 1), rows=2),
    _own(
        Sum(Scaled(Constant(1.0), 0, 0, False), Scaled(Dot(), 0, 1, False)),
        naive.mix((naive.constant(1), False), (naive.dot(), False)),
        rows=1,
    ),
    _own(
        Sum(
            Scaled(Sigmoid(3.0, True), 0, 0, True),
            Scaled(Concat(Logistic(1.5), 1), 0, 1, True),
        ),
        naive.mix(
            (naive.sigmoid(3, True), False),
            (naive.concat(naive.logistic(1.5), 1), True),
        ),
        rows=2,
    ),
    _knn(1, 1.0, 0.0),
    _knn(1, 0.5, 0.25),
    _knn(3, 1.0, 0.125),
    _mixed(
        Sum(Scaled(_knn(1, 1.0, 0.0).affinity, 0, 0, False), Scaled(Constant(1.0), 0, 1, False)),
        [(_knn(1, 1.0, 0.0), False), (naive.constant(1), False)],
    ),
    _mixed(
        Sum(
            Scaled(_knn(3, 0.5, 0.0).affinity, 0, 0, True),
            Sum(
                Scaled(Sigmoid(3.0, True), 0, 1, True),
                Scaled(_knn(3, 0.5, 0.0, LABELS).affinity, 0, 2, True),
            ),
        ),
        [
            (_knn(3, 0.5, 0.0), False),
            (naive.sigmoid(3, True), False),
            (_knn(3, 0.5, 0.0), False),
        ],
    ),
    _mixed(
        Sum(Scaled(_knn(1, 1.0, 0.0).affinity, 0, 0, True), Scaled(PairWeights(1.0, True), 0, 1, True)),
        [(_knn(1, 1.0, 0.0), False), (naive.pair_weights(1), True)],
        pairs=True,
    ),
]
# Features that describe labels go ways of their own through the formulas and the kernels: one member for each.
DESCRIBED = (
    "Constant(0.5)",
    "Sigmoid(3,1)",
    "Sum(TopK(3),Constant(0.5))",
    "Gaussian(1)",
    "LowRank(Identity(1))",
    "Concat(Logistic(1.5),0)",
    "PairWeights(1,1)",
    "PairTerms(1)",
    "Sum(Scaled(Knn(1,1,0,0),0,0,1),Scaled(PairWeights(1,1),0,1,1))",
)


def types_in(affinity: Any) -> set[type]:
    """The types that an affinity is made of: its own, and those of its terms and its activation."""
    return {type(affinity)}.union(*(types_in(part) for part in affinity if hasattr(part, "_fields")))


def named(name: str) -> Member:
    """The member of this name."""
    return next(member for member in MEMBERS if member.name == name)


# What is compiled: every type of affinity and of activation once, and what sees label features there, too.
COMPILED = [
    (side, named(name))
    for side, name in (
        ("one-hot", "Constant(1)"),
        ("one-hot", "Sigmoid(3,1)"),
        ("one-hot", "SigmoidOfScore(8)"),
        ("one-hot", "LinearSigmoid(1,0.25,10,0)"),
        ("one-hot", "LinearSigmoidOfScore(1,0.25,4)"),
        ("one-hot", "TopK(1)"),
        ("one-hot", "Gaussian(1)"),
        ("one-hot", "EmbeddedGaussian(2)"),
        ("one-hot", "Dot()"),
        ("one-hot", "TiedLowRank(Relu(2))"),
        ("one-hot", "TiedLowRank(Clipped(2,1,0.25))"),
        ("one-hot", "PairWeights(1,1)"),
        ("one-hot", "PairTerms(1)"),
        ("one-hot", "LowRank(Logistic(2))"),
        ("one-hot", "Concat(Logistic(1.5),0)"),
        ("one-hot", "Concat(Exponential(0.5),1)"),
        ("one-hot", "Knn(3,1,0.125,0)"),
        ("one-hot", "Sum(Scaled(Knn(1,1,0,0),0,0,0),Scaled(Constant(1),0,1,0))"),
        ("bags", "LowRank(Identity(1))"),
        ("bags", "PairWeights(1,1)"),
    )
]
SCORED = [
    (shape, side, named(name))
    for shape, side, name in (
        (
            "bags",
            "one-hot",
            "Sum(Scaled(Knn(3,0.5,0,0),0,0,1),Sum(Scaled(Sigmoid(3,1),0,1,1),Scaled(Knn(3,0.5,0,9),0,2,1)))",
        ),
        ("dense", "one-hot", "Gaussian(1)"),
        ("bags", "bags", "PairTerms(1)"),
        ("dense", "bags", "LowRank(Identity(1))"),
    )
]
