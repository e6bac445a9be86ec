"""What `awe train` can be told."""

from __future__ import annotations

from dataclasses import dataclass

from awe_cli.config import setting
from awe_cli.config.affinity import AffinitySettings, parameters_of_file

LOSSES = ("warp", "auc", "owpc", "regression")
STEPS = ("adagrad", "sgd")
RANK_WEIGHTS = ("harmonic", "mean", "top")
RANK_ESTIMATES = ("negatives", "labels")


@dataclass(frozen=True)
class _LearningSettings:
    """What is learned, how, and for how long. None: chosen from the kind and size of the data."""

    affinity: str = setting(
        "constant",
        help="G(x,y): what weighs each part of the score; or one of your own, path/to/file.py:Name.",
    )
    own_parameters: tuple[str, ...] | None = parameters_of_file()
    loss: str = setting("warp", help="What is made small: the error of a ranking.", choices=LOSSES)
    rank_weights: str | None = setting(
        None, help="What a rank costs in warp and owpc.", choices=RANK_WEIGHTS, auto="harmonic"
    )
    rank_estimate: str | None = setting(
        None,
        help="What warp divides by its draws: how many labels are no positives (AWE), or all but one (WSABIE).",
        choices=RANK_ESTIMATES,
        auto="negatives",
    )
    negatives: int | None = setting(
        None, help="Labels drawn for each positive by regression.", min=1, auto="1"
    )
    dim: int | None = setting(None, help="Dimension d of the embedding.", min=1)
    epochs: int | None = setting(None, help="Passes over the examples, at most.", min=1)
    learning_rate: float | None = setting(None, help="Rate of steps at the start; it falls to 5 %.", above=0)
    steps: str | None = setting(
        None,
        help="adagrad: the more a row was stepped, the shorter its steps; sgd: plain ones, as the papers have them.",
        choices=STEPS,
        auto="adagrad",
    )
    margin: float | None = setting(
        None,
        help="Margin γ between a positive and a negative.",
        above=0,
        auto="0.3 or 0.4; in annotation and for few people two plans are tried",
    )
    max_trials: int | None = setting(None, help="Draws before a positive counts as well ranked.", min=1)
    norm_cap: float | None = setting(None, help="Greatest length of a row of U or V.", above=0)
    block_size: int | None = setting(None, help="Examples that read the same U and V.", min=1)
    initial_scale: float | None = setting(None, help="U and V start with deviation this/√d.", above=0)
    positive_power: float | None = setting(
        None, help="An example's loss is divided by its number of positives to this power.", min=0, max=1
    )
    fit_on: tuple[str, ...] | None = setting(
        None, help="Splits to fit on.", choices=("train", "valid"), auto="train,valid where there is one"
    )
    patience: int = setting(
        10,
        help="Epochs without a gain on validation before training stops; 0: never.",
        min=0,
    )
    metric: str | None = setting(
        None,
        help="What to choose by on validation.",
        auto="ndcg@20 for recommendation, ndcg@5 for annotation",
    )
    start: str | None = setting(
        None,
        help="Where U and V start: linear (a linear model trained first), scratch, or the name of a model.",
        auto="linear for affinities of features, else scratch",
    )
    seed: int = setting(0, help="Where random numbers start.", min=0)


@dataclass(frozen=True)
class TrainSettings(AffinitySettings, _LearningSettings):
    """How a model is learned. None: chosen from the kind and size of the data."""

    floor: float | None = setting(None, help="A constant added to any G.", min=0, auto="0")
    tie: bool | None = setting(
        None,
        help="U and V are one matrix, where inputs and labels have the same features.",
        auto="no",
        flag="--tie/--free",
    )
    weights: str | None = setting(
        None, help="What words weigh in overlap.", choices=("tfidf", "bm25"), auto="tfidf"
    )
    scale: float | None = setting(
        None, help="κ, what multiplies the words shared in overlap.", min=0, auto="3"
    )
    k1: float | None = setting(
        None, help="How soon more of a word counts no more (overlap, bm25).", min=0, auto="1.2"
    )
    b: float | None = setting(
        None, help="How much long documents lose (overlap, bm25).", min=0, max=1, auto="0.75"
    )
