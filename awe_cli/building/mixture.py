"""A mixture whose members are built, or some of them, or none: its G of new input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe_cli.affinity.catalog import ALL_MEMBERS, with_floor
from awe_cli.affinity.mixture import build_mixture, weighed_numbers
from awe_cli.building.held_out import Looked
from awe_cli.data.matrix import Rows, n_rows
from awe_cli.kernels.epoch import State
from awe_cli.neighbors.choice import product
from awe_cli.ranking.embedding import EmbeddingRanker


class BuiltMixture:
    """G = Σ_m w_m G_m of one fit. The weights, and what members have of their own, are the state's.

    settings  parameters of the mixture
    built     the members that are built, in their order
    """

    def __init__(self, settings: Mapping[str, Any], built: Sequence[Looked]) -> None:
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
