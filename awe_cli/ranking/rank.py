"""Ranking with any ranker: over all labels, or over the candidates of each example where it names some."""

from __future__ import annotations

from awe_cli.data.matrix import Lists, Rows
from awe_cli.ranking.block import Ranked, rank_block
from awe_cli.ranking.candidates import CandidateRanker
from awe_cli.ranking.ranker import Ranker, block_rows


def rank(ranker: Ranker, x: Rows, positives: Lists | None, seen: Lists | None, k: int, model: str) -> Ranked:
    """The ranks of the positives and the best k labels of each row of x; see `rank_block`."""
    if isinstance(ranker, CandidateRanker):
        return ranker.rank(x, positives, seen, k, model)
    return rank_block(ranker.scores(x), positives, seen, k, model)


def rows_at_once(ranker: Ranker) -> int:
    """How many examples make one block of `rank`."""
    return block_rows(ranker.n_candidates if isinstance(ranker, CandidateRanker) else ranker.n_labels)
