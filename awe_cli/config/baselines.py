"""The settings of `awe train-baseline`: one class for each baseline."""

from __future__ import annotations

from dataclasses import dataclass

from awe_cli.config import setting

# The headings of help.
_NEIGHBORS = "Nearest neighbours"
_FACTORS = "Matrix factorization"
_LINEAR = "Linear models"
_WORDS = "Retrieval"

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
        help="Metric that settings are chosen by on validation (every baseline but popularity and tfidf).",
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
        None,
        help="bm25: saturation of term frequency; a larger value lets repeated words count more.",
        min=0,
        auto="0.9 to 2, by validation",
        panel=_WORDS,
    )
    b: float | None = setting(
        None,
        help="bm25: strength of the length normalization, from 0 (none) to 1.",
        min=0,
        max=1,
        auto="0.4, 0.75 or 0.9, by validation",
        panel=_WORDS,
    )
    feedback: int | None = setting(
        None,
        help="bm25: number of best documents whose words are added to the query, which is then asked again.",
        min=1,
        auto="none",
        panel=_WORDS,
    )


@dataclass(frozen=True)
class PopularitySettings(BaselineSettings):
    """Nothing is left open."""


@dataclass(frozen=True)
class FactorSettings(MetricSettings):
    """What is common to svd, lsi, nmf and ials."""

    dim: int | None = setting(
        None,
        help="svd, lsi, nmf, ials: dimension d of the factors.",
        min=1,
        auto="32, 64 or 128 (ials: 64 or 128; lsi of documents: 100 to 300), by validation",
        panel=_FACTORS,
    )


@dataclass(frozen=True)
class SvdSettings(FactorSettings):
    """A truncated singular value decomposition."""

    weighted: bool = setting(
        True,
        help="svd: whether columns are weighted by their log-odds.",
        flag="--weighted/--unweighted",
        panel=_FACTORS,
    )


@dataclass(frozen=True)
class LsiSettings(FactorSettings):
    """The same of the inputs alone, or of documents."""


@dataclass(frozen=True)
class NmfSettings(FactorSettings):
    """Two factors that are nowhere negative."""


@dataclass(frozen=True)
class MemorySettings:
    """What is common to the baselines that hold large matrices."""

    memory: float = setting(
        4.0,
        help="ease, kernel-ridge, one-vs-rest, linear-svm, pamir, warp-one-vs-rest: largest size of the matrices, in "
        "GB.",
        above=0,
    )


@dataclass(frozen=True)
class RidgeSettings(MetricSettings):
    """What is common to ease, ials and kernel-ridge."""

    l2: float | None = setting(
        None,
        help="ease, ials, kernel-ridge: regularization λ; for ease a multiple of the mean of the diagonal of XᵀX.",
        above=0,
        auto="0.1 to 10 (kernel-ridge: 0.01 to 10), by validation",
        panel=_FACTORS,
    )


@dataclass(frozen=True)
class IalsSettings(FactorSettings, RidgeSettings):
    """Alternating least squares, with more confidence in what is there than in what is not."""

    alpha: float | None = setting(
        None,
        help="ials: confidence α that an observed entry adds.",
        above=0,
        auto="10 or 40, by validation",
        panel=_FACTORS,
    )


@dataclass(frozen=True)
class EaseSettings(RidgeSettings, MemorySettings):
    """Least squares in closed form."""


@dataclass(frozen=True)
class NearestSettings(MetricSettings):
    """What is common to the baselines of neighbours."""

    k: int | None = setting(
        None,
        help="knn, item-knn, graph-filter, input-knn, tree-knn: number of neighbours k.",
        min=1,
        auto="20, 50, 100 or 200, by validation; for graph-filter 400",
        panel=_NEIGHBORS,
    )


@dataclass(frozen=True)
class ItemKnnSettings(NearestSettings):
    """Neighbours of a label among the features."""


@dataclass(frozen=True)
class GraphFilterSettings(NearestSettings):
    """A linear filter of the graph of examples, features and labels."""

    example_power: float | None = setting(
        None,
        help="graph-filter: power a of the number of entries by which an example counts less.",
        min=0,
        auto="0.3 or 0.5, by validation",
        panel=_NEIGHBORS,
    )
    label_power: float | None = setting(
        None,
        help="graph-filter: power c of its popularity by which a label ranks lower.",
        min=0,
        max=1,
        auto="0.1, 0.2 or 0.4, by validation",
        panel=_NEIGHBORS,
    )


