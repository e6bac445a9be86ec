"""What an affinity that learns numbers of its own starts with, beside U and V."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from awe_cli.affinity.catalog import start_affinity
from awe_cli.affinity.entry import Shape
from awe_cli.data.dataset import Dataset
from awe_cli.data.examples import Examples
from awe_cli.kernels.learned import Learned
from awe_cli.steps.embeddings import load_result
from awe_cli.training.joint import Numbers
from awe_cli.training.plan import Plan
from awe_cli.workspace import Artifact


def numbers_of(dataset: Dataset, affinity: Mapping[str, Any], start: Artifact | None) -> Numbers | None:
    """Where these parameters start; None where the model to start from has the same, and they go on from there."""
    if start is not None and load_result(start)["affinity"] == affinity:
        return None

    def numbers(plan: Plan, examples: Examples) -> Learned:
        shape = Shape(dataset.n_features, dataset.n_labels, plan.dim, plan.initial_scale, plan.seed)
        return start_affinity(affinity, shape)

    return numbers
