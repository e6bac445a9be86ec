"""Choosing the spaces, k and λ on validation, by how well the product G · S ranks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from awe_cli.affinities.table import Knn
from awe_cli.core.epoch import State
from awe_cli.engine.checkpoints import NO_CHECKPOINTS, Checkpoints, remember
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
        self, indexes: Mapping[str, NeighborIndex], validator: Validator, k: int, threads: int | None
    ) -> None:
        self._indexes, self._judge = indexes, validator
        self._nearest = {
            name: find_all(index, validator.examples.x, k, threads) for name, index in indexes.items()
        }
        self.typical = {name: typical_squared(nearest) for name, nearest in self._nearest.items()}

    def lambdas(self, multiple: float) -> dict[str, float]:
        """λ of each space: `multiple` / its typical squared distance."""
        return {name: multiple / typical for name, typical in self.typical.items()}

    def validator(
        self,
        affinity: Knn,
        state: State,
        k: int,
        lambdas: Mapping[str, float],
        among: Sequence[Sequence[str]],
    ) -> list[float]:
        """The metric of G · S with S by U and V of `state`, where G is the mean over each set of spaces in `among`."""
        ranker = EmbeddingRanker(affinity, state.U, state.V, y=self._judge.examples.y)

        def scores(start: int, stop: int) -> Iterator[Scores]:
            x = slice_rows(self._judge.examples.x, start, stop)
            tables = {name: self._table(name, start, stop, k, lambdas[name]) for name in self._indexes}
            return (ranker.rate(x, mean([tables[name] for name in names])) for names in among)

        return self._judge.validate_all(scores, ranker.n_labels) or [float("nan")] * len(among)

    def _table(self, name: str, start: int, stop: int, k: int, lambda_: float) -> NDArray[np.float32]:
        rows, squared = self._nearest[name].rows[start:stop, :k], self._nearest[name].squared[start:stop, :k]
        return self._indexes[name].tabulate(Nearest(rows, squared), lambda_)


def try_all(
    held_out: NeighborValidation,
    state: State,
    places: Mapping[str, Sequence[str]],
    ks: Sequence[int],
    fixed: float | None,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
) -> list[Choice]:
    """All combinations of k and λ (or the fixed λ) in each set of spaces in `places`."""
    scales = {multiple: held_out.lambdas(multiple) for multiple in MULTIPLES}
    if fixed is not None:
        first = next(iter(held_out.typical.values()))
        scales = {fixed * first: dict.fromkeys(held_out.typical, fixed)}
    tried = []
    for k in ks:
        for multiple, lambdas in scales.items():
            validator = partial(held_out.validator, product(1.0), state, k, lambdas, list(places.values()))
            values = remember(checkpoints, f"choice-{k}-{multiple:g}", validator)
            tried += [Choice(space, k, multiple, v) for space, v in zip(places, values, strict=True)]
    return [choice for space in places for choice in tried if choice.space == space]
