"""What `awe ensemble` can be told."""

from __future__ import annotations

from dataclasses import dataclass

from awe_cli.config import setting


@dataclass(frozen=True)
class EnsembleSettings:
    """How models are combined. The models themselves are named on the command line."""

    weights: tuple[float, ...] | None = setting(
        None, help="Weights of the models, in their order.", min=0, auto="chosen on validation"
    )
    metric: str | None = setting(
        None,
        help="What to choose by on validation.",
        auto="ndcg@20 for recommendation, ndcg@5 for annotation",
    )
