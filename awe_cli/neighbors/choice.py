"""Choosing the spaces, k and λ on validation, by how well the product G · S ranks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe_cli.affinities.table import Knn
from awe_cli.core.epoch import State
from awe_cli.engine.checkpoints import NO_CHECKPOINTS, Checkpoints
from awe_cli.engine.engine import Engine
from awe_cli.matrices.matrix import slice_rows
from awe_cli.neighbors.index import NeighborIndex, find_all, typical_squared
from awe_cli.neighbors.search import Nearest
from awe_cli.ranking.embedding import EmbeddingRanker
from awe_cli.ranking.ranker import Scores
from awe_cli.ranking.validation import Validator

MULTIPLES = (1.0, 3.0, 6.0, 10.0)  # of 1 / the typical squared distance


@dataclass(frozen=True)
class Choice:
    """Neighbour space, k, λ as a multiple of 1 / the typical squared distance, and the validation metric."""

    space: str
    k: int
    multiple: float
    validation: float


def product(power: float, floor: float = 0.0, start: int = 0) -> Knn:
    """The affinity of G · S for ranking, with G computed beforehand, from `start` on: its own table is empty."""
    none = np.zeros((0, 0), np.int32)
    return Knn(
        none, none.astype(np.float32), np.zeros(1, np.int64), np.zeros(0, np.int32), 1, power, floor, start
    )


def mean(tables: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The mean of G (m, labels) over several spaces."""
    return tables[0] if len(tables) == 1 else np.mean(tables, axis=0, dtype=np.float32)


class NeighborValidation:
    """The neighbours of a validator's examples in some spaces, found once, and G in each space for any k and λ.

    typical  the typical squared distance in each space
    """

    def __init__(
        self, indexes: Mapping[str, NeighborIndex], validator: Validator, k: int, engine: Engine
    ) -> None:
        self.indexes, self.judge = indexes, validator
        self.nearest = {
            name: find_all(index, validator.examples.x, k, engine) for name, index in indexes.items()
        }
        self.typical = {name: typical_squared(nearest) for name, nearest in self.nearest.items()}

    def lambdas(self, multiple: float) -> dict[str, float]:
        """λ of each space: `multiple` / its typical squared distance."""
        return {name: multiple / typical for name, typical in self.typical.items()}


class _Trial(NamedTuple):
    k: int
    multiple: float
    lambdas: Mapping[str, float]  # of each space


@dataclass(frozen=True)
class _Products:
    """The scores G · S of validation examples, where G is the mean over each set of spaces in `among`."""

    held_out: NeighborValidation
    ranker: EmbeddingRanker
    among: Sequence[Sequence[str]]

    def __call__(self, trial: _Trial, start: int, stop: int) -> Iterator[Scores]:
        x = slice_rows(self.held_out.judge.examples.x, start, stop)
        tables = {name: self._table(name, start, stop, trial) for name in self.held_out.indexes}
        return (self.ranker.rate(x, mean([tables[name] for name in names])) for names in self.among)

    def _table(self, name: str, start: int, stop: int, trial: _Trial) -> NDArray[np.float32]:
        found = self.held_out.nearest[name]
        nearest = Nearest(found.rows[start:stop, : trial.k], found.squared[start:stop, : trial.k])
        return self.held_out.indexes[name].tabulate(nearest, trial.lambdas[name])


def try_all(
    held_out: NeighborValidation,
    state: State,
    places: Mapping[str, Sequence[str]],
    ks: Sequence[int],
    fixed: float | None,
    engine: Engine,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
) -> list[Choice]:
    """All combinations of k and λ (or the fixed λ) in each set of spaces in `places`, ranked by `engine`."""
    scales = {multiple: held_out.lambdas(multiple) for multiple in MULTIPLES}
    if fixed is not None:
        first = next(iter(held_out.typical.values()))
        scales = {fixed * first: dict.fromkeys(held_out.typical, fixed)}
    trials = [_Trial(k, multiple, lambdas) for k in ks for multiple, lambdas in scales.items()]
    ranker = EmbeddingRanker(product(1.0), state.U, state.V, y=held_out.judge.examples.y)
    values = held_out.judge.judge_trials(
        _Products(held_out, ranker, list(places.values())), trials, ranker.n_labels, engine, checkpoints,
        key=lambda trial: f"choice-{trial.k}-{trial.multiple:g}",
    )  # fmt: skip
    tried = [
        Choice(space, trial.k, trial.multiple, value)
        for trial, found in zip(trials, values, strict=True)
        for space, value in zip(places, found or [float("nan")] * len(places), strict=True)
    ]
    return [choice for space in places for choice in tried if choice.space == space]
