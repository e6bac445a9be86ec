"""The configuration of a training run, and its defaults by the kind and the size of the data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from awe_cli.dataset.dataset import RECOMMENDATION, Dataset
from awe_cli.losses.registry import find_loss

# The configuration of one training run.

ADAGRAD, SGD = "adagrad", "sgd"


@dataclass(frozen=True)
class TrainConfig:
    """Settings of one run. Rates and margins are in units of f; scales are standard deviations × √d."""

    dim: int  # d, the embedding's dimension
    epochs: int  # passes over the examples, over which the learning rate falls
    learning_rate: float  # of AdaGrad or SGD, at the start
    final_rate: float  # the learning rate at the end, as a share of that at the start
    margin: float  # γ
    max_trials: int  # negatives sampled before a positive is given up as correctly ranked
    norm_cap: float  # C in ‖U_i‖ ≤ C, ‖V_j‖ ≤ C
    block_size: int  # examples that read the same U, V
    initial_scale: float  # U, V start with standard deviation initial_scale/√d
    positive_power: float  # an example's loss is divided by |Y_x|^positive_power
    seed: int
    loss: str = "warp"
    rank_weights: str = "harmonic"  # L, for losses with rank weights
    rank_estimate: str = "negatives"  # how WARP estimates a rank
    tie: bool = False  # U and V are one matrix
    negatives: int = 1  # zeros that the regression loss draws for each positive
    steps: str = ADAGRAD  # or SGD


# Default configurations by the kind and the size of the data.
#
# They were found on validation splits of several public data sets of each kind (docs/results.md).

_BLOCK_BYTES = 64 * 2**20  # memory for a block's gradients by all labels
_MANY_LABELS = 10_000  # number of labels from which the dimension is doubled
_FEW_EXAMPLES = 1000  # below it, small steps would be too few to learn
_FEW_PEOPLE = 5000  # below it, models overfit, and a wider margin is worth trying
_WIDE = 1.0
# The share of the linear model's margin: where G of a linear sigmoid is β, a margin γ acts as one of γ/β.
_EASE = {"linear-sigmoid": 1 / 3}
_PLAIN = 0.1  # factor of the learning rate of SGD: its gradients are not normalised, and often longer than 1
_TIGHT = 2.0  # up to here the norm cap bounds the scores; above it, the small learning rate does


def linear_plans(dataset: Dataset, given: dict[str, Any]) -> list[TrainConfig]:
    """The configurations to try for a linear model, the likeliest first; `given` has the user's settings."""
    plan = (
        _recommendation_defaults(dataset)
        if dataset.task == RECOMMENDATION
        else _annotation_defaults(dataset, given)
    )
    given = {name: value for name, value in given.items() if name in asdict(plan)}
    first = replace(plan, **given)
    if first.steps == SGD and "learning_rate" not in given:
        first = replace(first, learning_rate=first.learning_rate * _PLAIN)
    if "block_size" not in given:
        first = replace(first, block_size=min(first.block_size, _most_examples(first, dataset.n_labels)))
    if not {"margin", "learning_rate"}.isdisjoint(given) or "margin" not in find_loss(first.loss).parameters:
        return [first]
    if dataset.task == RECOMMENDATION:
        few = dataset.splits.get("train", 0) < _FEW_PEOPLE
        return [first, replace(first, margin=_WIDE)] if few else [first]
    return [first, _alternative(first, dense=dataset.dense)]


def _recommendation_defaults(dataset: Dataset) -> TrainConfig:
    """Defaults of recommendation: a norm cap of 1 bounds popular items; many items take more epochs and margin."""
    many = dataset.n_labels >= _MANY_LABELS
    return TrainConfig(
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


def _annotation_defaults(dataset: Dataset, given: dict[str, Any]) -> TrainConfig:
    """Defaults of annotation: small steps, a loose norm cap; a cap of 1 would limit scores of frequent labels."""
    tight = given.get("norm_cap", np.inf) <= _TIGHT
    few = dataset.splits.get("train", 0) < _FEW_EXAMPLES
    return TrainConfig(
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


def _alternative(first: TrainConfig, *, dense: bool) -> TrainConfig:
    """The second configuration to try in annotation, with another margin and learning rate."""
    if first.norm_cap <= _TIGHT:
        return replace(first, margin=0.1)
    if first.margin == 1.0:
        return replace(first, margin=0.3, learning_rate=0.01)
    if dense:
        return replace(first, margin=1.0, learning_rate=0.05)
    return replace(first, learning_rate=0.02)


def _most_examples(plan: TrainConfig, n_labels: int) -> int:
    """The most examples of a block by the memory for gradients by all labels; no limit for losses of few labels."""
    if plan.loss != "owpc":
        return plan.block_size
    return max(1, _BLOCK_BYTES // (4 * plan.dim * n_labels))


def feature_plan(name: str, linear: TrainConfig, given: dict[str, Any]) -> TrainConfig:
    """The configuration of the affinity `name`, which starts from the linear model of `linear`."""
    return replace(
        linear,
        learning_rate=given.get("learning_rate", linear.learning_rate / 3),
        epochs=given.get("epochs", linear.epochs),
        margin=given.get("margin", linear.margin * _EASE.get(name, 1.0)),
    )


def default_metric(dataset: Dataset) -> str:
    """The metric to choose by on validation."""
    return "ndcg@20" if dataset.task == RECOMMENDATION else "ndcg@5"
