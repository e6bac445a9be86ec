"""Settings of `awe train` and `awe retrain`, and of the affinities that they learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from awe_cli.config import setting

# Parameters of affinities that are learned with U and V, alone or as members of a mixture.

ACTIVATIONS = ("identity", "sigmoid", "relu", "exp", "linear-sigmoid")


def parameters_of_file() -> Any:
    """The setting that has the parameters of a file's affinity."""
    return setting(
        None,
        help="Parameter of an affinity of your own, as name=value; several times, or separated by commas.",
        flag="--set",
        auto="those of the file",
        panel="Affinity: your own",
    )


@dataclass(frozen=True)
class AffinitySettings:
    """Parameters of affinities. None: the default that `awe affinities` lists."""

    scope: str | None = setting(
        None,
        help="Argument of a sigmoid: single features x_i U_i·V_j y_j, or the whole score.",
        choices=("feature", "score"),
        auto="feature",
        panel="Affinity: sigmoid",
    )
    gain: float | None = setting(
        None,
        help="Factor κ of the argument of a sigmoid, exponential or activation.",
        above=0,
        panel="Affinity: sigmoid",
    )
    unit: bool | None = setting(
        None,
        help="Leave x_i and y_j out of the argument of a sigmoid.",
        flag="--unit/--no-unit",
        panel="Affinity: sigmoid",
    )
    alpha: float | None = setting(
        None, help="Greatest G of linear-sigmoid.", auto="1", panel="Affinity: sigmoid"
    )
    beta: float | None = setting(
        None, help="Least G of linear-sigmoid.", auto="0.25", panel="Affinity: sigmoid"
    )
    top: int | None = setting(
        None, help="Number k of features that top-k adds up.", min=1, auto="5", panel="Affinity: other"
    )
    sigma: float | None = setting(
        None, help="Width σ of gaussian.", above=0, auto="1", panel="Affinity: other"
    )
    activation: str | None = setting(
        None,
        help="Activation function s of low-rank and concat.",
        choices=ACTIVATIONS,
        auto="identity in low-rank, sigmoid in concat",
        panel="Affinity: low-rank, concat",
    )
    factors: str | None = setting(
        None,
        help="Factors Û and V̂ of low-rank: learned of their own, or tied to U and V.",
        choices=("own", "tied"),
        auto="own",
        panel="Affinity: low-rank, concat",
    )
    low_rank_dim: int | None = setting(
        None,
        help="Dimension of the factors Û and V̂ of low-rank.",
        min=1,
        auto="16",
        panel="Affinity: low-rank, concat",
    )
    pairs: str | None = setting(
        None,
        help="Source of the pair weights: pmi or cooccurrence of the training data, its graph of features and labels "
        "as graph-filter weighs it, identity (features named like labels), or a file of feature, label, weight.",
        auto="pmi",
        panel="Affinity: pair-weights",
    )
    pair_form: str | None = setting(
        None,
        help="Whether pair weights multiply the parts of the score (weigh) or are added to it (add).",
        choices=("weigh", "add"),
        auto="weigh",
        panel="Affinity: pair-weights",
    )
    pair_rest: float | None = setting(
        None,
        help="Weight of pairs that are not stored, where pair weights multiply.",
        min=0,
        auto="1",
        panel="Affinity: pair-weights",
    )
    pairs_per_feature: int | None = setting(
        None,
        help="Greatest number of counted pairs a feature keeps.",
        min=1,
        auto="50",
        panel="Affinity: pair-weights",
    )
    learn_pairs: bool | None = setting(
        None,
        help="Learn the weights of stored pairs, or keep them fixed.",
        flag="--learn-pairs/--fixed-pairs",
        auto="fixed",
        panel="Affinity: pair-weights",
    )
    mix: tuple[str, ...] | None = setting(
        None,
        help="Affinities that mix adds up, with or without weights: sigmoid:0.7,max:0.3.",
        auto="none",
        panel="Affinity: mix",
    )
    mix_weights: str | None = setting(
        None,
        help="Weights of mix: as --mix gives them (else equal), or chosen on validation.",
        choices=("given", "validation"),
        auto="given",
        panel="Affinity: mix",
    )
    learn_mix: bool | None = setting(
        None,
        help="Learn the weights of mix, or keep them fixed.",
        flag="--learn-mix/--fixed-mix",
        auto="fixed",
        panel="Affinity: mix",
    )


