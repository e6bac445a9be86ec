"""Fit a baseline."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from awe_cli.data.dataset import Dataset
from awe_cli.errors import UsageError, nearest
from awe_cli.steps.rankers import COUNTS
from awe_cli.workspace import Artifact, Recipe, Workspace
from awe_cli.workspace.arrays import save_arrays

VERSION = 1

Fits = list[tuple[str, ...]]


def train_baseline(
    ws: Workspace, method: str, *, name: str | None = None, wait: bool = False
) -> tuple[Artifact, bool]:
    """Fit the baseline `method` on the dataset and publish it as the model `name` (by default the method's).

    Fitted on train, and once more on train and valid where the dataset has a valid split. Returns the model,
    and whether it was made now rather than up to date. Raises UsageError for a method that is not there.
    """
    if method not in METHODS:
        similar = nearest(method, METHODS)
        raise UsageError(
            f"expected a baseline among {', '.join(sorted(METHODS))}, found {method!r}",
            hint=f"did you mean {similar!r}?" if similar else None,
        )
    name = name or method
    with ws.lock(wait=wait):
        stored = ws.find("dataset")
        dataset = Dataset.open(stored.path, stored.settings)
        fits: Fits = [("train",), ("train", "valid")] if dataset.splits.get("valid") else [("train",)]
        settings = {"model_type": method, "fits": [list(fit) for fit in fits]}
        recipe = Recipe("model", VERSION, settings, {"dataset": stored.digest})
        model = ws.current("model", name, recipe)
        if model is not None:
            return model, False
        with ws.stage("model", recipe) as staging:
            METHODS[method](dataset, fits, staging.path)
            return staging.publish(name), True


def _popularity(dataset: Dataset, fits: Fits, folder: Path) -> None:
    save_arrays(folder / COUNTS, {"-".join(fit): dataset.label_counts(fit) for fit in fits})


# A baseline's name, and how its fits are made and written into a folder.
METHODS: dict[str, Callable[[Dataset, Fits, Path], None]] = {"popularity": _popularity}