@dataclass(frozen=True)
class InputKnnSettings(NearestSettings):
    """Neighbours of an example among the training examples."""

    lambda_: float | None = setting(
        None,
        help="knn, input-knn, tree-knn: λ of eq. 9, for squared distances.",
        min=0,
        flag="--lambda",
        auto="a multiple, chosen on validation, of 1/the median squared distance",
        panel=_NEIGHBORS,
    )


@dataclass(frozen=True)
class KnnSettings(InputKnnSettings):
    """Whose embedding space neighbours are looked for in."""

    neighbors: str | None = setting(
        None,
        help="knn: the neighbour table whose embedding space is used.",
        auto="the only one",
        panel=_NEIGHBORS,
    )


@dataclass(frozen=True)
class TreeKnnSettings(InputKnnSettings):
    """The same among those in one leaf of a random-projection tree."""

    levels: int | None = setting(
        None,
        help="tree-knn: depth p of the tree; a leaf holds n/2^p of n training examples.",
        min=0,
        auto="leaves of about 1,000 examples",
        panel=_NEIGHBORS,
    )


@dataclass(frozen=True)
class KernelRidgeSettings(RidgeSettings, MemorySettings):
    """Least squares on the kernel of an input and training examples."""

    model: str | None = setting(
        None,
        help="kernel-ridge: the embedding model in whose space inputs are compared.",
        auto="the input itself",
        panel=_NEIGHBORS,
    )
    gamma: float | None = setting(
        None,
        help="kernel-ridge: γ of the kernel e^(−γ‖x − x'‖²).",
        above=0,
        auto="a multiple, chosen on validation, of 1/the median squared distance",
        panel=_NEIGHBORS,
    )
    landmarks: int | None = setting(
        None,
        help="kernel-ridge: how many training examples an input is compared with.",
        min=1,
        auto="all; a sample of 4,096 where there are more than 15,000, or too many for --memory",
        panel=_NEIGHBORS,
    )


@dataclass(frozen=True)
class LabelWeightsSettings(MetricSettings, MemorySettings):
    """What is common to the baselines that learn a weight vector for each label."""

    epochs: int | None = setting(
        None,
        help="one-vs-rest, pamir, warp-one-vs-rest: passes over the examples; linear-svm: the most passes.",
        min=1,
        auto="5, for linear-svm 50, for pamir 20, for warp-one-vs-rest 10",
        panel=_LINEAR,
    )


@dataclass(frozen=True)
class PassiveAggressiveSettings(LabelWeightsSettings):
    """What is common to those of them that learn by passive-aggressive updates."""

    aggressiveness: float | None = setting(
        None,
        help="one-vs-rest, pamir, warp-one-vs-rest: aggressiveness C, the longest step of an update.",
        above=0,
        auto="0.01, 0.1 or 1, by validation",
        panel=_LINEAR,
    )


@dataclass(frozen=True)
class OneVsRestSettings(PassiveAggressiveSettings):
    """A classifier for each label, by passive-aggressive updates."""


@dataclass(frozen=True)
class LinearSvmSettings(LabelWeightsSettings):
    """A linear support vector machine for each label."""

    cost: float | None = setting(
        None,
        help="linear-svm: cost C, the weight of the losses beside ½‖w‖².",
        above=0,
        auto="0.03, 0.1, 0.3, 1 or 3, by validation",
        panel=_LINEAR,
    )


@dataclass(frozen=True)
class PamirSettings(PassiveAggressiveSettings):
    """Passive-aggressive updates on pairs of a positive and a negative."""


@dataclass(frozen=True)
class WarpOneVsRestSettings(PassiveAggressiveSettings):
    """The same with the WARP loss."""


# The settings of each baseline, in the order of the help.
SETTINGS: dict[str, type] = {
    "popularity": PopularitySettings,
    "knn": KnnSettings,
    "svd": SvdSettings,
    "ease": EaseSettings,
    "item-knn": ItemKnnSettings,
    "graph-filter": GraphFilterSettings,
    "input-knn": InputKnnSettings,
    "tree-knn": TreeKnnSettings,
    "kernel-ridge": KernelRidgeSettings,
    "lsi": LsiSettings,
    "one-vs-rest": OneVsRestSettings,
    "linear-svm": LinearSvmSettings,
    "pamir": PamirSettings,
    "warp-one-vs-rest": WarpOneVsRestSettings,
    "nmf": NmfSettings,
    "ials": IalsSettings,
    "tfidf": TfIdfSettings,
    "bm25": Bm25Settings,
}
