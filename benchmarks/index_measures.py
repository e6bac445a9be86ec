"""What an index of labels should compare by: inner products, or distances after rows are completed to one length.

    python benchmarks/index_measures.py WORKSPACE MODEL...

Prints the share of the 10 best labels among 20 candidates that faiss finds, for 4,000 examples of the dataset.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from awe_cli.matrices.lengths import to_one_length, with_zeros
from awe_cli.models.load import choose_fit, load_fit
from awe_cli.models.store import open_dataset
from awe_cli.neighbors.label_index import n_lists
from awe_cli.ranking.inner_product import inner_product_of
from awe_cli.workspace import Workspace

EXAMPLES, WANTED, TOP, EF, SHARE = 4000, 20, 10, 128, 1 / 4
Floats = NDArray[np.float32]


def main() -> None:
    """Measure and print a column for each model."""
    ws = Workspace(Path(sys.argv[1]))
    for name in sys.argv[2:]:
        points, rows = points_and_rows(ws, name)
        lengths = np.linalg.norm(rows, axis=1)
        print(f"\n{name}: {len(rows):,} labels, lengths {lengths.min():.2g} to {lengths.max():.2g}\n")
        best = np.argpartition(-(points @ rows.T), TOP, axis=1)[:, :TOP]
        for what, find in WAYS.items():
            found = find(points, rows)
            recall = np.mean([len(np.intersect1d(a, b)) / TOP for a, b in zip(found, best, strict=True)])
            print(f"| {what} | {recall:.4f} |")


def points_and_rows(ws: Workspace, name: str) -> tuple[Floats, Floats]:
    """q of examples of which something is known, and V_y."""
    dataset, model = open_dataset(ws.find("dataset")), ws.find("model", name)
    product = inner_product_of(load_fit(ws, model, dataset, choose_fit(model, None)))
    assert product is not None, f"{name} ranks by no inner product"
    points = product.points(next(iter(dataset.everyone_batches())).slice(0, EXAMPLES).x)
    return points[points.any(axis=1)], product.rows


def by_graph(measure: int) -> Callable[[Floats, Floats], NDArray[np.int64]]:
    """HNSW by inner products, or by distances of completed rows."""

    def find(points: Floats, rows: Floats) -> NDArray[np.int64]:
        if measure == faiss.METRIC_L2:
            points, rows = with_zeros(points), to_one_length(rows)
        index = faiss.IndexHNSWFlat(rows.shape[1], 32, measure)
        index.hnsw.efConstruction = 128
        return searched(index, points, rows, faiss.SearchParametersHNSW(efSearch=EF))

    return find


def by_lists(measure: int, length: float = 1.0) -> Callable[[Floats, Floats], NDArray[np.int64]]:
    """IVF in the same two ways; `length` of a point where rows are completed to length 1."""

    def find(points: Floats, rows: Floats) -> NDArray[np.int64]:
        lists = n_lists(len(rows))
        flat: Any = faiss.IndexFlatIP(rows.shape[1])
        if measure == faiss.METRIC_L2:
            points = with_zeros(points / np.linalg.norm(points, axis=1, keepdims=True) * np.float32(length))
            rows = to_one_length(rows)
            rows /= np.linalg.norm(rows[0])
            flat = faiss.IndexFlatL2(rows.shape[1])
        index = faiss.IndexIVFFlat(flat, rows.shape[1], lists, measure)
        index.cp.min_points_per_centroid, index.cp.max_points_per_centroid = 1, 64
        index.train(rows)
        return searched(index, points, rows, faiss.SearchParametersIVF(nprobe=round(lists * SHARE)))

    return find


def searched(index: Any, points: Floats, rows: Floats, how: Any) -> NDArray[np.int64]:
    """The rows that an index of them finds for each point (m, WANTED)."""
    index.add(np.ascontiguousarray(rows))
    found: NDArray[np.int64] = index.search(np.ascontiguousarray(points), WANTED, params=how)[1]
    return found


WAYS = {
    "HNSW by inner products, ef = 128": by_graph(faiss.METRIC_INNER_PRODUCT),
    "HNSW by distances of completed rows": by_graph(faiss.METRIC_L2),
    "IVF by inner products, a quarter of the lists": by_lists(faiss.METRIC_INNER_PRODUCT),
    "IVF by distances of completed rows, points of length M": by_lists(faiss.METRIC_L2),
    "the same, points of length 2 M": by_lists(faiss.METRIC_L2, 2.0),
}


if __name__ == "__main__":
    faiss.omp_set_num_threads(1)
    main()
