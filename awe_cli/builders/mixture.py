"""Mixtures with built members, and repeated validation of G · S with changing U and V."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import scipy.sparse
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

# Repeated validation of G · S with changing U and V: G is fixed, and computed once.

_MOST_BYTES = 512 * 2**20  # of G that is cached; the rest is computed each time


class AffinityIndex(Protocol):
    """A built G in which new input is looked up."""

    def table(self, x: Rows) -> NDArray[np.float32]:
        """G(x, ·) of every row: (m, labels)."""
        ...

    def ranker(
        self, state: State, power: float, floor: float, y: Rows | None = None
    ) -> EmbeddingRanker | CandidateRanker:
        """f = (G^power + floor) · max(0, S); y: features of labels, None where V has a row for each label."""
        ...


class ValidationCache:
    """The examples of a validator and their G."""

    def __init__(self, built: AffinityIndex, validator: Validator) -> None:
        self._built, self._judge = built, validator
        self._kept: dict[int, _Kept] = {}

    def validator(self, state: State, power: float, floor: float) -> float:
        """The validation metric of f with S by U and V of `state`."""
        ranker = self._built.ranker(state, power, floor, self._judge.examples.y)
        if isinstance(ranker, CandidateRanker):
            return self._judge(ranker)
        return self._judge.validate_rows(
            lambda start, stop: self._rated(ranker, start, stop), ranker.n_labels
        )

    def validate_alone(self, state: State) -> float:
        """The validation metric of S alone."""
        return self._judge(EmbeddingRanker(Constant(1.0), state.U, state.V, y=self._judge.examples.y))

    def choose_weights(self, states: Sequence[State], power: float, floor: float) -> BlendedWeights:
        """Weights for the sum of the scores by each of `states` that rank best; they sum to 1."""
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
            return self._kept[start].table()
        G = self._built.table(slice_rows(self._judge.examples.x, start, stop))
        if sum(kept.nbytes for kept in list(self._kept.values())) < _MOST_BYTES:
            self._kept[start] = _Kept.of(G)
        return G


@dataclass(frozen=True)
class _Kept:
    """A block of G, with the values alone that are not 0 where that takes less: neighbours have few labels."""

    G: NDArray[np.float32] | scipy.sparse.csr_matrix
    nbytes: int

    @classmethod
    def of(cls, G: NDArray[np.float32]) -> _Kept:
        """The block, to be kept. An entry takes twice the bytes of a number, and as much again to be made."""
        if np.count_nonzero(G) > G.size / 4:
            return cls(G, G.nbytes)
        entries = scipy.sparse.csr_matrix(G)
        return cls(entries, entries.data.nbytes + entries.indices.nbytes + entries.indptr.nbytes)

    def table(self) -> NDArray[np.float32]:
        """The block, which is only read."""
        return self.G if isinstance(self.G, np.ndarray) else self.G.toarray()


# A mixture of which any members may be built: its G of new input.


class BuiltMixture:
    """G = Σ_m w_m G_m of one fit. The state has the weights, and the parameters of members.

    settings  parameters of the mixture
    built     the built members, in their order
    """

    def __init__(self, settings: Mapping[str, Any], built: Sequence[AffinityIndex]) -> None:
        self._settings, self._built = settings, built

    def table(self, x: Rows) -> NDArray[np.float32]:
        """G_m(x, ·) of every built member, one after the other: (m, tables · labels)."""
        none = np.zeros((n_rows(x), 0), np.float32)
        return np.concatenate([none, *(member.table(x) for member in self._built)], axis=1)

    def ranker(self, state: State, power: float, floor: float, y: Rows | None = None) -> EmbeddingRanker:
        """f = Σ_m w_m f_m + floor · S; f_m = G_m^power · max(0, S) for built members."""
        n_labels = len(state.V) if y is None else n_rows(y)
        starts = (number * n_labels for number in range(len(self._built)))
        tables = [product(power, start=start) for start in starts]
        affinity = with_floor(build_mixture(self._settings, ALL_MEMBERS, tables), {"floor": floor})
        return EmbeddingRanker(affinity, state.U, state.V, self.table, state.learned, y)


def each_alone(state: State, n: int) -> list[State]:
    """For each of n members, the state with weight 1 for it and 0 for the others."""
    return [state._replace(learned=weighed_numbers(state.learned, weights)) for weights in np.eye(n).tolist()]
