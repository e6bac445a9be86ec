"""Fit a baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from awe_cli.data.dataset import Dataset
from awe_cli.errors import UsageError, nearest
from awe_cli.steps.embeddings import fit_name
from awe_cli.steps.rankers import COUNTS, KNN, POPULARITY
from awe_cli.workspace import Artifact, Recipe, Workspace
from awe_cli.workspace.arrays import save_arrays

VERSION = 1
METHODS = (POPULARITY, KNN)


@dataclass(frozen=True)
class _Told:
    """What decides a baseline: its settings and what it is made from."""

    settings: dict[str, Any]
    parents: dict[str, str]


def train_baseline(
    ws: Workspace, method: str, *, name: str | None = None, neighbors: str | None = None, wait: bool = False
) -> tuple[Artifact, bool]:
    """Fit the baseline `method` on the dataset and publish it as the model `name` (by default the method's).

    neighbors  for knn, the neighbour table; by default the only one there is

    Returns the model, and whether it was made now rather than up to date. Raises UsageError for a method that
    is not there, MissingInputError for a table that is not.
    """
    if method not in METHODS:
        similar = nearest(method, METHODS)
        raise UsageError(
            f"expected a baseline among {', '.join(METHODS)}, found {method!r}",
            hint=f"did you mean {similar!r}?" if similar else None,
        )
    name = name or method
    with ws.lock(wait=wait):
        stored = ws.find("dataset")
        dataset = Dataset.open(stored.path, stored.settings)
        told = _knn(ws, neighbors) if method == KNN else _popularity(dataset)
        recipe = Recipe("model", VERSION, told.settings, {"dataset": stored.digest, **told.parents})
        model = ws.current("model", name, recipe)
        if model is not None:
            return model, False
        with ws.stage("model", recipe) as staging:
            counts = {fit_name(tuple(fit)): dataset.label_counts(tuple(fit)) for fit in told.settings["fits"]}
            save_arrays(staging.file(COUNTS), counts)
            return staging.publish(name), True


def _popularity(dataset: Dataset) -> _Told:
    fits = [["train"], ["train", "valid"]] if dataset.splits.get("valid") else [["train"]]
    return _Told({"model_type": POPULARITY, "fits": fits}, {})


def _knn(ws: Workspace, neighbors: str | None) -> _Told:
    """k-NN in the space of the model that the table was built from."""
    table = ws.find("neighbors", neighbors)
    base = ws.get("model", table.parents["model"])
    return _Told({"model_type": KNN, "fits": base.settings["fits"]}, {"neighbors": table.digest})
