"""Settings of `awe build-knn` and `awe build-affinity`."""

from __future__ import annotations

from dataclasses import dataclass

from awe_cli.config import setting
from awe_cli.config.train import parameters_of_file

# Settings of `awe build-knn`.


@dataclass(frozen=True)
class BuildKnnSettings:
    """How G of eq. 9 is built. None: chosen on validation or from the data."""

    k: int | None = setting(
        None, help="Number of neighbours of an example.", min=1, auto="chosen on validation"
    )
    lambda_: float | None = setting(
        None,
        help="How fast the weight of a neighbour falls with its squared distance (λ of eq. 9).",
        min=0,
        flag="--lambda",
        auto="a multiple, chosen on validation, of 1/the median squared distance",
    )
    measure: str | None = setting(
        None,
        help="Distance between projections Ux.",
        choices=("cosine", "euclidean"),
        auto="cosine for bags, euclidean for dense x",
    )
    space: str | None = setting(
        None,
        help="Search space: the embedding (eq. 9), the input itself, or both, each with half of G.",
        choices=("embedding", "input", "both"),
        auto="embedding; in annotation up to 50,000 examples embedding or both, by validation",
    )
    approximate: str = setting(
        "exact",
        help="Neighbour search: exact, or approximate by a graph (hnsw), an inverted file (ivf) or hashing"
        " (lsh). Bags as input are always searched exactly.",
        choices=("exact", "hnsw", "ivf", "lsh"),
    )
    folds: int = setting(
        0,
        help="Folds of cross-fitting, in which neighbours are looked up with a U that was learned without "
        "the fold; 0: leave-one-out.",
        min=0,
    )
    metric: str | None = setting(None, help="Metric that validation chooses by.", auto="that of the model")


# Settings of `awe build-affinity`.

KERNELS = ("gaussian", "linear", "cosine")
SPACES = ("raw", "embedded")


@dataclass(frozen=True)
class BuildAffinitySettings:
    """How G is built. None: as `awe affinities` lists it, chosen on validation, or from the data."""

    affinity: str = setting(
        "knn",
        help="Affinity whose G is built: a name of `awe affinities`, or your own, path/to/file.py:Name.",
    )
    plugin_parameters: tuple[str, ...] | None = parameters_of_file()
    measure: str | None = setting(
        None,
        help="Distance between projections Ux.",
        choices=("cosine", "euclidean"),
        auto="cosine for bags, euclidean for dense x",
    )
    metric: str | None = setting(None, help="Metric that validation chooses by.", auto="that of the model")
    k: int | None = setting(
        None, help="Number of neighbours of an example.", min=1, auto="by validation", panel="Affinity: knn"
    )
    space: str | None = setting(
        None,
        help="Search space of knn.",
        choices=("embedding", "input", "both"),
        auto="as for build-knn",
        panel="Affinity: knn",
    )
    approximate: str | None = setting(
        None,
        help="Neighbour search of knn.",
        choices=("exact", "hnsw", "ivf", "lsh"),
        auto="exact",
        panel="Affinity: knn",
    )
    folds: int | None = setting(
        None, help="Folds of cross-fitting of knn; 0: leave-one-out.", min=0, auto="0", panel="Affinity: knn"
    )
    lambda_: float | None = setting(
        None,
        help="How fast K_x falls with squared distance.",
        min=0,
        flag="--lambda",
        auto="by validation",
        panel="Affinity: rbf, kernel",
    )
    lambda_y: str | None = setting(
        None,
        help="How fast K_y falls with squared distance, or inf for [y = y_i], where G knows no new label.",
        auto="by validation",
        panel="Affinity: rbf, kernel",
    )
    pairs: int | None = setting(
        None,
        help="Greatest number m of training pairs in the sum.",
        min=1,
        auto="200000",
        panel="Affinity: rbf, kernel",
    )
    keep: int | None = setting(
        None,
        help="Labels of a training example whose G is kept; G is 0 for the others.",
        min=1,
        auto="256",
        panel="Affinity: rbf, kernel",
    )
    label_neighbors: int | None = setting(
        None,
        help="Labels that a label is compared with, in V or by their features.",
        min=1,
        auto="100",
        panel="Affinity: rbf, kernel",
    )
    kernel_x: str | None = setting(
        None,
        help="Kernel K_x between examples.",
        choices=KERNELS,
        auto="gaussian",
        panel="Affinity: rbf, kernel",
    )
    space_x: str | None = setting(
        None,
        help="Space in which K_x compares examples.",
        choices=SPACES,
        auto="embedded",
        panel="Affinity: rbf, kernel",
    )
    kernel_y: str | None = setting(
        None,
        help="Kernel K_y between labels.",
        choices=(*KERNELS, "equality"),
        auto="equality",
        panel="Affinity: rbf, kernel",
    )
    space_y: str | None = setting(
        None,
        help="Space in which K_y compares labels.",
        choices=SPACES,
        auto="raw",
        panel="Affinity: rbf, kernel",
    )
    leaves: int | None = setting(
        None, help="Number of leaves.", min=1, auto="by validation", panel="Affinity: cluster"
    )
    levels: int | None = setting(
        None, help="Levels of the k-means tree; 1: flat.", min=1, auto="2", panel="Affinity: cluster"
    )
    top: int | None = setting(
        None,
        help="Number N of labels kept in each leaf.",
        min=1,
        auto="by validation",
        panel="Affinity: cluster",
    )
    seed: int | None = setting(
        None, help="Seed of the sampled training pairs.", min=0, auto="0", panel="Affinity: rbf, kernel"
    )
