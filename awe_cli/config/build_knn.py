"""What `awe build-knn` can be told."""

from __future__ import annotations

from dataclasses import dataclass

from awe_cli.config import setting


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
