"""Nearest rows of a matrix, exactly or approximately, by faiss; the same result for any number of threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe_cli.core.search import measure

# Queries at a time; fixed, so that results do not depend on the number of threads. With 1,536 or fewer at a time faiss
# takes twice as long for each (version 1.15).
BLOCK = 2048
EXACT, HNSW, IVF, LSH = "exact", "hnsw", "ivf", "lsh"
SEARCHES = (EXACT, HNSW, IVF, LSH)
_FEWEST = 4096  # rows from which the search is approximate
_LINKS = 32  # of a node of the HNSW graph
_BREADTH = 64  # candidate list of the graph search (efSearch), larger where more neighbours are wanted
_BITS = 8  # of an LSH code, for each dimension
_CANDIDATES = 4  # rows with the nearest codes, in multiples of k, that are compared exactly
_FEWEST_CANDIDATES = 256
_LISTS_PER_ROOT = 4  # inverted lists = 4 √n, a common choice of the library's guidelines
_PROBED = 1 / 16  # share of the lists that a query probes
_MOST_TRAINING = 64  # rows a list that k-means is trained on


def faiss_on_one_thread() -> Any:
    """The library faiss, told to stay on the thread that calls it: callers run blocks in parallel.

    It is loaded where it is used, since it takes a twentieth of the time of a command that uses none of it.
    """
    import faiss

    faiss.omp_set_num_threads(1)
    return faiss


class Nearest(NamedTuple):
    """The nearest rows of each query, nearest first; equal distances by row."""

    rows: NDArray[np.int32]  # (m, k), -1 where there are fewer
    squared: NDArray[np.float32]  # (m, k) squared Euclidean distances, inf where there are fewer


class Search:
    """Finds the rows of `base` (n, d) nearest to a query.

    EXACT compares all rows. HNSW searches a graph of near rows, IVF the nearest cells of a k-means, LSH the rows whose
    random bits agree most (AWE §3.1). Few rows are always searched exactly.
    """

    def __init__(self, base: NDArray[np.float32], *, approximate: str = EXACT, apart: bool = False) -> None:
        """apart: a row at distance 0 is no neighbour."""
        self._apart = apart
        self._base = np.ascontiguousarray(base)
        self._method = approximate if len(base) >= _FEWEST else EXACT
        self._index: Any = _INDEXES[self._method](self._base)
        self._index.add(self._base)

    def nearest(self, queries: NDArray[np.float32], k: int, skip: NDArray[np.int64] | None = None) -> Nearest:
        """The k nearest rows of each query (m, d), without row skip[q] where that is given and not -1.

        A query of zeros has no neighbours.
        """
        wanted = min(k + (skip is not None or self._apart), len(self._base))
        found = self._find(np.ascontiguousarray(queries), wanted)
        out = Nearest(
            np.full((len(queries), k), -1, np.int32), np.full((len(queries), k), np.inf, np.float32)
        )
        skipped = np.full(len(queries), -1, np.int64) if skip is None else skip
        measure(queries, self._base, found, skipped, self._apart, out.rows, out.squared)
        return out

    def _find(self, queries: NDArray[np.float32], wanted: int) -> NDArray[np.int64]:
        """Candidates (m, wanted or more), -1 where there are fewer."""
        faiss = faiss_on_one_thread()
        found: NDArray[np.int64]
        if self._method == HNSW:
            breadth = faiss.SearchParametersHNSW(efSearch=max(_BREADTH, wanted))
            _, found = self._index.search(queries, wanted, params=breadth)
        else:
            many = min(max(_CANDIDATES * wanted, _FEWEST_CANDIDATES), len(self._base))
            some = many if self._method == LSH else wanted
            _, found = self._index.search(queries, some)
        return found


def _ivf(base: NDArray[np.float32]) -> Any:
    faiss = faiss_on_one_thread()
    lists = int(_LISTS_PER_ROOT * np.sqrt(len(base)))
    index = faiss.IndexIVFFlat(faiss.IndexFlatL2(base.shape[1]), base.shape[1], lists)
    index.cp.max_points_per_centroid = _MOST_TRAINING
    index.train(base)
    index.nprobe = max(1, int(lists * _PROBED))
    return index


def _hnsw(base: NDArray[np.float32]) -> Any:
    faiss = faiss_on_one_thread()
    index = faiss.IndexHNSWFlat(base.shape[1], _LINKS)
    index.hnsw.efConstruction = _BREADTH
    return index


def _lsh(base: NDArray[np.float32]) -> Any:
    faiss = faiss_on_one_thread()
    index = faiss.IndexLSH(base.shape[1], _BITS * base.shape[1], True)
    index.train(base)
    return index


_INDEXES: dict[str, Callable[[NDArray[np.float32]], Any]] = {
    EXACT: lambda base: faiss_on_one_thread().IndexFlatL2(base.shape[1]),
    HNSW: _hnsw,
    IVF: _ivf,
    LSH: _lsh,
}
