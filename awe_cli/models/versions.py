"""Models of another version of the dataset: which versions belong together, and the version of a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from awe_cli.dataset.dataset import Dataset
from awe_cli.errors import DataError, MissingInputError
from awe_cli.models.store import open_dataset
from awe_cli.workspace import Artifact, Workspace


def lineage_of(dataset: Artifact) -> str:
    """The digest of the first version, which all versions of a dataset that `prepare --update` made share."""
    lineage: Mapping[str, Any] = dataset.settings.get("lineage", {})
    return str(lineage.get("first", dataset.digest))


def is_earlier(model: Artifact, dataset: Artifact) -> bool:
    """Whether an artifact was made from another version of the dataset, or from another dataset."""
    return model.parents.get("dataset") != dataset.digest


def require_dataset(ws: Workspace, model: Artifact, dataset: Artifact) -> None:
    """Raise DataError where `model` was made from another dataset, and not from a version of this one."""
    if is_earlier(model, dataset) and not _is_version(ws, model, dataset):
        trained_on = str(model.parents.get("dataset"))
        raise DataError(
            f"{model.describe()} was trained on the dataset {trained_on[:12]}, but the workspace now "
            f"holds the dataset {dataset.digest[:12]}, which is no later version of it: its labels and features have "
            "other indices",
            hint="train the model again on this dataset, or prepare the next version of the other one with "
            "`awe prepare … --update`",
        )


def require_same_version(ws: Workspace, model: Artifact, dataset: Artifact) -> None:
    """Raise DataError where `model` was made from another version of the dataset."""
    require_dataset(ws, model, dataset)
    if is_earlier(model, dataset):
        name = model.name or "MODEL"
        raise DataError(
            f"{model.describe()} was trained on the dataset {str(model.parents.get('dataset'))[:12]}, an earlier "
            f"version of {dataset.digest[:12]}: it ranks for this one, but nothing is built from it",
            hint=f"learn on from it first: `awe train --affinity constant --start {name} --epochs 4 --name NEW`",
        )


def dataset_of(ws: Workspace, model: Artifact) -> Dataset:
    """The version of the dataset that a model was made from. Raises MissingInputError, CorruptArtifactError."""
    return open_dataset(ws.get("dataset", model.parents["dataset"]))


def _is_version(ws: Workspace, model: Artifact, dataset: Artifact) -> bool:
    try:
        own = ws.get("dataset", str(model.parents.get("dataset")))
    except MissingInputError:
        return False
    return lineage_of(own) == lineage_of(dataset)
