"""What implicit does, in its own environment."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bench.curve import Curve, OverError
from benchmarks.bench.data import matrix
from benchmarks.peers.protocol import load_job


def bpr(file: str, dim: int, threads: int) -> Callable[[], dict[str, float]]:
    """An epoch of BPR: a triplet for each interaction. Its bias is one more number a row."""
    from implicit.cpu.bpr import BayesianPersonalizedRanking

    Y = matrix(file)
    model = BayesianPersonalizedRanking(
        factors=dim, iterations=1, num_threads=threads, random_state=np.random.default_rng(0)
    )

    def epoch() -> dict[str, float]:
        model.fit(Y, show_progress=False)
        return {"interactions": float(Y.nnz)}

    return epoch


def curve(name: str, data: str, folder: str, most: float, **settings: Any) -> Callable[[], dict[str, Any]]:
    """The lists of iALS or BPR after each iteration, until `most` seconds of the processor are over."""
    from implicit.cpu.als import AlternatingLeastSquares
    from implicit.cpu.bpr import BayesianPersonalizedRanking

    kinds = {"ials": AlternatingLeastSquares, "bpr": BayesianPersonalizedRanking}
    job = load_job(Path(data), Path(folder))
    Y = job.Y.astype(np.float32)

    def learn() -> dict[str, Any]:
        points = Curve(Path(folder), most)
        model = kinds[name](num_threads=1, random_state=job.seed, **settings)

        def listed() -> np.ndarray:
            return model.recommend(job.rows, Y[job.rows], N=job.k, filter_already_liked_items=True)[0]

        try:
            points.start(time.process_time())
            model.fit(Y, show_progress=False, callback=lambda *_: points.add(listed))
        except OverError:
            pass
        return points.told

    return learn
