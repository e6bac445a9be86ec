"""LightFM: WARP and BPR, in annotation with the features of examples.

rectools-lightfm is the same library in a package that builds on a current Python; lightfm-next has wheels, but the one
for Python 3.11 asks for a symbol that glibc has not had since 2.31.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse

from benchmarks.peers.protocol import ANNOTATION, RECOMMENDATION, Job, Method, Peer


def warp(job: Job) -> np.ndarray:
    """Weighted approximate-rank pairwise loss."""
    return _listed(job, "warp")


def bpr(job: Job) -> np.ndarray:
    """Bayesian personalised ranking."""
    return _listed(job, "bpr")


def _listed(job: Job, loss: str) -> np.ndarray:
    from lightfm import LightFM

    settings = dict(job.settings)
    epochs = settings.pop("epochs")
    model = LightFM(loss=loss, random_state=job.seed, **settings)
    X = None if job.X is None else scipy.sparse.csr_matrix(job.X, dtype=np.float32)
    model.fit(job.Y.tocoo(), user_features=X, epochs=epochs, num_threads=2)
    asked = None if job.Q is None else scipy.sparse.csr_matrix(job.Q, dtype=np.float32)
    _, U = model.get_user_representations(asked)
    label_bias, V = model.get_item_representations()
    rows = np.arange(len(U)) if job.rows is None else job.rows
    return job.best(lambda block: U[rows[block]] @ V.T + label_bias, len(rows))


_SPACE = {
    "no_components": (10, 32, 64, 128),
    "epochs": (20, 50, 100),
    "learning_rate": (0.05, 0.02, 0.1),
    "user_alpha": (0.0, 1e-6, 1e-5),
    "item_alpha": (0.0, 1e-6, 1e-5),
}
PEER = Peer(
    "lightfm",
    ("rectools-lightfm",),
    (
        Method("warp", "WARP, LightFM", (RECOMMENDATION, ANNOTATION), _SPACE, warp),
        Method("bpr", "BPR, LightFM", (RECOMMENDATION, ANNOTATION), _SPACE, bpr),
    ),
    builds=True,
)
