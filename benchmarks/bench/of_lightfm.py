"""What LightFM does, in its own environment."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bench.curve import Curve, OverError
from benchmarks.bench.data import matrix
from benchmarks.peers.protocol import load_job


def warp(
    file: str, dim: int, trials: int, threads: int, bags: bool, people: int = 0
) -> Callable[[], dict[str, float]]:
    """An epoch of WARP: a row for each person, or bags of items as features; of the first `people` alone if not 0."""
    from lightfm import LightFM
    from scipy.sparse import diags

    Y = matrix(file, people)
    lengths = np.maximum(np.diff(Y.indptr), 1)
    features = (diags(lengths.astype(np.float32) ** -0.5) @ Y).tocsr() if bags else None
    model = LightFM(no_components=dim, loss="warp", max_sampled=trials, random_state=0)
    pairs = Y.tocoo()

    def epoch() -> dict[str, float]:
        model.fit_partial(pairs, user_features=features, epochs=1, num_threads=threads)
        return {"interactions": float(Y.nnz)}

    return epoch


def curve(data: str, folder: str, most: float, epochs: int, **settings: Any) -> Callable[[], dict[str, Any]]:
    """The lists of WARP after each epoch, until `most` seconds of the processor are over."""
    from lightfm import LightFM

    job = load_job(Path(data), Path(folder))
    assert job.rows is not None
    pairs, rows = job.Y.tocoo(), job.rows

    def learn() -> dict[str, Any]:
        points = Curve(Path(folder), most)
        points.start(time.process_time())
        model = LightFM(loss="warp", random_state=job.seed, **settings)

        def listed() -> np.ndarray:
            _, U = model.get_user_representations()
            bias, V = model.get_item_representations()
            return job.best(lambda block: U[rows[block]] @ V.T + bias, len(rows))

        try:
            for _ in range(epochs):
                model.fit_partial(pairs, epochs=1, num_threads=1)
                points.add(listed)
        except OverError:
            pass
        return points.told

    return learn
