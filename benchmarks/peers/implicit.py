"""implicit: iALS, BPR and item k-NN of interactions."""

from __future__ import annotations

import numpy as np

from benchmarks.peers.protocol import RECOMMENDATION, Job, Method, Peer

_FACTORS = (100, 32, 64, 200)


def ials(job: Job) -> np.ndarray:
    """Alternating least squares with confidence alpha (Hu, Koren & Volinsky 2008)."""
    from implicit.als import AlternatingLeastSquares

    return _listed(AlternatingLeastSquares(random_state=job.seed, use_gpu=False, **job.settings), job)


def bpr(job: Job) -> np.ndarray:
    """Bayesian personalised ranking (Rendle et al. 2009)."""
    from implicit.bpr import BayesianPersonalizedRanking

    return _listed(BayesianPersonalizedRanking(random_state=job.seed, use_gpu=False, **job.settings), job)


def item_knn(job: Job) -> np.ndarray:
    """Item k-NN with BM25 weights."""
    from implicit.nearest_neighbours import BM25Recommender

    return _listed(
        BM25Recommender(**job.settings), job, least=0.0
    )  # what a person has fills lists up, with 0


def _listed(model: object, job: Job, least: float = np.finfo(np.float32).min) -> np.ndarray:
    """The lists of a fitted model, without what scores no more than `least`."""
    Y = job.Y.astype(np.float32)
    model.fit(Y, show_progress=False)  # type: ignore[attr-defined]
    lists, scores = model.recommend(job.rows, Y[job.rows], N=job.k, filter_already_liked_items=True)  # type: ignore[attr-defined]
    return np.where(scores <= least, -1, lists)


PEER = Peer(
    "implicit",
    ("implicit>=0.7.2",),
    (
        Method(
            "ials", "iALS, implicit", (RECOMMENDATION,),
            {"factors": _FACTORS, "regularization": (0.01, 0.001, 0.1, 1.0, 10.0), "alpha": (1.0, 3.0, 10.0, 40.0),
             "iterations": (15, 30)},
            ials,
        ),
        Method(
            "bpr", "BPR, implicit", (RECOMMENDATION,),
            {"factors": _FACTORS, "regularization": (0.01, 0.001, 0.03, 0.1), "learning_rate": (0.01, 0.03, 0.1),
             "iterations": (100, 200, 400)},
            bpr,
        ),
        Method(
            "item-knn", "item k-NN with BM25, implicit", (RECOMMENDATION,),
            {"K": (20, 50, 100, 200, 500), "K1": (1.2, 0.5, 2.0, 10.0), "B": (0.75, 0.0, 0.3, 1.0)},
            item_knn, random=False,
        ),
    ),
)  # fmt: skip
