"""What `awe tune` searches: the settings of `awe train` that matter, by affinity, loss and kind of data.

Ranges lie around the defaults, which were found on validation splits of several public data sets. What had no effect
there is not searched: the block size, the initial scale of dense features, how ranks are weighed and estimated.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from awe_cli.affinities.registry import find_affinity
from awe_cli.dataset.dataset import RECOMMENDATION, Dataset
from awe_cli.losses.registry import find_loss
from awe_cli.training.config import TrainConfig, feature_plan, linear_plans

Values = dict[str, Any]  # setting → value


@dataclass(frozen=True)
class Range:
    """Numbers from low to high, both included, evenly in themselves or in their logarithm."""

    low: float
    high: float
    log: bool = True
    whole: bool = False


@dataclass(frozen=True)
class Choice:
    """One of a few values."""

    values: tuple[Any, ...]


@dataclass(frozen=True)
class Space:
    """What is searched.

    dimensions  setting → its values
    first       the trials to begin with: the defaults, of which nothing that is found shall fall short
    """

    dimensions: Mapping[str, Range | Choice]
    first: list[Values]


def search_space(
    dataset: Dataset, settings: Mapping[str, Any], given: Collection[str], *, linear_first: bool
) -> Space:
    """The settings to search: those of the affinity and loss of `settings`, without the ones that are `given`.

    settings      of a training: name → value, None where it is left open
    linear_first  whether the affinity starts from a trained linear model

    A setting in which two plans differ that `awe train` would try is searched from both.
    """
    resolved = {name: value for name, value in settings.items() if value is not None}
    plans = linear_plans(dataset, resolved)
    if linear_first:
        plans = [feature_plan(settings["affinity"], plans[0], resolved)]
    own = dataset.task == RECOMMENDATION
    found = {**_of_learning(dataset, settings, plans[0]), **_of_affinity(settings["affinity"], own)}
    searched = {name: one for name, one in found.items() if name not in given}
    first = [
        {
            name: getattr(plan, name) if hasattr(plan, name) else default
            for name, (_, default) in searched.items()
        }
        for plan in plans
    ]
    wide = {
        name: _with_values(dimension, [values[name] for values in first])
        for name, (dimension, _) in searched.items()
    }
    return Space(wide, first)


def _with_values(dimension: Range | Choice, values: list[Any]) -> Range | Choice:
    """The dimension, wide enough for these values."""
    if isinstance(dimension, Choice):
        return Choice(tuple(dict.fromkeys([*dimension.values, *values])))
    return replace(dimension, low=min(dimension.low, *values), high=max(dimension.high, *values))


def rounded(values: Mapping[str, Any]) -> Values:
    """The values with three significant digits, as the command has them that reproduces a model."""
    return {
        name: float(f"{value:.3g}") if isinstance(value, float) else value for name, value in values.items()
    }


_Dimensions = dict[str, tuple[Range | Choice, Any]]  # setting → values, default


def _of_learning(dataset: Dataset, settings: Mapping[str, Any], plan: TrainConfig) -> _Dimensions:
    found: _Dimensions = {
        "learning_rate": (Range(plan.learning_rate / 5, plan.learning_rate * 5), plan.learning_rate)
    }
    loss = find_loss(plan.loss)
    if "margin" in loss.parameters:
        found["margin"] = (Range(plan.margin / 4, plan.margin * 4), plan.margin)
    if "max_trials" in loss.parameters:
        found["max_trials"] = (_among(plan.max_trials, 100, 300, 1000), plan.max_trials)
    if "negatives" in loss.parameters:
        found["negatives"] = (Range(1, 20, whole=True), plan.negatives)
    starts_anew = settings.get("start") in (None, "linear", "scratch")
    if starts_anew:
        found["dim"] = (_among(plan.dim, 32, 64, 128, 256), plan.dim)
    if starts_anew and not dataset.dense:
        found["initial_scale"] = (Range(0.1, 1.0), plan.initial_scale)
    if dataset.task == RECOMMENDATION:
        found["norm_cap"] = (Range(0.7, 3.0), plan.norm_cap)
    else:
        found["norm_cap"] = (_among(plan.norm_cap, 1.0, 3.0, 10.0), plan.norm_cap)
        found["positive_power"] = (_among(plan.positive_power, 0.0, 0.5, 1.0), plan.positive_power)
    return found


def _among(default: Any, *values: Any) -> Choice:
    return Choice(tuple(sorted({default, *values})))


def _of_affinity(name: str, own: bool) -> _Dimensions:
    """Parameters of an affinity; `own`: whether x is a bag of the labels themselves."""
    if name not in _PARAMETERS:
        return {}
    defaults = {key: default(own) for key, default in find_affinity(name).parameters.items()}
    around: dict[str, tuple[Range | Choice, Any]] = {}
    for parameter, dimension in _PARAMETERS[name].items():
        default = defaults.get(parameter)
        if isinstance(dimension, _Around):
            assert default is not None
            around[parameter] = (Range(default / dimension.factor, default * dimension.factor), default)
        else:
            around[parameter] = (dimension, False if default is None else default)
    return around


@dataclass(frozen=True)
class _Around:
    """The default divided by and times a factor."""

    factor: float


_PARAMETERS: dict[str, dict[str, Range | Choice | _Around]] = {
    "sigmoid": {"gain": _Around(4)},
    "linear-sigmoid": {"gain": _Around(4), "beta": Range(0.0, 0.9, log=False)},
    "top-k": {"top": Range(1, 20, whole=True)},
    "gaussian": {"sigma": _Around(4)},
    "embedded-gaussian": {"gain": _Around(8)},
    "low-rank": {"low_rank_dim": Choice((8, 16, 32))},
    "pair-weights": {"pairs_per_feature": Choice((10, 50, 200))},
    "overlap": {"scale": _Around(8), "weights": Choice(("tfidf", "bm25")), "tie": Choice((False, True))},
}
