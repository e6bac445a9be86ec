"""What bare faiss does, in its own environment."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def nearest(file: str, k: int, threads: int) -> Callable[[], None]:
    """The k + 1 nearest rows of each row: its own is among them."""
    import faiss

    points = np.load(file)
    faiss.omp_set_num_threads(threads)

    def search() -> None:
        index = faiss.IndexFlatL2(points.shape[1])
        index.add(points)
        index.search(points, k + 1)

    return search
