"""Nearest rows of a matrix, exactly or approximately, by faiss; the same result for any number of threads."""

from __future__ import annotations

from typing import Any, NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

from awe_cli.kernels.nearest import measure

BLOCK = 1024  # queries searched for at a time; fixed, so that results do not depend on the threads
_LISTS_PER_ROOT = 4  # inverted lists = 4 √n, a common choice of the library's guidelines
_PROBED = 1 / 16  # share of the lists that a query looks into
_MOST_TRAINING = 64  # rows a list that k-means looks at


class Nearest(NamedTuple):
    """The nearest rows of each query, nearest first; equal distances by row."""

    rows: NDArray[np.int32]  # (m, k), -1 where there are fewer
    squared: NDArray[np.float32]  # (m, k) squared Euclidean distances, inf where there are fewer


class Search:
    """Finds the rows of `base` (n, d) nearest to a query, exactly or with an inverted file (IVF)."""

    def __init__(self, base: NDArray[np.float32], *, approximate: bool = False, apart: bool = False) -> None:
        """apart: a row at distance 0 is no neighbour."""
        self._apart = apart
        faiss.omp_set_num_threads(1)
        self._base = np.ascontiguousarray(base)
        n, d = base.shape
        self._index: Any = faiss.IndexFlatL2(d)
        if approximate and n >= 4096:
            lists = int(_LISTS_PER_ROOT * np.sqrt(n))
            self._index = faiss.IndexIVFFlat(self._index, d, lists)
            self._index.cp.max_points_per_centroid = _MOST_TRAINING
            self._index.train(self._base)
            self._index.nprobe = max(1, int(lists * _PROBED))
        self._index.add(self._base)

    def nearest(self, queries: NDArray[np.float32], k: int, skip: NDArray[np.int64] | None = None) -> Nearest:
        """The k nearest rows of each query (m, d), without row skip[q] where that is given and not -1.

        A query of zeros is no query: it has no neighbours.
        """
        faiss.omp_set_num_threads(1)  # a setting of the calling thread: blocks are shared out above us
        wanted = min(k + (skip is not None or self._apart), len(self._base))
        _, found = self._index.search(np.ascontiguousarray(queries), wanted)
        out = Nearest(
            np.full((len(queries), k), -1, np.int32), np.full((len(queries), k), np.inf, np.float32)
        )
        skipped = np.full(len(queries), -1, np.int64) if skip is None else skip
        measure(queries, self._base, found, skipped, self._apart, out.rows, out.squared)
        return out
