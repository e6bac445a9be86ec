"""What `awe train-baseline` can be told of any baseline that chooses something."""

from __future__ import annotations

from dataclasses import dataclass

from awe_cli.config import setting


@dataclass(frozen=True)
class ChosenSettings:
    """What is common to the baselines that choose something on validation."""

    metric: str | None = setting(
        None,
        help="What to choose by on validation (all but popularity).",
        auto="ndcg@20 for recommendation, ndcg@5 for annotation",
    )
