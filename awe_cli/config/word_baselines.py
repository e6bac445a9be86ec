"""What `awe train-baseline` can be told of the baselines of retrieval."""

from __future__ import annotations

from dataclasses import dataclass

from awe_cli.config import setting
from awe_cli.config.chosen import ChosenSettings


@dataclass(frozen=True)
class TfIdfSettings:
    """The cosine of a query and a document."""


@dataclass(frozen=True)
class Bm25Settings(ChosenSettings):
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
