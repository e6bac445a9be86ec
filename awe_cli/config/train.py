"""Settings of `awe train` and `awe retrain`, and of the affinities that they learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from awe_cli.config import setting

# What an affinity that is learned with U and V can be told, by itself or as a member of a mixture.

ACTIVATIONS = ("identity", "sigmoid", "relu", "exp", "linear-sigmoid")


def parameters_of_file() -> Any:
    """The setting that has the parameters of a file's affinity."""
    return setting(
        None,
        help="Parameters of an affinity of your own: name=value.",
        flag="--set",
        auto="those of the file",
    )


@dataclass(frozen=True)
class AffinitySettings:
    """Parameters of affinities. None: as `awe affinities` has it."""

    scope: str | None = setting(
        None, help="What a sigmoid looks at.", choices=("feature", "score"), auto="feature"
    )
    gain: float | None = setting(None, help="κ, what multiplies the argument of a curve.", above=0)
    unit: bool | None = setting(
        None, help="Leave x_i and y_j out of a sigmoid's argument.", flag="--unit/--no-unit"
    )
    alpha: float | None = setting(None, help="Greatest G of linear-sigmoid.", auto="1")
    beta: float | None = setting(None, help="Least G of linear-sigmoid.", auto="0.25")
    top: int | None = setting(None, help="k of top-k.", min=1, auto="5")
    sigma: float | None = setting(None, help="Width σ of gaussian.", above=0, auto="1")
    activation: str | None = setting(
        None,
        help="s of low-rank and concat.",
        choices=ACTIVATIONS,
        auto="identity in low-rank, sigmoid in concat",
    )
    factors: str | None = setting(
        None, help="Û and V̂ of low-rank: their own, or tied to U and V.", choices=("own", "tied"), auto="own"
    )
    low_rank_dim: int | None = setting(None, help="Dimension of Û and V̂ of low-rank.", min=1, auto="16")
    pairs: str | None = setting(
        None,
        help="Where pair-weights come from: pmi or cooccurrence of the training data, identity (features called as "
        "labels), or a file of feature, label, weight.",
        auto="pmi",
    )
    pair_form: str | None = setting(
        None,
        help="weigh: pair weights multiply the parts of the score; add: they are added to it.",
        choices=("weigh", "add"),
        auto="weigh",
    )
    pair_rest: float | None = setting(
        None, help="Weight of the pairs that are not stored, in weigh.", min=0, auto="1"
    )
    pairs_per_feature: int | None = setting(
        None, help="Most pairs of a feature that are counted.", min=1, auto="50"
    )
    learn_pairs: bool | None = setting(
        None,
        help="Learn the weights of stored pairs.",
        flag="--learn-pairs/--fixed-pairs",
        auto="as they are",
    )
    mix: tuple[str, ...] | None = setting(
        None, help="Affinities that mix adds up, with or without weights: sigmoid:0.7,max:0.3.", auto="none"
    )
    mix_weights: str | None = setting(
        None,
        help="Weights of mix: as --mix gives them, else the average; or chosen on validation.",
        choices=("given", "validation"),
        auto="given",
    )
    learn_mix: bool | None = setting(
        None, help="Learn the weights of mix.", flag="--learn-mix/--fixed-mix", auto="as they are"
    )


# What `awe train` can be told.

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
    plugin_parameters: tuple[str, ...] | None = parameters_of_file()
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
        None,
        help="Splits of the last fit; with test it is the final one, on all that is known.",
        choices=("train", "valid", "test"),
        auto="train,valid where there is one",
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


# What `awe retrain` can be told.


@dataclass(frozen=True)
class _AgainSettings:
    """What G is, and how U and V are learned again with it fixed."""

    affinity: str = setting(
        "knn", help="The affinity whose G was built; one of your own, path/to/file.py:Name; or mix."
    )
    warm: bool = setting(
        True, help="Start from the model's U and V, or from random numbers.", flag="--warm/--cold"
    )
    start: str | None = setting(
        None,
        help="Model whose U and V to start from, such as yesterday's, of this or an earlier version of the dataset.",
        auto="the model itself",
    )
    iterations: int = setting(1, help="Times to build G and learn again.", min=1)
    epochs: int | None = setting(None, help="Passes at most; 0: the product G · S as it is.", min=0)
    learning_rate: float | None = setting(
        None, help="AdaGrad's rate at the start; it falls to 5 %.", above=0, auto="a third of the model's"
    )
    margin: float | None = setting(None, help="Margin γ.", above=0, auto="the model's")
    power: float | None = setting(None, help="f = G^power · S.", min=0, max=4, auto="1 or 0.5, by validation")
    floor: float = setting(0.0, help="A constant added to G.", min=0)
    fit_on: tuple[str, ...] | None = setting(
        None,
        help="Splits of the last fit; with test it is the final one, on all that is known.",
        choices=("train", "valid", "test"),
        auto="those of the model",
    )
    patience: int = setting(3, help="Epochs without a gain on validation before it stops; 0: never.", min=0)
    metric: str | None = setting(None, help="What to choose by on validation.", auto="that of the model")


@dataclass(frozen=True)
class RetrainSettings(AffinitySettings, _AgainSettings):
    """How U and V are learned again with G fixed. None: chosen from the data or on validation."""
