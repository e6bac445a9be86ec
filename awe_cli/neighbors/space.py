"""The spaces in which neighbours are searched: projections Ux, and the input itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from awe_cli.dataset.dataset import Dataset
from awe_cli.matrices.bags import inputs, keep_entries, largest, scale_rows
from awe_cli.matrices.matrix import Dense, Rows, n_rows, slice_rows
from awe_cli.neighbors.search import EXACT, Nearest, Search
from awe_cli.ranking.embedding import projections

# The interface of a neighbour space, and the space of the projections Ux, as they are or normalised.

COSINE, EUCLIDEAN = "cosine", "euclidean"


def usual_measure(*, dense: bool) -> str:
    """How projections are compared by default: those of dense x by distance, those of bags by angle."""
    return EUCLIDEAN if dense else COSINE


class Finder(Protocol):
    """Finds the nearest of a set of rows."""

    def nearest(self, x: Rows, k: int, skip: NDArray[np.int64] | None = None) -> Nearest:
        """The k nearest of every row of x, without skip[q] where that is given and not -1."""
        ...


class NeighborSpace(Protocol):
    """A space in which inputs are points."""

    def points(self, x: Rows) -> Any:
        """The point of every row: (m, p), dense or sparse."""
        ...

    def finder(self, x: Rows, *, approximate: str = EXACT, apart: bool = False) -> Finder:
        """The search among the rows of x; apart: a row at distance 0 is no neighbour."""
        ...


@dataclass(frozen=True)
class Space:
    """Distances ‖Ux − Ux'‖ of the embedding U (features, d).

    With the cosine measure projections are normalised first, so that ‖·‖² = 2 − 2 cos.
    """

    U: NDArray[np.float32]
    measure: str  # COSINE or EUCLIDEAN

    def points(self, x: Rows) -> NDArray[np.float32]:
        """The point of every row: (m, d)."""
        Z = projections(x, self.U)
        if self.measure == COSINE:
            norms = np.linalg.norm(Z, axis=1, keepdims=True)
            np.divide(Z, norms, out=Z, where=norms > 0)
        return Z

    def finder(self, x: Rows, *, approximate: str = EXACT, apart: bool = False) -> Finder:
        """The search among the rows of x; apart: a row at distance 0 is no neighbour."""
        return _Points(self, Search(self.points(x), approximate=approximate, apart=apart))


@dataclass(frozen=True)
class _Points:
    """Projected rows, and a search among them."""

    space: Space
    search: Search

    def nearest(self, x: Rows, k: int, skip: NDArray[np.int64] | None = None) -> Nearest:
        return self.search.nearest(self.space.points(x), k, skip)


# Nearest training examples by the input itself, before any embedding.

_THE_SAME = 1e-6  # 1 − cos below which two bags count as equal
_BLOCK = 1024  # bags whose cosines are in memory at once


class InputSearch:
    """The training examples nearest to an input: by faiss for dense rows, by sparse products for bags.

    Bags are normalised, so that d² = 2 − 2 cos; a bag without a common feature is no neighbour.
    """

    def __init__(
        self, x: Rows, n_features: int, constant: int = -1, *, approximate: str = EXACT, apart: bool = False
    ) -> None:
        """constant: the feature of every bag, which is left out, or -1; apart: a row at distance 0 is no neighbour.

        Bags are always searched exactly.
        """
        self._n_features, self._constant, self._apart = n_features, constant, apart
        self._search: Any = (
            Search(x.values, approximate=approximate, apart=apart)
            if isinstance(x, Dense)
            else self.points(x).T.tocsr()
        )

    def nearest(self, x: Rows, k: int, skip: NDArray[np.int64] | None = None) -> Nearest:
        """The k nearest training examples of every row, without skip[q] where that is given and not -1."""
        if isinstance(x, Dense):
            found: Nearest = self._search.nearest(x.values, k, skip)
            return found
        out = Nearest(np.full((n_rows(x), k), -1, np.int32), np.full((n_rows(x), k), np.inf, np.float32))
        for start in range(0, n_rows(x), _BLOCK):
            rows = slice_rows(x, start, start + _BLOCK)
            cosines = self._cosines(rows, None if skip is None else skip[start : start + _BLOCK])
            indptr, columns, values = largest(cosines, k)
            sizes = np.diff(indptr)
            place = start + np.repeat(np.arange(len(sizes)), sizes), _positions(indptr)
            out.rows[place] = columns
            out.squared[place] = np.maximum(0, 2 - 2 * values)
        return out

    def points(self, x: Rows) -> Any:
        """The rows as points (m, features)."""
        return input_points(x, self._n_features, self._constant)

    def _cosines(self, x: Rows, skip: NDArray[np.int64] | None) -> Any:
        """cos(x, x_i) of the examples that share features with x (m, n), sparse."""
        cosines = (self.points(x) @ self._search).tocsr()
        no_neighbour = cosines.data <= 0
        if self._apart:
            no_neighbour |= cosines.data > 1 - _THE_SAME
        if skip is not None:
            no_neighbour |= cosines.indices == np.repeat(skip, np.diff(cosines.indptr))
        cosines.data[no_neighbour] = 0
        cosines.eliminate_zeros()
        return cosines


def input_points(x: Rows, n_features: int, constant: int = -1) -> Any:
    """Inputs as points (m, features): dense rows as they are, bags normalised as a sparse matrix.

    constant  the feature of every bag, which is left out, or -1
    """
    if isinstance(x, Dense):
        return x.values
    return inputs(scale_rows(keep_entries(x, x.indices != constant), "l2"), n_features)


@dataclass(frozen=True)
class InputSpace:
    """Distances ‖x − x'‖ of dense inputs, or of normalised bags without their constant feature (-1: none)."""

    n_features: int
    constant: int

    def points(self, x: Rows) -> Any:
        """Dense rows as they are, bags normalised as a sparse matrix: (m, features)."""
        return input_points(x, self.n_features, self.constant)

    def finder(self, x: Rows, *, approximate: str = EXACT, apart: bool = False) -> InputSearch:
        """The search among the rows of x."""
        return InputSearch(x, self.n_features, self.constant, approximate=approximate, apart=apart)


def constant_of(dataset: Dataset) -> int:
    """The constant feature that every bag has, -1 where there is none.

    It is left out of distances: an example without other features would be nearer to all than those that share words.
    """
    return dataset.n_features - 1 if dataset.space is not None and dataset.space.options.bias else -1


def _positions(indptr: NDArray[np.int64]) -> NDArray[np.int64]:
    """The place of each entry in its row."""
    return np.arange(indptr[-1]) - np.repeat(indptr[:-1], np.diff(indptr))
