"""What a run is made with where nobody says: numbers from the kind and the size of the data.

They were found on validation splits of several public data sets of each kind (docs/results.md).
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np

from awe_cli.data.dataset import RECOMMENDATION, Dataset
from awe_cli.loss.catalog import find_loss
from awe_cli.training.plan import SGD, Plan

_BLOCK_BYTES = 64 * 2**20  # that a block's gradients by all labels may take
_MANY_LABELS = 10_000  # from here on an embedding gets twice the dimension
_FEW_EXAMPLES = 1000  # below it, small steps would not lead far in the epochs there are
_FEW_PEOPLE = 5000  # below it, much is learned by heart: a wider margin is worth trying
_WIDE = 1.0
# What is left of the linear model's margin: where a sigmoid's G is β, a margin γ is one of γ/β.
_EASE = {"linear-sigmoid": 1 / 3}
_PLAIN = 0.1  # a plain step takes a gradient as long as it is, often longer than 1
_TIGHT = 2.0  # a norm cap up to here is what holds the scores, above it is the small rate


def linear_plans(dataset: Dataset, told: dict[str, Any]) -> list[Plan]:
    """The plans to try for a linear model, the likeliest first; `told` has what the user settled."""
    plan = _recommending(dataset) if dataset.task == RECOMMENDATION else _annotating(dataset, told)
    told = {name: value for name, value in told.items() if name in asdict(plan)}
    first = replace(plan, **told)
    if first.steps == SGD and "learning_rate" not in told:
        first = replace(first, learning_rate=first.learning_rate * _PLAIN)
    if "block_size" not in told:
        first = replace(first, block_size=min(first.block_size, _most_examples(first, dataset.n_labels)))
    if not {"margin", "learning_rate"}.isdisjoint(told) or "margin" not in find_loss(first.loss).parameters:
        return [first]
    if dataset.task == RECOMMENDATION:
        few = dataset.splits.get("train", 0) < _FEW_PEOPLE
        return [first, replace(first, margin=_WIDE)] if few else [first]
    return [first, _second(first, dense=dataset.dense)]


def _recommending(dataset: Dataset) -> Plan:
    """A norm cap of 1 keeps popular items in bounds; more items need more time and a greater margin."""
    many = dataset.n_labels >= _MANY_LABELS
    return Plan(
        dim=128 if many else 64,
        epochs=24 if many else 16,
        learning_rate=0.1,
        final_rate=0.05,
        margin=0.4 if many else 0.3,
        max_trials=min(1000, max(300, dataset.n_labels // 100)),
        norm_cap=1.0,
        block_size=32,
        initial_scale=0.3,
        positive_power=0.0,
        seed=0,
    )


def _annotating(dataset: Dataset, told: dict[str, Any]) -> Plan:
    """Small steps under a cap that hardly binds: a cap of 1 makes a label of most examples no score of its own."""
    tight = told.get("norm_cap", np.inf) <= _TIGHT
    few = dataset.splits.get("train", 0) < _FEW_EXAMPLES
    return Plan(
        dim=128,
        epochs=40,
        learning_rate=0.1 if tight else 0.05 if few else 0.01,
        final_rate=0.05,
        margin=1.0 if few and not tight else 0.3,
        max_trials=min(1000, max(100, dataset.n_labels // 100)),
        norm_cap=10.0,
        block_size=32,
        initial_scale=1.0 if dataset.dense else 0.3,
        positive_power=0.5,
        seed=0,
    )


def _second(first: Plan, *, dense: bool) -> Plan:
    """What else is worth trying in annotation: which margin and rate are best differs between data of one kind."""
    if first.norm_cap <= _TIGHT:
        return replace(first, margin=0.1)
    if first.margin == 1.0:
        return replace(first, margin=0.3, learning_rate=0.01)
    if dense:
        return replace(first, margin=1.0, learning_rate=0.05)
    return replace(first, learning_rate=0.02)


def _most_examples(plan: Plan, n_labels: int) -> int:
    """How many examples' gradients by all labels a block may hold; more than any block where a loss has few."""
    if plan.loss != "owpc":
        return plan.block_size
    return max(1, _BLOCK_BYTES // (4 * plan.dim * n_labels))


def feature_plan(name: str, linear: Plan, told: dict[str, Any]) -> Plan:
    """The plan of the affinity of features `name` that starts from the linear model of `linear`."""
    return replace(
        linear,
        learning_rate=told.get("learning_rate", linear.learning_rate / 3),
        epochs=told.get("epochs", linear.epochs),
        margin=told.get("margin", linear.margin * _EASE.get(name, 1.0)),
    )


def default_metric(dataset: Dataset) -> str:
    """What to choose by on validation."""
    return "ndcg@20" if dataset.task == RECOMMENDATION else "ndcg@5"
