"""What a run is made with where nobody says: numbers from the kind and the size of the data.

They were found on validation splits of several public data sets of each kind (docs/results.md).
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from awe_cli.data.dataset import RECOMMENDATION, Dataset
from awe_cli.loss.catalog import find_loss
from awe_cli.training.plan import Plan

_BLOCK_BYTES = 64 * 2**20  # that a block's gradients by all labels may take
_DENSE_CAP = 10.0  # a dense row has length 1 in all: with a cap of 1 labels' popularity cannot be expressed
_MANY_LABELS = 10_000  # from here on an embedding gets twice the dimension


def linear_plans(dataset: Dataset, told: dict[str, Any]) -> list[Plan]:
    """The plans to try for a linear model, the likeliest first; `told` has what the user settled."""
    recommends = dataset.task == RECOMMENDATION
    plan = Plan(
        dim=128 if dataset.n_labels >= _MANY_LABELS or not recommends else 64,
        epochs=16 if recommends else 40 if dataset.dense else 20,
        learning_rate=0.1,
        final_rate=0.05,
        margin=0.3,
        max_trials=min(1000, max(300 if recommends else 100, dataset.n_labels // 100)),
        norm_cap=_DENSE_CAP if dataset.dense else 1.0,
        block_size=32,
        initial_scale=1.0 if dataset.dense else 0.3,
        positive_power=0.0 if recommends else 0.5,
        seed=0,
    )
    plan = replace(plan, **{name: value for name, value in told.items() if name in asdict(plan)})
    if "block_size" not in told:
        plan = replace(plan, block_size=min(plan.block_size, _most_examples(plan, dataset.n_labels)))
    if recommends or "margin" in told or "margin" not in find_loss(plan.loss).parameters:
        return [plan]
    return [plan, replace(plan, margin=0.1)]


def _most_examples(plan: Plan, n_labels: int) -> int:
    """How many examples' gradients by all labels a block may hold; more than any block where a loss has few."""
    if plan.loss != "owpc":
        return plan.block_size
    return max(1, _BLOCK_BYTES // (4 * plan.dim * n_labels))


def feature_plan(linear: Plan, told: dict[str, Any]) -> Plan:
    """The plan of an affinity of features that starts from the linear model of `linear`."""
    rate = told.get("learning_rate", linear.learning_rate / 3)
    return replace(linear, learning_rate=rate, epochs=told.get("epochs", linear.epochs))


def default_metric(dataset: Dataset) -> str:
    """What to choose by on validation."""
    return "ndcg@20" if dataset.task == RECOMMENDATION else "ndcg@5"
