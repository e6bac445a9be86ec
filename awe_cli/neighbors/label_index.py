"""An index of labels by their rows V_y, which finds those of the greatest q·V_y for a point q, by faiss."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe_cli.matrices.lengths import to_one_length, with_zeros
from awe_cli.neighbors.search import HNSW, IVF, faiss_on_one_thread

# Two indexes, and what each compares by (docs/results/approximate.md has what was measured).
#
# HNSW  a graph of labels, in whose neighbourhoods q·V_y itself is greatest. A graph of the completed rows below ties
#       short rows to each other and loses long ones: recall .78 in place of .998 where lengths of V_y differ much.
# IVF   the cells of a k-means, which are compared by distance. Rows are completed to one length M by one number more,
#       so that ‖q − V_y‖² = ‖q‖² + M² − 2 q·V_y orders labels as q·V_y does (matrices/lengths.py), and divided by M. A
#       cell is chosen by its centre, which is shorter: points of length 2 M find the best ones where those of length M
#       prefer cells of labels that differ, and longer ones favour cells of labels that are alike.

INDEXES = (HNSW, IVF)
LINKS = 32  # of a node of the HNSW graph
_CONSTRUCTION = 128  # candidate list while the graph is built (efConstruction)
_LEAST_EF, _EF_A_LABEL = 128, 4  # of a search by default, the latter for each label wanted; at least √n
_LISTS_PER_ROOT = 4  # inverted lists = 4 √n, a common choice of the library's guidelines
_FEWEST_IN_LIST = 8  # labels
_LEAST_PROBED, _PROBED = 100, 1 / 32  # lists a search looks into by default, and what share of them at least
_MOST_TRAINING = 64  # rows a list that k-means is trained on
_LENGTH = 2  # of a point, in units of M


def n_lists(n: int) -> int:
    """The number of inverted lists of n labels."""
    return max(1, min(int(_LISTS_PER_ROOT * np.sqrt(n)), n // _FEWEST_IN_LIST))


def usual_effort(method: str, n: int, k: int) -> int:
    """How widely the k best of n labels are searched by default: ef of HNSW, nprobe of IVF."""
    if method == HNSW:
        return max(_LEAST_EF, _EF_A_LABEL * k, round(np.sqrt(n)))
    return min(n_lists(n), max(_LEAST_PROBED, round(n_lists(n) * _PROBED)))


class LabelIndex:
    """Labels by their rows, in the HNSW graph or the IVF lists; the same for the same rows, as one thread builds it."""

    def __init__(self, method: str, index: Any) -> None:
        self.method, self._index = method, index

    @classmethod
    def build(cls, rows: NDArray[np.float32], method: str) -> LabelIndex:
        """The index of the rows V_y (labels, d), at least one."""
        return cls(method, (_graph if method == HNSW else _inverted_lists)(rows))

    @property
    def shape(self) -> tuple[int, int]:
        """Labels, and the numbers of a row."""
        return self._index.ntotal, self._index.d - (self.method == IVF)

    def find(self, points: NDArray[np.float32], k: int, effort: int) -> NDArray[np.int64]:
        """About the k labels (m, k) of the greatest q·V_y for each point q (m, d); -1 where fewer were found.

        effort  ef of HNSW, at least k; nprobe of IVF
        """
        faiss = faiss_on_one_thread()
        found: NDArray[np.int64]
        if self.method == HNSW:
            breadth = faiss.SearchParametersHNSW(efSearch=max(effort, k))
            _, found = self._index.search(np.ascontiguousarray(points), k, params=breadth)
            return found
        lengths = np.linalg.norm(points, axis=1, keepdims=True) / np.float32(_LENGTH)
        scaled = np.divide(points, lengths, out=np.zeros_like(points), where=lengths > 0)
        probed = faiss.SearchParametersIVF(nprobe=min(effort, self._index.nlist))
        _, found = self._index.search(with_zeros(scaled), k, params=probed)
        return found

    def encode(self) -> NDArray[np.uint8]:
        """The bytes of the index, the same for the same rows."""
        encoded: NDArray[np.uint8] = faiss_on_one_thread().serialize_index(self._index)
        return encoded

    @classmethod
    def decode(cls, content: NDArray[np.uint8], method: str) -> LabelIndex:
        """What `encode` made. Raises ValueError where the library cannot read it."""
        try:
            return cls(method, faiss_on_one_thread().deserialize_index(content))
        except RuntimeError as error:
            raise ValueError(str(error).splitlines()[-1]) from error


def _graph(rows: NDArray[np.float32]) -> Any:
    faiss = faiss_on_one_thread()
    index = faiss.IndexHNSWFlat(rows.shape[1], LINKS, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = _CONSTRUCTION
    index.add(np.ascontiguousarray(rows))
    return index


def _inverted_lists(rows: NDArray[np.float32]) -> Any:
    points = to_one_length(rows)
    length = np.float32(np.linalg.norm(points[0].astype(np.float64)))
    points /= length if length > 0 else np.float32(1)
    faiss = faiss_on_one_thread()
    index = faiss.IndexIVFFlat(faiss.IndexFlatL2(points.shape[1]), points.shape[1], n_lists(len(points)))
    index.cp.max_points_per_centroid = _MOST_TRAINING
    index.cp.min_points_per_centroid = 1  # no warning on standard error for few labels
    index.train(points)
    index.add(points)
    return index
