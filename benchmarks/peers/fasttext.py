"""fastText, in the build that has wheels (fasttext-wheel): a linear model of the mean of word vectors."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from benchmarks.peers.protocol import ANNOTATION, Job, Method, Peer

_LABEL = "__label__"


def supervised(job: Job) -> np.ndarray:
    """One against the rest on words: fastText knows whether a word is there, not what it counts."""
    import fasttext

    file = job.folder / "train.txt"
    with file.open("w") as stream:
        for labels, words in zip(job.positives, _words(job.X), strict=True):
            if labels and words:
                stream.write(" ".join([*(f"{_LABEL}{label}" for label in labels), words]) + "\n")
    model = fasttext.train_supervised(
        str(file), loss="ova", thread=2, seed=job.seed, minCount=1, verbose=0, **job.settings
    )
    found = model.predict(_words(job.Q), k=job.k)[0]
    return job.filled([[int(label.removeprefix(_LABEL)) for label in labels] for labels in found])


def _words(matrix: object) -> list[str]:
    """Each row of a sparse matrix as the names of its entries, the greatest first."""
    indptr, indices, data = matrix.indptr, matrix.indices, matrix.data  # type: ignore[attr-defined]
    return [
        " ".join(f"w{i}" for i in indices[a:b][np.argsort(-data[a:b], kind="stable")])
        for a, b in pairwise(indptr)
    ]


PEER = Peer(
    "fasttext",
    ("fasttext-wheel", "numpy<2"),  # it asks NumPy for what version 2 refuses
    (
        Method(
            "supervised", "fastText", (ANNOTATION,),
            {"lr": (0.1, 0.3, 0.5, 1.0), "dim": (100, 50, 200), "epoch": (5, 25, 50, 100)},
            supervised, sparse=True,
        ),
    ),
)  # fmt: skip
