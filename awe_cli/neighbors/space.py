"""The space neighbours are looked for in, and that of the projections Ux, as they are or at length 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from awe_cli.data.matrix import Rows
from awe_cli.neighbors.search import EXACT, Nearest, Search
from awe_cli.ranking.embedding import projections

COSINE, EUCLIDEAN = "cosine", "euclidean"


def usual_measure(*, dense: bool) -> str:
    """How projections are compared where nobody says: of dense x by distance, of bags by angle."""
    return EUCLIDEAN if dense else COSINE


class Finder(Protocol):
    """Finds the nearest of the rows that it was made from."""

    def nearest(self, x: Rows, k: int, skip: NDArray[np.int64] | None = None) -> Nearest:
        """The k nearest of every row of x, without skip[q] where that is given and not -1."""
        ...


class Place(Protocol):
    """A space that inputs have a place in."""

    def finder(self, x: Rows, *, approximate: str = EXACT, apart: bool = False) -> Finder:
        """What finds the nearest of the rows of x; apart: a row at distance 0 is no neighbour."""
        ...


@dataclass(frozen=True)
class Space:
    """Distances ‖Ux − Ux'‖ of the embedding U (features, d).

    With the cosine measure projections are first brought to length 1, so that ‖·‖² = 2 − 2 cos.
    """

    U: NDArray[np.float32]
    measure: str  # COSINE or EUCLIDEAN

    def points(self, x: Rows) -> NDArray[np.float32]:
        """The place of every row: (m, d)."""
        Z = projections(x, self.U)
        if self.measure == COSINE:
            norms = np.linalg.norm(Z, axis=1, keepdims=True)
            np.divide(Z, norms, out=Z, where=norms > 0)
        return Z

    def finder(self, x: Rows, *, approximate: str = EXACT, apart: bool = False) -> Finder:
        """What finds the nearest of the rows of x; apart: a row at distance 0 is no neighbour."""
        return _Points(self, Search(self.points(x), approximate=approximate, apart=apart))


@dataclass(frozen=True)
class _Points:
    """Rows that have been projected, and a search among them."""

    space: Space
    search: Search

    def nearest(self, x: Rows, k: int, skip: NDArray[np.int64] | None = None) -> Nearest:
        return self.search.nearest(self.space.points(x), k, skip)
