"""Mixtures with members that are built, and how G · S is validated again and again with other U and V."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from awe_cli.affinities.mixture import build_mixture, weighed_numbers
from awe_cli.affinities.pointwise import Constant
from awe_cli.affinities.registry import ALL_MEMBERS, with_floor
from awe_cli.core.epoch import State
from awe_cli.matrices.matrix import Rows, n_rows, slice_rows
from awe_cli.neighbors.choice import product
from awe_cli.ranking.embedding import CandidateRanker, EmbeddingRanker
from awe_cli.ranking.ensemble import BlendedWeights, Parts, blend_weights
from awe_cli.ranking.ranker import Scores
from awe_cli.ranking.validation import Validator

# Judging G · S on validation again and again with other U and V: G stays, and is laid out once.

_MOST_BYTES = 512 * 2**20  # of G that is kept; the rest is laid out each time


class AffinityIndex(Protocol):
    """A built G that new input can be looked up in."""

    def table(self, x: Rows) -> NDArray[np.float32]:
        """G(x, ·) of every row: (m, labels)."""
        ...

    def ranker(
        self, state: State, power: float, floor: float, y: Rows | None = None
    ) -> EmbeddingRanker | CandidateRanker:
        """f = (G^power + floor) · max(0, S); y: what describes labels, None where V has a row a label."""
        ...


class ValidationCache:
    """The examples of a judge and their G."""

    def __init__(self, built: AffinityIndex, validator: Validator) -> None:
        self._built, self._judge = built, validator
        self._kept: dict[int, NDArray[np.float32]] = {}

    def validator(self, state: State, power: float, floor: float) -> float:
        """How well f ranks with U and V of `state` in S."""
        ranker = self._built.ranker(state, power, floor, self._judge.examples.y)
        if isinstance(ranker, CandidateRanker):
            return self._judge(ranker)
        return self._judge.validate_rows(
            lambda start, stop: self._rated(ranker, start, stop), ranker.n_labels
        )

    def validate_alone(self, state: State) -> float:
        """How well S ranks without any G."""
        return self._judge(EmbeddingRanker(Constant(1.0), state.U, state.V, y=self._judge.examples.y))

    def choose_weights(self, states: Sequence[State], power: float, floor: float) -> BlendedWeights:
        """Weights of a sum of scores, each that of one of `states`, that rank best; they add up to 1."""
        y = self._judge.examples.y
        rankers = [self._built.ranker(state, power, floor, y) for state in states]

        def parts(start: int, stop: int) -> Parts:
            found = [self._rated(ranker, start, stop) for ranker in rankers]
            return [(scores.score, scores.score if scores.tie is None else scores.tie) for scores in found]

        return blend_weights(parts, len(rankers), self._judge, rankers[0].n_labels)

    def _rated(self, ranker: EmbeddingRanker | CandidateRanker, start: int, stop: int) -> Scores:
        assert isinstance(ranker, EmbeddingRanker)
        return ranker.rate(slice_rows(self._judge.examples.x, start, stop), self._table(start, stop))

    def _table(self, start: int, stop: int) -> NDArray[np.float32]:
        if start in self._kept:
            return self._kept[start]
        G = self._built.table(slice_rows(self._judge.examples.x, start, stop))
        if sum(kept.nbytes for kept in list(self._kept.values())) < _MOST_BYTES:
            self._kept[start] = G
        return G


# A mixture whose members are built, or some of them, or none: its G of new input.


class BuiltMixture:
    """G = Σ_m w_m G_m of one fit. The weights, and what members have of their own, are the state's.

    settings  parameters of the mixture
    built     the members that are built, in their order
    """

    def __init__(self, settings: Mapping[str, Any], built: Sequence[AffinityIndex]) -> None:
        self._settings, self._built = settings, built

    def table(self, x: Rows) -> NDArray[np.float32]:
        """G_m(x, ·) of every member that is built, one after the other: (m, tables · labels)."""
        none = np.zeros((n_rows(x), 0), np.float32)
        return np.concatenate([none, *(member.table(x) for member in self._built)], axis=1)

    def ranker(self, state: State, power: float, floor: float, y: Rows | None = None) -> EmbeddingRanker:
        """f = Σ_m w_m f_m + floor · S; of a member that is built f_m = G_m^power · max(0, S)."""
        n_labels = len(state.V) if y is None else n_rows(y)
        starts = (number * n_labels for number in range(len(self._built)))
        tables = [product(power, start=start) for start in starts]
        affinity = with_floor(build_mixture(self._settings, ALL_MEMBERS, tables), {"floor": floor})
        return EmbeddingRanker(affinity, state.U, state.V, self.table, state.learned, y)


def each_alone(state: State, n: int) -> list[State]:
    """The state with the weight 1 for one of n members and 0 for the others, for each of them."""
    return [state._replace(learned=weighed_numbers(state.learned, weights)) for weights in np.eye(n).tolist()]
