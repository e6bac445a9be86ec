"""The settings of `awe train-baseline`: one class for each baseline."""

from __future__ import annotations

from dataclasses import dataclass

from awe_cli.config import setting

# Settings of every baseline that chooses on validation.


@dataclass(frozen=True)
class BaselineSettings:
    """What is common to all baselines."""

    fit_on: tuple[str, ...] | None = setting(
        None,
        help="Splits of the last fit; with test it is the final one, on all that is known.",
        choices=("train", "valid", "test"),
        auto="train,valid where there is one; for knn those of the model",
    )


@dataclass(frozen=True)
class MetricSettings(BaselineSettings):
    """What is common to the baselines that choose something on validation."""

    metric: str | None = setting(
        None,
        help="What to choose by on validation (all but popularity).",
        auto="ndcg@20 for recommendation, ndcg@5 for annotation",
    )


# Settings of the baselines of retrieval.


@dataclass(frozen=True)
class TfIdfSettings(BaselineSettings):
    """The cosine of a query and a document."""


@dataclass(frozen=True)
class Bm25Settings(MetricSettings):
    """BM25 of a query and a document."""

    k1: float | None = setting(
        None, help="For bm25: how soon more of a word counts no more.", min=0, auto="0.9 to 2, by validation"
    )
    b: float | None = setting(
        None,
        help="For bm25: how much long documents lose, from 0 to 1.",
        min=0,
        max=1,
        auto="0.4, 0.75 or 0.9, by validation",
    )


@dataclass(frozen=True)
class PopularitySettings(BaselineSettings):
    """Nothing is left open."""


@dataclass(frozen=True)
class FactorSettings(MetricSettings):
    """What is common to svd, lsi, nmf and ials."""

    dim: int | None = setting(
        None,
        help="For svd, lsi, nmf and ials: dimension d of the factors.",
        min=1,
        auto="32, 64 or 128 (ials: 64 or 128), by validation",
    )


@dataclass(frozen=True)
class SvdSettings(FactorSettings):
    """A truncated singular value decomposition."""

    weighted: bool = setting(
        True,
        help="For svd: weigh columns by their log-odds, or all alike.",
        flag="--weighted/--unweighted",
    )


@dataclass(frozen=True)
class LsiSettings(FactorSettings):
    """The same of the inputs alone."""


@dataclass(frozen=True)
class NmfSettings(FactorSettings):
    """Two factors that are nowhere negative."""


@dataclass(frozen=True)
class RidgeSettings(MetricSettings):
    """What is common to ease and ials."""

    l2: float | None = setting(
        None,
        help="For ease and ials: λ; for ease as a multiple of the mean of the diagonal of XᵀX.",
        above=0,
        auto="0.03 to 3 (ials: 0.1 to 10), by validation",
    )


@dataclass(frozen=True)
class IalsSettings(FactorSettings, RidgeSettings):
    """Alternating least squares, with more confidence in what is there than in what is not."""

    alpha: float | None = setting(
        None,
        help="For ials: α, how much confidence an entry adds.",
        above=0,
        auto="10 or 40, by validation",
    )


@dataclass(frozen=True)
class EaseSettings(RidgeSettings):
    """Least squares in closed form."""

    memory: float = setting(
        4.0,
        help="For ease, one-vs-rest, pamir and warp-one-vs-rest: the most the matrices may take, in GB.",
        above=0,
    )


@dataclass(frozen=True)
class NearestSettings(MetricSettings):
    """What is common to the baselines of neighbours."""

    k: int | None = setting(
        None,
        help="For knn, item-knn, input-knn and tree-knn: how many neighbours count.",
        min=1,
        auto="20, 50, 100 or 200, by validation",
    )


@dataclass(frozen=True)
class ItemKnnSettings(NearestSettings):
    """Neighbours of a label among the features."""


@dataclass(frozen=True)
class InputKnnSettings(NearestSettings):
    """Neighbours of an example among the training examples."""

    lambda_: float | None = setting(
        None,
        help="For knn, input-knn and tree-knn: λ of eq. 9, for squared distances.",
        min=0,
        flag="--lambda",
        auto="a multiple, chosen on validation, of 1/the median squared distance",
    )


@dataclass(frozen=True)
class KnnSettings(InputKnnSettings):
    """Whose embedding space neighbours are looked for in."""

    neighbors: str | None = setting(
        None, help="For knn: a neighbour table, of which the space counts.", auto="the only one"
    )


@dataclass(frozen=True)
class TreeKnnSettings(InputKnnSettings):
    """The same among those in one leaf of a random-projection tree."""

    levels: int | None = setting(
        None,
        help="For tree-knn: levels p of the tree; of n training examples a leaf holds n/2^p.",
        min=0,
        auto="leaves of about 1,000 examples",
    )


@dataclass(frozen=True)
class LabelWeightsSettings(MetricSettings):
    """What is common to the baselines that learn a weight vector for each label."""

    aggressiveness: float | None = setting(
        None,
        help="For one-vs-rest, pamir and warp-one-vs-rest: C, the longest step of an update.",
        above=0,
        auto="0.01, 0.1 or 1, by validation",
    )
    epochs: int | None = setting(
        None,
        help="For one-vs-rest, pamir and warp-one-vs-rest: passes over the examples.",
        min=1,
        auto="5, for pamir 20, for warp-one-vs-rest 10",
    )
    memory: float = setting(
        4.0,
        help="For ease, one-vs-rest, pamir and warp-one-vs-rest: the most the matrices may take, in GB.",
        above=0,
    )


@dataclass(frozen=True)
class OneVsRestSettings(LabelWeightsSettings):
    """A classifier for each label, by passive-aggressive updates."""


@dataclass(frozen=True)
class PamirSettings(LabelWeightsSettings):
    """Passive-aggressive updates on pairs of a positive and a negative."""


@dataclass(frozen=True)
class WarpOneVsRestSettings(LabelWeightsSettings):
    """The same with the WARP loss."""


# The settings of each baseline, in the order of the help.
SETTINGS: dict[str, type] = {
    "popularity": PopularitySettings,
    "knn": KnnSettings,
    "svd": SvdSettings,
    "ease": EaseSettings,
    "item-knn": ItemKnnSettings,
    "input-knn": InputKnnSettings,
    "tree-knn": TreeKnnSettings,
    "lsi": LsiSettings,
    "one-vs-rest": OneVsRestSettings,
    "pamir": PamirSettings,
    "warp-one-vs-rest": WarpOneVsRestSettings,
    "nmf": NmfSettings,
    "ials": IalsSettings,
    "tfidf": TfIdfSettings,
    "bm25": Bm25Settings,
}
