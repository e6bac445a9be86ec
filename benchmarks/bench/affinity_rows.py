"""The rows of `affinities.py`: each affinity as the kernels take it, and what its equation costs.

Multiply-adds are counted from the equations: of f and ∂f for one label of an example with n features, of Ux, of the
steps of U and V, and of what is laid out. Numbers of scores and of steps are those that training reports.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from awe_cli.affinities.mixture import build_mixture
from awe_cli.affinities.overlap import Overlap
from awe_cli.affinities.registry import ALL_MEMBERS, build_affinity, parameters_of, start_affinity
from awe_cli.affinities.spec import Shape
from awe_cli.affinities.table import Knn
from awe_cli.core.interface import NO_PARAMS, AffinityParams
from awe_cli.dataset.examples import Examples
from awe_cli.matrices.matrix import Bags, Lists
from awe_cli.models.pair_weights import as_learned, counted_pairs
from awe_cli.plugins.file import plugin_type
from awe_cli.training.config import TrainConfig

D, E, PARTS = 64, 16, 4
PLAN = TrainConfig(D, 4, 0.1, 0.05, 0.3, 10, 1.0, 32, 0.3, 0.0, 0)
NEIGHBORS, KEPT = 50, 256  # of a query: neighbours, and entries of a sum over pairs
LEAVES, TOP = 40, 500  # clusters, and the labels of each
ATTRIBUTES, OF_A_LABEL = 500, 5
GUIDE = Path(__file__).parents[2] / "docs" / "own-affinity.md"


@dataclass(frozen=True)
class Made:
    """What one run takes.

    laid_out  (examples,) entries of G that are laid out for each
    """

    affinity: Any
    examples: Examples
    learned: AffinityParams = NO_PARAMS
    laid_out: Any = 0


# What f costs, and its gradient beside one more f, for one label and an example of n features, in multiply-adds.
Cost = Callable[[np.ndarray], Any]


@dataclass(frozen=True)
class Row:
    """One affinity, how it is made for examples over so many items, and its costs."""

    name: str
    make: Callable[[Examples, int], Made]
    score: Cost
    slope: Cost


def _shape(items: int) -> Shape:
    return Shape(items, items, D, PLAN.initial_scale, PLAN.seed)


def _joint(name: str, **told: Any) -> Callable[[Examples, int], Made]:
    def make(examples: Examples, items: int) -> Made:
        given = parameters_of(name, told, own=True)
        return Made(build_affinity(given), examples, start_affinity(given, _shape(items)))

    return make


def _pairs(**told: Any) -> Callable[[Examples, int], Made]:
    def make(examples: Examples, items: int) -> Made:
        given = parameters_of("pair-weights", told, own=True)
        lift = 0.0 if given["pair_form"] == "add" else 1.0
        learned = as_learned(counted_pairs("pmi", examples, (items, items), 50), lift)
        return Made(build_affinity(given), examples, learned, _entries(examples, learned.indptr))

    return make


def _overlap(examples: Examples, items: int) -> Made:
    shared = counted_pairs("pmi", examples, (items, items), 50).sorted_indices()
    words = Bags(shared.indptr.astype(np.int64), shared.indices, shared.data.astype(np.float32))
    assert isinstance(examples.x, Bags)
    return Made(Overlap(3.0, examples.x, words), examples, laid_out=_entries(examples, words.indptr))


def _entries(examples: Examples, indptr: np.ndarray) -> np.ndarray:
    """How many entries the rows of an example's features have together."""
    assert isinstance(examples.x, Bags)
    ends = np.concatenate([[0], np.cumsum(np.diff(indptr)[examples.x.indices])])
    return np.diff(ends[examples.x.indptr]).astype(float)


def _neighbors(examples: Examples, items: int, floor: float = 0.1, place: int = 0) -> Made:
    """Neighbours at random."""
    mean = np.diff(examples.positives.indptr).mean()
    return _table(examples, examples.positives, NEIGHBORS, mean, floor, place * items, place)


def _one_by_one(examples: Examples, items: int) -> Made:
    """Labels one by one, as sums over pairs have them."""
    alone = Lists(np.arange(items + 1, dtype=np.int64), np.arange(items, dtype=np.int32))
    return _table(examples, alone, KEPT, 1, 0.1)


def _leaves(examples: Examples, items: int) -> Made:
    labels = np.random.default_rng(0).integers(0, items, LEAVES * TOP).astype(np.int32)
    lists = Lists(np.arange(LEAVES + 1, dtype=np.int64) * TOP, labels)
    return _table(examples, lists, 1, TOP, 0.0)


def _table(
    examples: Examples, lists: Lists, of_each: int, mean: float, floor: float, at: int = 0, seed: int = 0
) -> Made:
    """So many lists at random for each query; `mean` labels in a list."""
    draws, rows = np.random.default_rng(seed), len(examples) * PARTS
    named = draws.integers(0, len(lists.indptr) - 1, (rows, of_each)).astype(np.int32)
    weights = np.full(named.shape, 1 / of_each, np.float32)
    affinity = Knn(named, weights, lists.indptr, lists.indices, PARTS, 1.0, floor, at)
    return Made(affinity, examples, laid_out=PARTS * of_each * mean)


