"""What a peer is given and gives back. Imported in environments that have NumPy and SciPy, but not awe."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse

RECOMMENDATION, ANNOTATION = "recommendation", "annotation"
JOB, LISTS = "job.json", "lists.npy"
_BLOCK = 4096  # examples whose scores are in memory at once


@dataclass(frozen=True)
class Job:
    """What to learn from, and whom to rank for.

    Y         (n, labels) sparse: 1 for each positive to learn from; in recommendation a row is a person
    X         (n, features) what describes the examples, sparse or dense; None in recommendation
    Q         (m, features) what describes those to rank for; None in recommendation
    rows      (m,) the people to rank for, as rows of Y; None in annotation
    k         labels of each list
    settings  of the method
    folder    for files of its own
    """

    Y: scipy.sparse.csr_matrix
    X: Any
    Q: Any
    rows: np.ndarray | None
    k: int
    seed: int
    settings: Mapping[str, Any]
    folder: Path

    def best(self, scores: Callable[[slice], np.ndarray], m: int) -> np.ndarray:
        """(m, k) the labels with the highest of the scores (block, labels), without those that a person has."""
        found = []
        for start in range(0, m, _BLOCK):
            block = slice(start, min(start + _BLOCK, m))
            S = np.array(scores(block), np.float64)
            if self.rows is not None:
                S[self.Y[self.rows[block]].nonzero()] = -np.inf
            top = np.argsort(-S, axis=1, kind="stable")[:, : self.k]
            found.append(np.where(np.isneginf(np.take_along_axis(S, top, axis=1)), -1, top))
        return np.concatenate(found)

    def filled(self, lists: list[list[int]]) -> np.ndarray:
        """(m, k) lists of any length, cut and filled up with -1."""
        return np.array([[*labels[: self.k], *[-1] * (self.k - len(labels))] for labels in lists])

    @property
    def positives(self) -> list[list[int]]:
        """The positives of each row of Y."""
        return [
            self.Y.indices[a:b].tolist() for a, b in zip(self.Y.indptr[:-1], self.Y.indptr[1:], strict=True)
        ]


@dataclass(frozen=True)
class Method:
    """One way to rank.

    title   of its row
    space   setting → the values to draw from, the library's own default, or its documentation's, first
    rank    what learns and returns the lists (m, k), filled up with -1
    random  whether the seed changes anything
    sparse  whether it takes sparse X only
    """

    name: str
    title: str
    tasks: tuple[str, ...]
    space: Mapping[str, tuple[Any, ...]]
    rank: Callable[[Job], np.ndarray]
    random: bool = True
    sparse: bool = False


@dataclass(frozen=True)
class Peer:
    """One library: what pip is told to install, and its methods. Its module imports it only to rank.

    builds  whether the library has no wheel that works, and is built by the C compiler
    """

    name: str
    install: tuple[str, ...]
    methods: tuple[Method, ...]
    builds: bool = False


def save_matrix(path: Path, matrix: Any) -> None:
    """Write a matrix, sparse or dense, under a name without an ending."""
    if scipy.sparse.issparse(matrix):
        scipy.sparse.save_npz(path.with_suffix(".npz"), matrix)
    else:
        np.save(path.with_suffix(".npy"), matrix)


def load_matrix(path: Path) -> Any:
    """The matrix that was written under a name; None where there is none."""
    if path.with_suffix(".npz").exists():
        return scipy.sparse.load_npz(path.with_suffix(".npz")).tocsr()
    return np.load(path.with_suffix(".npy")) if path.with_suffix(".npy").exists() else None


def load_job(data: Path, folder: Path) -> Job:
    """What to do: the matrices in `data`, the settings in `folder`."""
    told = json.loads((folder / JOB).read_text())
    matrices = {name: load_matrix(data / name) for name in ("Y", "X", "Q", "rows")}
    return Job(**matrices, k=told["k"], seed=told["seed"], settings=told["settings"], folder=folder)
