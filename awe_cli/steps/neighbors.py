"""Which labels lie near a label in the embedding space of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from awe_cli.config.neighbors import NeighborsSettings
from awe_cli.data.dataset import Dataset
from awe_cli.data.vocabulary import look_up
from awe_cli.errors import MissingInputError, UsageError, did_you_mean
from awe_cli.models.embeddings import load_state
from awe_cli.models.opening import open_dataset
from awe_cli.models.rankers import choose_fit, find_embedding
from awe_cli.neighbors.labels import nearest_labels
from awe_cli.ranking.embedding import label_rows
from awe_cli.workspace import Workspace


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