def _mix(*members: str, tables: int, learn: bool = False) -> Callable[[Examples, int], Made]:
    def make(examples: Examples, items: int) -> Made:
        given = parameters_of("mix", {"mix": members, "learn_mix": learn}, own=True, members=ALL_MEMBERS)
        parts = [_neighbors(examples, items, 0.0, place) for place in range(tables)]
        mixed = build_mixture(given, ALL_MEMBERS, [part.affinity for part in parts])
        learned = start_affinity(given, _shape(items))
        return Made(mixed, examples, learned, sum(part.laid_out for part in parts))

    return make


def _described(name: str) -> Callable[[Examples, int], Made]:
    def make(examples: Examples, items: int) -> Made:
        draws = np.random.default_rng(0)
        places = np.sort(draws.permuted(np.tile(np.arange(ATTRIBUTES), (items, 1)), axis=1)[:, :OF_A_LABEL])
        values = np.full(places.size, OF_A_LABEL**-0.5, np.float32)
        indptr = np.arange(items + 1, dtype=np.int64) * OF_A_LABEL
        y = Bags(indptr, places.ravel().astype(np.int32), values)
        return replace(_joint(name)(examples, items), examples=replace(examples, y=y, own=False))

    return make


def _file(examples: Examples, items: int) -> Made:
    """The worked example of the guide, as a user has it."""
    source = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)[0]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "softplus.py"
        path.write_text(source)
        return Made(plugin_type(path, "Softplus")(), examples)


def _whole(times: float = 1, slope: float | None = None) -> Sequence[Cost]:
    """So many products of d numbers a label, whatever n."""
    return (lambda n: times * D, lambda n: (times if slope is None else slope) * D)


def _each(width: int = D, more: int = 0, entries: int = 1) -> Sequence[Cost]:
    """Products of so many numbers for each feature of x, and each of so many of y."""
    return (lambda n: n * entries * (width + more), lambda n: 2 * n * entries * width)


ROWS = {
    row.name: row
    for row in (
        Row("constant", _joint("constant"), *_whole()),
        Row("dot", _joint("dot"), *_whole()),
        Row("sigmoid", _joint("sigmoid"), *_each()),
        Row("sigmoid, of the score", _joint("sigmoid", scope="score"), *_whole()),
        Row("linear-sigmoid", _joint("linear-sigmoid"), *_each()),
        Row("max", _joint("max"), *_each(more=1)),
        Row("top-k", _joint("top-k"), *_each(more=5)),
        Row("gaussian", _joint("gaussian"), *_whole(3, 4)),
        Row("embedded-gaussian", _joint("embedded-gaussian"), *_whole(3, 4)),
        Row("low-rank", _joint("low-rank"), *_each(D + E)),
        Row("low-rank, tied", _joint("low-rank", factors="tied"), *_each()),
        Row("concat", _joint("concat"), *_whole(3, 6)),
        Row("pair-weights", _pairs(), lambda n: D, lambda n: 2 * n * D),
        Row("pair-weights, learned", _pairs(learn_pairs=True), lambda n: D, lambda n: 3 * n * D),
        Row("pair-weights, added", _pairs(pair_form="add"), *_whole()),
        Row("mix of constant, gaussian", _mix("constant", "gaussian", tables=0), *_whole(4, 5)),
        Row("mix, learned", _mix("constant", "gaussian", tables=0, learn=True), *_whole(4, 9)),
        Row("gaussian, with a floor", _joint("gaussian", floor=0.5), *_whole(4, 5)),
        Row("overlap", _overlap, *_whole()),
        Row("knn, knn-approximate", _neighbors, *_whole()),
        Row("rbf, latent-rbf, hybrid-latent-rbf, kernel", _one_by_one, *_whole()),
        Row("cluster", _leaves, *_whole()),
        Row("mix of knn, constant", _mix("knn", "constant", tables=1), *_whole(2)),
        Row(
            "mix of knn, knn, constant, learned",
            _mix("knn", "knn=2", "constant", tables=2, learn=True),
            *_whole(3, 6),
        ),
        Row("of a file: softplus", _file, *_whole()),
        Row("constant, of described labels", _described("constant"), *_whole()),
        Row("sigmoid, of described labels", _described("sigmoid"), *_each(entries=OF_A_LABEL)),
    )
}


def multiply_adds(row: Row, made: Made, trials: float, violated: float) -> float:
    """Of one epoch: scores of positives and draws, two gradients a violation, Ux, steps of U and V, what is laid out.

    An entry of G counts as one when it is laid out, and again when it is cleared away. Where features describe labels,
    W = YV is brought up to date in every block, and an example's gradients by rows of V add up before the steps.
    """
    n = np.diff(made.examples.positives.indptr).astype(float)
    steps = n * violated * 2
    scores = np.sum(n * (1 + trials) * row.score(n))
    gradients = np.sum(steps * (row.score(n) + row.slope(n)))
    laid_out = 2 * np.sum(made.laid_out * np.ones_like(n))
    stepped = np.sum(steps) * 2 * D
    if made.examples.y is not None:
        blocks = -(-len(n) // PLAN.block_size)
        added_up = np.sum(steps) * OF_A_LABEL * D
        stepped = added_up + np.sum(np.minimum(ATTRIBUTES, steps * OF_A_LABEL)) * 2 * D
        stepped += blocks * len(made.examples.y.indptr) * OF_A_LABEL * D
    return float(scores + gradients + stepped + np.sum(n) * 2 * D + np.sum(n) * D + laid_out)
