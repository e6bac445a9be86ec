"""scikit-learn: logistic regression one against the rest, and k-NN by the input."""

from __future__ import annotations

import numpy as np

from benchmarks.peers.protocol import ANNOTATION, Job, Method, Peer


def one_vs_rest(job: Job) -> np.ndarray:
    """A logistic regression for each label."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier

    used = np.flatnonzero(np.diff(job.Y.tocsc().indptr) > 0)
    model = OneVsRestClassifier(LogisticRegression(solver="liblinear", random_state=job.seed, **job.settings))
    model.fit(job.X, job.Y[:, used])

    def scores(block: slice) -> np.ndarray:
        S = np.full((block.stop - block.start, job.Y.shape[1]), -np.inf)
        S[:, used] = model.predict_proba(job.Q[block])
        return S

    return job.best(scores, job.Q.shape[0])


def input_knn(job: Job) -> np.ndarray:
    """The labels of the nearest examples, each counted by its similarity or once."""
    from sklearn.neighbors import NearestNeighbors

    k, metric, weighted = (job.settings[name] for name in ("k", "metric", "weighted"))
    search = NearestNeighbors(n_neighbors=min(k, job.X.shape[0]), metric=metric).fit(job.X)

    def scores(block: slice) -> np.ndarray:
        distances, rows = search.kneighbors(job.Q[block])
        weights = 1 / (distances + 1e-3) if weighted else np.ones_like(distances)
        return np.stack([w @ job.Y[r].toarray() for w, r in zip(weights, rows, strict=True)])

    return job.best(scores, job.Q.shape[0])


PEER = Peer(
    "sklearn",
    ("scikit-learn",),
    (
        Method(
            "one-vs-rest", "one-vs-rest, scikit-learn", (ANNOTATION,),
            {"C": (1.0, 0.1, 0.3, 3.0, 10.0, 30.0), "class_weight": (None, "balanced")},
            one_vs_rest, random=False,
        ),
        Method(
            "input-knn", "k-NN, scikit-learn", (ANNOTATION,),
            {"k": (5, 10, 20, 50, 100, 200), "metric": ("cosine", "euclidean"), "weighted": (True, False)},
            input_knn, random=False,
        ),
    ),
)  # fmt: skip
