"""LensKit: item k-NN, implicit matrix factorisation and EASE."""

from __future__ import annotations

import numpy as np

from benchmarks.peers.protocol import RECOMMENDATION, Job, Method, Peer


def item_knn(job: Job) -> np.ndarray:
    """Item k-NN by cosine, of implicit feedback."""
    from lenskit.knn import ItemKNNScorer

    return _listed(ItemKNNScorer(feedback="implicit", **job.settings), job)


def implicit_mf(job: Job) -> np.ndarray:
    """Alternating least squares with confidence (Hu, Koren & Volinsky 2008)."""
    from lenskit.als import ImplicitMFScorer

    return _listed(ImplicitMFScorer(**job.settings), job)


def ease(job: Job) -> np.ndarray:
    """Least squares on all items at once (Steck 2019)."""
    from lenskit.knn.ease import EASEScorer

    return _listed(EASEScorer(**job.settings), job)


def _listed(scorer: object, job: Job) -> np.ndarray:
    import pandas as pd
    from lenskit.batch import recommend
    from lenskit.data import from_interactions_df
    from lenskit.pipeline import topn_pipeline
    from lenskit.training import TrainingOptions

    users, items = job.Y.nonzero()
    data = from_interactions_df(pd.DataFrame({"user_id": users, "item_id": items}))
    pipeline = topn_pipeline(scorer, n=job.k)
    pipeline.train(data, TrainingOptions(rng=job.seed))
    found = recommend(pipeline, job.rows.tolist(), n=job.k, n_jobs=1)
    lists = {int(key.user_id): [int(item) for item in items.ids()] for key, items in found}
    return job.filled([lists.get(int(row), []) for row in job.rows])


PEER = Peer(
    "lenskit",
    ("lenskit>=2025.1",),
    (
        Method(
            "item-knn", "item k-NN, LensKit", (RECOMMENDATION,),
            {"max_nbrs": (20, 50, 100, 200), "save_nbrs": (None, 50, 200, 1000), "min_nbrs": (1, 2)},
            item_knn, random=False,
        ),
        Method(
            "implicit-mf", "ImplicitMF, LensKit", (RECOMMENDATION,),
            {"embedding_size": (50, 32, 100, 200), "regularization": (0.1, 0.01, 1.0, 10.0),
             "weight": (40.0, 1.0, 3.0, 10.0), "epochs": (10, 20)},
            implicit_mf,
        ),
        Method(
            "ease", "EASE, LensKit", (RECOMMENDATION,),
            {"regularization": (1.0, 10.0, 30.0, 100.0, 200.0, 300.0, 500.0, 1000.0)},
            ease, random=False,
        ),
    ),
)  # fmt: skip
