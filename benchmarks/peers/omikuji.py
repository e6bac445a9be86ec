"""omikuji: Parabel and Bonsai."""

from __future__ import annotations

import numpy as np
import scipy.sparse

from benchmarks.peers.protocol import ANNOTATION, Job, Method, Peer


def trees(job: Job) -> np.ndarray:
    """Partitioned label trees: Parabel (Prabhu et al. 2018) by default, Bonsai where leaves are wide and shallow."""
    import omikuji

    X, Q = (scipy.sparse.csr_matrix(matrix) for matrix in (job.X, job.Q))
    file = job.folder / "train.txt"
    with file.open("w") as stream:
        stream.write(f"{X.shape[0]} {X.shape[1]} {job.Y.shape[1]}\n")
        for labels, row in zip(job.positives, _pairs(X), strict=True):
            stream.write(",".join(map(str, labels)) + "".join(f" {i}:{v:.7g}" for i, v in row) + "\n")
    settings = omikuji.Model.default_hyper_param()
    for name, value in job.settings.items():
        setattr(settings, name, value)
    model = omikuji.Model.train_on_data(str(file), settings, 2)
    return job.filled([[label for label, _ in model.predict(row, top_k=job.k)] for row in _pairs(Q)])


def _pairs(matrix: scipy.sparse.csr_matrix) -> list[list[tuple[int, float]]]:
    """Of each row the entries, as (column, value)."""
    return [
        list(zip(matrix.indices[a:b].tolist(), matrix.data[a:b].tolist(), strict=True))
        for a, b in zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True)
    ]


PEER = Peer(
    "omikuji",
    ("omikuji",),
    (
        Method(
            "trees", "Parabel and Bonsai, omikuji", (ANNOTATION,),
            {"n_trees": (3, 5), "linear_c": (1.0, 0.3, 3.0, 10.0), "cluster_k": (2, 16), "max_depth": (20, 3),
             "linear_max_iter": (20, 50)},
            trees,
        ),
    ),
)  # fmt: skip