# Settings of `awe train`.

LOSSES = ("warp", "auc", "owpc", "regression")
STEPS = ("adagrad", "sgd")
DTYPES = FLOAT32, FLOAT16, BFLOAT16 = ("float32", "float16", "bfloat16")
RANK_WEIGHTS = ("harmonic", "mean", "top")
RANK_ESTIMATES = ("negatives", "labels")


@dataclass(frozen=True)
class _LearningSettings:
    """The objective and its optimization. None: chosen from the kind and size of the data."""

    affinity: str = setting(
        "constant",
        help="Affinity G(x, y), which weighs the parts of the score: a name of `awe affinities`, or your "
        "own, path/to/file.py:Name.",
    )
    plugin_parameters: tuple[str, ...] | None = parameters_of_file()
    loss: str = setting("warp", help="Training loss.", choices=LOSSES)
    rank_weights: str | None = setting(
        None, help="Weight of a rank in warp and owpc.", choices=RANK_WEIGHTS, auto="harmonic", panel="Loss"
    )
    rank_estimate: str | None = setting(
        None,
        help="Rank estimate of warp: negatives/trials (AWE) or (labels − 1)/trials (WSABIE).",
        choices=RANK_ESTIMATES,
        auto="negatives",
        panel="Loss",
    )
    negatives: int | None = setting(
        None, help="Negatives sampled for each positive by regression.", min=1, auto="1", panel="Loss"
    )
    dim: int | None = setting(None, help="Dimension d of the embedding.", min=1)
    epochs: int | None = setting(None, help="Greatest number of passes over the examples.", min=1)
    learning_rate: float | None = setting(
        None, help="Learning rate at the start; it falls to 5 % of that.", above=0
    )
    steps: str | None = setting(
        None,
        help="Optimizer: AdaGrad with one accumulator a row, or plain SGD as in the papers.",
        choices=STEPS,
        auto="adagrad",
        panel="Optimization",
    )
    margin: float | None = setting(
        None,
        help="Margin γ between a positive and a negative.",
        above=0,
        auto="0.3 or 0.4; two configurations are tried in annotation and for fewer than 5,000 people",
    )
    max_trials: int | None = setting(
        None,
        help="Negatives sampled for a positive before it is given up as correctly ranked.",
        min=1,
        panel="Loss",
    )
    norm_cap: float | None = setting(
        None, help="Greatest norm of a row of U or V.", above=0, panel="Optimization"
    )
    block_size: int | None = setting(
        None, help="Mini-batch size: examples that read the same U and V.", min=1, panel="Optimization"
    )
    initial_scale: float | None = setting(
        None, help="Standard deviation of the initial U and V, times √d.", above=0, panel="Optimization"
    )
    positive_power: float | None = setting(
        None,
        help="Power of the number of positives that the loss of an example is divided by.",
        min=0,
        max=1,
        panel="Loss",
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
        panel="Validation",
    )
    metric: str | None = setting(
        None,
        help="Metric that validation chooses by.",
        auto="ndcg@20 for recommendation, ndcg@5 for annotation",
        panel="Validation",
    )
    start: str | None = setting(
        None,
        help="Start of U and V: linear (a linear model trained first), scratch, or the name of a model.",
        auto="linear for affinities of features, else scratch",
    )
    seed: int = setting(0, help="Seed of all random numbers.", min=0, panel="Optimization")
    shards: int = setting(
        1,
        help="Shards of the examples that learn apart from each other and are averaged after every epoch.",
        min=1,
        panel="Optimization",
    )
    dtype: str = setting(
        FLOAT32,
        help="Type that U and V are stored in; they are learned, and used, in float32.",
        choices=DTYPES,
        panel="Storage",
    )


