"""Settings of `awe build-knn` and `awe build-affinity`."""

from __future__ import annotations

from dataclasses import dataclass

from awe_cli.config import setting
from awe_cli.config.train import parameters_of_file

# What `awe build-knn` can be told.


@dataclass(frozen=True)
class BuildKnnSettings:
    """How G of eq. 9 is built. None: chosen on validation or from the data."""

    k: int | None = setting(None, help="Neighbours of an example.", min=1, auto="chosen on validation")
    lambda_: float | None = setting(
        None,
        help="λ of eq. 9, for squared distances.",
        min=0,
        flag="--lambda",
        auto="a multiple, chosen on validation, of 1/the median squared distance",
    )
    measure: str | None = setting(
        None,
        help="Distance between projections.",
        choices=("cosine", "euclidean"),
        auto="cosine for bags, euclidean for dense x",
    )
    space: str | None = setting(
        None,
        help="Where neighbours are looked for: in the embedding (eq. 9), by the input itself, or in both, half of G "
        "from each.",
        choices=("embedding", "input", "both"),
        auto="embedding; in annotation up to 50,000 examples embedding or both, by validation",
    )
    approximate: str = setting(
        "exact",
        help="How neighbours are searched for: all measured, or approximately, in a graph, an inverted file, "
        "or by hashing. Bags as input are always measured.",
        choices=("exact", "hnsw", "ivf", "lsh"),
    )
    folds: int = setting(
        0,
        help="Cross-fit the table: neighbours of each fold are looked up with a U learned without it; "
        "0: leave one out.",
        min=0,
    )
    metric: str | None = setting(None, help="What to choose by on validation.", auto="that of the model")


# What `awe build-affinity` can be told.

KERNELS = ("gaussian", "linear", "cosine")
SPACES = ("raw", "embedded")


@dataclass(frozen=True)
class BuildAffinitySettings:
    """How G is built. None: as `awe affinities` lists it, chosen on validation, or from the data."""

    affinity: str = setting(
        "knn", help="The affinity whose G is built; or one of your own, path/to/file.py:Name."
    )
    plugin_parameters: tuple[str, ...] | None = parameters_of_file()
    measure: str | None = setting(
        None,
        help="Distance between projections.",
        choices=("cosine", "euclidean"),
        auto="cosine for bags, euclidean for dense x",
    )
    metric: str | None = setting(None, help="What to choose by on validation.", auto="that of the model")
    k: int | None = setting(None, help="Neighbours of an example, for knn.", min=1, auto="by validation")
    space: str | None = setting(
        None, help="Where knn looks.", choices=("embedding", "input", "both"), auto="as for build-knn"
    )
    approximate: str | None = setting(
        None, help="Search for knn.", choices=("exact", "hnsw", "ivf", "lsh"), auto="exact"
    )
    folds: int | None = setting(
        None, help="Folds to cross-fit knn in; 0: leave one out.", min=0, auto="0"
    )  # fmt: skip
    lambda_: float | None = setting(
        None, help="λ_x, for squared distances.", min=0, flag="--lambda", auto="by validation"
    )
    lambda_y: str | None = setting(
        None,
        help="λ_y, a number of at least 0, or inf for the limit [y = y_i], in which G knows no new label.",
        auto="by validation",
    )
    pairs: int | None = setting(None, help="m, the most training pairs in the sum.", min=1, auto="200000")
    keep: int | None = setting(
        None, help="Labels kept of G of a training example: below them it is 0.", min=1, auto="256"
    )
    label_neighbors: int | None = setting(
        None, help="Labels that a label is compared with, on V or by what describes it.", min=1, auto="100"
    )
    kernel_x: str | None = setting(None, help="K_x of kernel.", choices=KERNELS, auto="gaussian")
    space_x: str | None = setting(None, help="What K_x of kernel compares.", choices=SPACES, auto="embedded")
    kernel_y: str | None = setting(
        None, help="K_y of kernel.", choices=(*KERNELS, "equality"), auto="equality"
    )
    space_y: str | None = setting(None, help="What K_y of kernel compares.", choices=SPACES, auto="raw")
    leaves: int | None = setting(None, help="Leaves of cluster.", min=1, auto="by validation")
    levels: int | None = setting(
        None, help="Levels of k-means in cluster, 1 for a flat one.", min=1, auto="2"
    )
    top: int | None = setting(
        None, help="N, labels kept in each leaf of cluster.", min=1, auto="by validation"
    )
    seed: int | None = setting(None, help="Where the drawing of pairs starts.", min=0, auto="0")
