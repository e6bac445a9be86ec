"""Settings of `awe evaluate`, `awe compare`, `awe ensemble` and `awe calibrate`."""

from __future__ import annotations

from dataclasses import dataclass

from awe_cli.config import setting

# Settings of `awe evaluate` and `awe compare`.


@dataclass(frozen=True)
class JudgeSettings:
    """How models are judged."""

    split: str = setting("test", help="Split whose examples are ranked.", choices=("train", "valid", "test"))
    at: tuple[int, ...] = setting(
        (1, 10), help="Cut-offs k of the metrics that look at the first k labels.", min=1
    )
    metric: tuple[str, ...] = setting(
        ("precision", "recall", "ndcg", "map", "mrr", "coverage"),
        help='Metrics to compute; "ndcg@20" is taken at this k only.',
    )
    by: str | None = setting(
        None,
        help="Report metrics by stratum: the training frequency of the wanted labels, the label itself, or"
        " the length of the history.",
        choices=("label-frequency", "label", "history-length"),
        auto="not at all",
    )
    seed: int = setting(0, help="Seed of the bootstrap behind the intervals.", min=0)


@dataclass(frozen=True)
class EvaluateSettings(JudgeSettings):
    """How models are judged and gated. The models themselves are named on the command line."""

    baseline_model: str | None = setting(
        None, help="Model that the others are compared with.", auto="the first one named"
    )
    require: tuple[str, ...] = setting(
        (),
        help='Condition that every model but --baseline-model must meet, such as "ndcg@20>=0.15" or "mean-'
        'rank<=40"; else the exit code is 79.',
    )
    no_worse: tuple[str, ...] = setting(
        (),
        help="Metrics in which no model may be worse than --baseline-model beyond its interval; else the "
        "exit code is 79.",
    )
    per_example: bool = setting(False, help="Store the metrics of every example, too.")
    name: str | None = setting(None, help="Name of the stored result.", auto="the models, the split and --by")


@dataclass(frozen=True)
class CompareSettings(JudgeSettings):
    """How models are compared. The models themselves are named on the command line."""

    differ_by: str | None = setting(
        None,
        help="Measure by which the examples are chosen that a model ranks better, and worse, by most.",
        auto="ndcg at the greatest k, else the first that is taken on examples",
    )
    examples: int = setting(5, help="Number of examples shown of either kind, for each model.", min=0)
    top_k: int = setting(5, help="Number of labels shown of each.", min=1)


# Settings of `awe ensemble`.


@dataclass(frozen=True)
class EnsembleSettings:
    """How models are combined. The models themselves are named on the command line."""

    weights: tuple[float, ...] | None = setting(
        None, help="Weights of the models, in their order.", min=0, auto="chosen on validation"
    )
    metric: str | None = setting(
        None,
        help="Metric that validation chooses by.",
        auto="ndcg@20 for recommendation, ndcg@5 for annotation",
    )


# Settings of `awe calibrate`.


@dataclass(frozen=True)
class CalibrateSettings:
    """How scores are calibrated. The model itself is named on the command line."""

    method: str | None = setting(
        None,
        help="Map from scores to probabilities: steps that never fall, or a sigmoid.",
        choices=("isotonic", "platt"),
        auto="what has the lower log loss, by halves of validation",
    )
    scores: str | None = setting(
        None,
        help="What is mapped: scores as they are, or standardised over the candidate labels of each example.",
        choices=("raw", "standard"),
        auto="what has the lower log loss",
    )