@dataclass(frozen=True)
class TrainSettings(AffinitySettings, _LearningSettings):
    """How a model is learned. None: chosen from the kind and size of the data."""

    window: int | None = setting(
        None,
        help="Entries of x in memory at once, such as interactions: a larger training set is read in windows, in "
        "another order in every epoch; 0: all are in memory.",
        min=0,
        auto="4194304, or 0 for pair-weights that are counted and overlap",
        panel="Optimization",
    )
    floor: float | None = setting(None, help="Constant added to G.", min=0, auto="0", panel="Affinity: other")
    tie: bool | None = setting(
        None,
        help="Use one matrix for U and V, where inputs and labels have the same features.",
        auto="no",
        flag="--tie/--free",
        panel="Affinity: other",
    )
    weights: str | None = setting(
        None,
        help="Weighting of words in overlap.",
        choices=("tfidf", "bm25"),
        auto="tfidf",
        panel="Affinity: overlap",
    )
    scale: float | None = setting(
        None, help="Factor κ of the words that x and y share.", min=0, auto="3", panel="Affinity: overlap"
    )
    k1: float | None = setting(
        None,
        help="Saturation of term frequency in overlap with bm25.",
        min=0,
        auto="1.2",
        panel="Affinity: overlap",
    )
    b: float | None = setting(
        None,
        help="Length normalization in overlap with bm25.",
        min=0,
        max=1,
        auto="0.75",
        panel="Affinity: overlap",
    )


# Settings of `awe retrain`.


@dataclass(frozen=True)
class _AgainSettings:
    """What G is, and how U and V are learned again with it fixed."""

    affinity: str = setting(
        "knn",
        help="Affinity whose G was built: a name of `awe affinities`, mix, or your own, "
        "path/to/file.py:Name.",
    )
    warm: bool = setting(
        True, help="Start from U and V of the model, or from random numbers.", flag="--warm/--cold"
    )
    start: str | None = setting(
        None,
        help="Model whose U and V to start from, such as yesterday's, of this or an earlier version of the"
        " dataset.",
        auto="the model itself",
    )
    iterations: int = setting(1, help="Number of times to build G and train with it.", min=1)
    epochs: int | None = setting(
        None, help="Greatest number of passes; 0 keeps U and V and stores the product G · S.", min=0
    )
    learning_rate: float | None = setting(
        None,
        help="Learning rate at the start; it falls to 5 % of that.",
        above=0,
        auto="a third of the model's",
    )
    margin: float | None = setting(
        None, help="Margin γ between a positive and a negative.", above=0, auto="the model's"
    )
    power: float | None = setting(
        None, help="Power p of G in f = G^p · S.", min=0, max=4, auto="1 or 0.5, by validation"
    )
    floor: float = setting(0.0, help="Constant added to G.", min=0)
    fit_on: tuple[str, ...] | None = setting(
        None,
        help="Splits of the last fit; with test it is the final one, on all that is known.",
        choices=("train", "valid", "test"),
        auto="those of the model",
    )
    patience: int = setting(
        3,
        help="Epochs without a gain on validation before training stops; 0: never.",
        min=0,
        panel="Validation",
    )
    metric: str | None = setting(
        None, help="Metric that validation chooses by.", auto="that of the model", panel="Validation"
    )
    dtype: str | None = setting(
        None,
        help="Type that U and V are stored in; they are learned, and used, in float32.",
        choices=DTYPES,
        auto="that of the model",
        panel="Storage",
    )


@dataclass(frozen=True)
class RetrainSettings(AffinitySettings, _AgainSettings):
    """How U and V are learned again with G fixed. None: chosen from the data or on validation."""
