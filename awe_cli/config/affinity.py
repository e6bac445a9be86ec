"""What an affinity that is learned with U and V can be told, by itself or as a member of a mixture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from awe_cli.config import setting

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
