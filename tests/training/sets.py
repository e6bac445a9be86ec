"""Small sets of examples of each kind, and the affinities that training is tried with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from awe_cli.affinities.table import Knn
from awe_cli.dataset.examples import Examples
from awe_cli.matrices.matrix import Bags, Dense, Lists
from awe_cli.training.config import TrainConfig
from tests.affinities.members import DIM, EXAMPLES, FEATURES, LABELS, MEMBERS, lists, with_knn
from tests.affinities.points import world

IDS = pa.array(range(EXAMPLES))
POSITIVES = [{0, 3}, {1}, set(range(LABELS)), {0}, set(), {2, 4, 5, 7}]

PLAN = TrainConfig(
    dim=DIM, epochs=3, learning_rate=0.1, final_rate=0.05, margin=0.3, max_trials=4, norm_cap=0.9, block_size=1,
    initial_scale=1.0, positive_power=0.5, seed=3,
)  # fmt: skip


def own() -> Examples:
    """Histories that are both input and positives; one has a single item, one has them all."""
    rng = np.random.default_rng(1)
    rows = [np.sort(rng.choice(LABELS, n, replace=False)) for n in (1, 2, 3, 4, LABELS, 5)]
    indptr, indices = lists(rows)
    counts = np.diff(indptr)
    values = np.repeat(counts**-0.5, counts).astype(np.float32)
    return Examples(IDS, Bags(indptr, indices, values), Lists(indptr, indices), None, True)


def annotation() -> Examples:
    """Bags of features with labels; one has no label, one has them all."""
    return Examples(IDS, world().bags, lists(POSITIVES), None, False)


def dense() -> Examples:
    """The same labels for dense rows."""
    return Examples(IDS, world().dense, lists(POSITIVES), None, False)


SETS = {"own": own(), "annotation": annotation(), "dense": dense()}
SIZES = (FEATURES, LABELS)

_MIXED = "Sum(Scaled(Sigmoid(3,1),0,0,1),Scaled(Concat(Logistic(1.5),1),0,1,1))"
_BUILT = "Sum(Scaled(Knn(3,0.5,0,0),0,0,1),Sum(Scaled(Sigmoid(3,1),0,1,1),Scaled(Knn(3,0.5,0,9),0,2,1)))"
_BY_NAME = {member.name: member for member in MEMBERS}
# One of each way through the kernels; the others share it and differ in their point formulas.
TRAINED = [
    (kind, _BY_NAME[name])
    for kind, name in (
        ("own", "Constant(1)"),
        ("annotation", "Constant(0.5)"),
        ("dense", "Constant(1)"),
        ("own", "Sigmoid(3,1)"),
        ("annotation", "Sigmoid(10,0)"),
        ("own", "Sum(TopK(3),Constant(0.5))"),
        ("annotation", "Sum(TopK(3),Constant(0.5))"),
        ("own", "Gaussian(1)"),
        ("annotation", "Gaussian(1)"),
        ("own", "LowRank(Identity(1))"),
        ("annotation", "Concat(Logistic(1.5),0)"),
        ("own", _MIXED),
        ("annotation", "PairWeights(1,1)"),
        ("own", "PairTerms(1)"),
        ("own", "Knn(3,1,0.125,0)"),
        ("annotation", "Knn(1,1,0,0)"),
        ("dense", "Knn(1,0.5,0.25,0)"),
        ("dense", "Sum(Scaled(Knn(1,1,0,0),0,0,0),Scaled(Constant(1),0,1,0))"),
        ("own", _BUILT),
        ("annotation", "Sum(Scaled(Knn(1,1,0,0),0,0,1),Scaled(PairWeights(1,1),0,1,1))"),
    )
]
TRAINED_NAMES = [f"{kind}-{member.name}" for kind, member in TRAINED]
# Of these, what is compiled: the input as a whole and its features, bags and dense rows, a direction of its own for
# each label, and what an affinity learns: shared numbers, factors, and pairs, with and without tables.
COMPILED = [
    (kind, _BY_NAME[name])
    for kind, name in (
        ("own", "Constant(1)"),
        ("dense", "Constant(1)"),
        ("annotation", "Gaussian(1)"),
        ("own", "LowRank(Identity(1))"),
        ("annotation", "PairWeights(1,1)"),
        ("own", _BUILT),
    )
]
COMPILED_NAMES = [f"{kind}-{member.name}" for kind, member in COMPILED]


def groups(people: int = 40, items: int = 10, each: int = 5, seed: int = 0) -> Examples:
    """A checkerboard: items 0 … items-1 are for even people, the rest for odd ones; everyone has `each` of them."""
    rng = np.random.default_rng(seed)
    rows = [
        np.sort(rng.choice(items, each, replace=False)) + items * (person % 2) for person in range(people)
    ]
    indptr, indices = lists(rows)
    values = np.full(len(indices), each**-0.5, np.float32)
    return Examples(
        pa.array(range(people)), Bags(indptr, indices, values), Lists(indptr, indices), None, True
    )


def crowd(kind: str) -> Examples:
    """Enough examples, of uneven sizes, for several threads: 60 over 9 features and 9 labels."""
    rng = np.random.default_rng(2)
    labels = lists([rng.choice(LABELS, rng.integers(0, 6), replace=False) for _ in range(60)])
    if kind == "dense":
        x = Dense(np.arange(FEATURES, dtype=np.int32), rng.normal(size=(60, FEATURES)).astype(np.float32))
        return Examples(pa.array(range(60)), x, labels, None, False)
    if kind == "annotation":
        features = lists([rng.choice(FEATURES, rng.integers(1, 6), replace=False) for _ in range(60)])
    else:
        features = labels
    values = rng.uniform(0.2, 0.8, len(features.indices)).astype(np.float32)
    return Examples(pa.array(range(60)), Bags(*features, values), labels, None, kind == "own")


def for_crowd(affinity: Any) -> Any:
    """The same affinity for the examples of a crowd: k-NN tables name examples."""
    labels = crowd("own").positives

    def change(knn: Knn) -> Knn:
        rng = np.random.default_rng(3)
        neighbors = rng.integers(-1, 60, (60 * knn.queries_per_example, 4)).astype(np.int32)
        weights = rng.dirichlet(np.ones(4), len(neighbors)).astype(np.float32)
        return knn._replace(neighbors=neighbors, weights=weights, indptr=labels.indptr, labels=labels.indices)

    return with_knn(affinity, change)
