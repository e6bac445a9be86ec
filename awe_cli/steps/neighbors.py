"""Which labels lie near a label in the embedding space of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from awe_cli.config.predict import NeighborsSettings
from awe_cli.dataset.dataset import Dataset
from awe_cli.dataset.vocabulary import look_up
from awe_cli.errors import MissingInputError, UsageError, did_you_mean
from awe_cli.models.load import choose_fit, find_embedding
from awe_cli.models.store import load_state, open_dataset
from awe_cli.ranking.embedding import label_rows
from awe_cli.workspace import Workspace

# Labels that are near each other in the embedding space (WSABIE, Table 3).


def nearest_labels(
    V: NDArray[np.float32], known: NDArray[np.bool_], label: int, k: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The k labels y' of greatest cos(V_y, V_y'), greatest first, equal ones by index; with these cosines.

    V      (labels, d)
    known  (labels,) which of them may be named; `label` itself never is

    A row of zeros has cosine 0 with all. Fewer than k are returned where there are no more.
    """
    rows = V.astype(np.float64)
    norms = np.linalg.norm(rows, axis=1)
    lengths = norms * norms[label]
    cosines = np.divide(rows @ rows[label], lengths, out=np.zeros(len(rows)), where=lengths > 0)
    others = np.flatnonzero(known & (np.arange(len(rows)) != label))
    best = others[np.argsort(-cosines[others], kind="stable")[:k]]
    return best, cosines[best]


def neighbors(
    ws: Workspace, labels: Sequence[str], model: str | None = None, settings: NeighborsSettings | None = None
) -> dict[str, Any]:
    """The document that --json prints: for each of `labels` those nearest in the model's V, by cosine.

    model  of `train` or `retrain`; by default the only one there is

    The largest fit is asked. Labels that no example of it has are left out: their place is that of chance.
    Raises UsageError where no label is named, MissingInputError for one that the dataset does not have.
    """
    settings = settings or NeighborsSettings()
    if not labels:
        raise UsageError("no label is named", hint="name one with --label, or several")
    stored = ws.find("dataset")
    dataset = open_dataset(stored)
    found = find_embedding(ws, model, stored)
    rows = _rows(dataset, labels)
    fit = choose_fit(found, None)
    V, counts = label_rows(dataset.y, load_state(found, fit).V), dataset.label_counts(fit)
    return {
        "model": found.name,
        "fit_on": list(fit),
        "measure": "cosine",
        "labels": [
            {
                "label": dataset.labels[row].as_py(),
                "count": int(counts[row]),
                "neighbors": [
                    {
                        "label": dataset.labels[int(other)].as_py(),
                        "cosine": float(cosine),
                        "count": int(counts[other]),
                    }
                    for other, cosine in zip(*nearest_labels(V, counts > 0, row, settings.top_k), strict=True)
                ],
            }
            for row in rows
        ],
    }


def _rows(dataset: Dataset, labels: Sequence[str]) -> list[int]:
    """The index of each label, each once. Raises MissingInputError."""
    wanted = list(dict.fromkeys(labels))
    rows = look_up(pa.array(wanted, pa.string()), dataset.labels, "--label", untyped=True)
    unknown = np.flatnonzero(rows < 0)
    if len(unknown):
        name = wanted[unknown[0]]
        there = map(str, dataset.labels.to_pylist())
        raise MissingInputError(
            f"--label: the dataset has no label {name!r} among its {dataset.n_labels:,}",
            hint=did_you_mean(name, there, "labels are written as in the data prepared"),
        )
    return [int(row) for row in rows]
