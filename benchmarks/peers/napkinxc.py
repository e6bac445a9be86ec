"""napkinXC: probabilistic label trees, and one-vs-rest."""

from __future__ import annotations

import numpy as np
import scipy.sparse

from benchmarks.peers.protocol import ANNOTATION, Job, Method, Peer


def label_tree(job: Job) -> np.ndarray:
    """A probabilistic label tree (Jasinska-Kobus et al. 2020)."""
    from napkinxc.models import PLT

    return _listed(PLT, job)


def one_vs_rest(job: Job) -> np.ndarray:
    """Binary relevance: a logistic regression for each label."""
    from napkinxc.models import BR

    return _listed(BR, job)


def _listed(model_type: type, job: Job) -> np.ndarray:
    model = model_type(str(job.folder / "model"), seed=job.seed, threads=2, **job.settings)
    model.fit(scipy.sparse.csr_matrix(job.X), job.positives)
    return job.filled(model.predict(scipy.sparse.csr_matrix(job.Q), top_k=job.k))


_LOGISTIC = {"liblinear_c": (10.0, 1.0, 3.0, 30.0), "liblinear_eps": (0.1, 0.01)}
PEER = Peer(
    "napkinxc",
    ("napkinxc",),
    (
        Method(
            "label-tree", "label tree, napkinXC", (ANNOTATION,),
            {**_LOGISTIC, "arity": (2, 16), "max_leaves": (100, 20, 400), "ensemble": (0, 3)},
            label_tree,
        ),
        Method("one-vs-rest", "one-vs-rest, napkinXC", (ANNOTATION,), _LOGISTIC, one_vs_rest, random=False),
    ),
)  # fmt: skip
