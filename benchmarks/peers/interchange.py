"""A prepared dataset as matrices that every library can read, and what awe's metrics say of lists of labels."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.sparse
from numpy.typing import NDArray

from awe_cli.dataset.dataset import RECOMMENDATION, Dataset
from awe_cli.matrices.bags import as_scipy
from awe_cli.matrices.matrix import Lists, take_lists
from awe_cli.metrics.metrics import measure
from awe_cli.metrics.ranks import Ranks
from benchmarks.peers.protocol import save_matrix

_BEYOND = 1 << 30  # the rank of a positive that is not in the list


@dataclass(frozen=True)
class Question:
    """Whom to rank for, and what was held out from them.

    ids        (m,)
    positives  of each
    seen       in recommendation what each has, which must not be listed
    """

    ids: list[str]
    positives: Lists
    seen: Lists | None
    labels: list[str]

    def take(self, rows: NDArray[np.int64]) -> Question:
        """The question about some of them alone."""
        seen = None if self.seen is None else take_lists(self.seen, rows)
        return Question([self.ids[row] for row in rows], take_lists(self.positives, rows), seen, self.labels)


def ask(dataset: Dataset, split: str, fit_on: tuple[str, ...], folder: Path) -> Question:
    """The examples of a split that have something held out. What to learn from and rank for goes to `folder`."""
    held = dataset.held_out(split, fit_on)
    held = held.take(np.flatnonzero(np.diff(held.positives.indptr) > 0))
    if not folder.exists():
        draft = folder.with_name(f"{folder.name}.new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        examples = dataset.training(fit_on)
        Y = as_scipy(examples.positives, dataset.n_labels)
        if dataset.task == RECOMMENDATION:
            place = {key: row for row, key in enumerate(examples.ids.to_pylist())}
            rows = np.array([place.get(key, len(place)) for key in held.ids.to_pylist()])
            if (rows == len(place)).any():  # who has no history is an empty row, the last one
                Y = scipy.sparse.vstack([Y, scipy.sparse.csr_matrix((1, Y.shape[1]), dtype=Y.dtype)]).tocsr()
            save_matrix(draft / "rows", rows)
        else:
            save_matrix(draft / "X", as_scipy(examples.x, dataset.n_features))
            save_matrix(draft / "Q", as_scipy(held.x, dataset.n_features))
        save_matrix(draft / "Y", Y)
        draft.rename(folder)
    return Question(_text(held.ids), held.positives, held.seen, _text(dataset.labels))


def _text(values: pa.Array) -> list[str]:
    return [str(value) for value in values.to_pylist()]


def lists_of_awe(file: Path, question: Question, k: int) -> NDArray[np.int64]:
    """(m, k) the lists that `awe predict --output` wrote, for the same examples in their order."""
    rows = pq.read_table(file)
    example = {key: row for row, key in enumerate(question.ids)}
    label = {name: number for number, name in enumerate(question.labels)}
    found = np.full((len(example), k), -1, np.int64)
    for key, name, rank in zip(
        _text(rows.column(0)), _text(rows["label"]), rows["rank"].to_pylist(), strict=True
    ):
        if key in example and rank <= k:
            found[example[key], rank - 1] = label[name]
    return found


def judge(lists: NDArray[np.int64], question: Question, measures: Sequence[str]) -> NDArray[np.float64]:
    """(m, measures) what awe's metrics say of lists (m, k), best first and filled up with -1.

    Raises ValueError for lists of another number of examples, with a label twice, or with what a person has already: a
    comparison must not go by such lists.
    """
    m = len(question.ids)
    if len(lists) != m:
        raise ValueError(f"expected {m} lists, found {len(lists)}")
    ranks = np.full(len(question.positives.indices), _BEYOND, np.int32)
    for e, row in enumerate(lists):
        there = row[row >= 0]
        if len(np.unique(there)) < len(there):
            raise ValueError(f"the list of {question.ids[e]} has a label twice")
        if question.seen is not None and np.isin(there, _of(question.seen, e)).any():
            raise ValueError(f"the list of {question.ids[e]} has what they have already")
        inside = slice(*question.positives.indptr[e : e + 2])
        place = {label: rank for rank, label in enumerate(row.tolist(), 1)}
        ranks[inside] = np.sort(
            [place.get(label, _BEYOND) for label in question.positives.indices[inside].tolist()]
        )
    told = Ranks(question.positives.indptr, ranks)
    return np.stack([measure(name).values(told) for name in measures], axis=1)


def _of(lists: Lists, e: int) -> NDArray[np.int32]:
    return lists.indices[lists.indptr[e] : lists.indptr[e + 1]]
