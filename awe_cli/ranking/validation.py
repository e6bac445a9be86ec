"""One metric of a ranker on held-out examples, for choices during training."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe_cli.dataset.examples import Examples, stack
from awe_cli.engine.checkpoints import Checkpoints
from awe_cli.engine.engine import Engine
from awe_cli.engine.local import map_blocks
from awe_cli.matrices.bags import with_labels
from awe_cli.matrices.matrix import Lists, Rows, n_rows
from awe_cli.metrics.metrics import criterion
from awe_cli.metrics.ranks import Ranks
from awe_cli.ranking.block import Ranked, rank_block
from awe_cli.ranking.earlier import unscored_labels
from awe_cli.ranking.embedding import CandidateRanker
from awe_cli.ranking.ranker import Ranker, Scores, block_rows

# Ranking with any ranker: over all labels, or over the candidates of each example where it names some.


def rank(ranker: Ranker, x: Rows, positives: Lists | None, seen: Lists | None, k: int, model: str) -> Ranked:
    """The ranks of the positives and the best k labels of each row of x; see `rank_block`.

    Labels that the ranker does not know are no candidates where only the best are wanted (`positives` is None). Where
    ranks are wanted, they come last.
    """
    unscored = unscored_labels(ranker)
    if positives is None and len(unscored):
        seen = with_labels(seen, unscored, n_rows(x), ranker.n_labels)
    if isinstance(ranker, CandidateRanker):
        return ranker.rank(x, positives, seen, k, model)
    return rank_block(ranker.scores(x), positives, seen, k, model)


def rows_at_once(ranker: Ranker) -> int:
    """The number of examples in a block of `rank`."""
    return block_rows(ranker.n_candidates if isinstance(ranker, CandidateRanker) else ranker.n_labels)


MOST = 4000  # held-out examples used


def sample(batches: Callable[[], Iterable[Examples]], seed: int, most: int = MOST) -> Examples:
    """At most `most` of the examples that have positives, drawn by `seed`, in their order.

    batches  yields the same examples in batches each time it is called; only one batch is in memory at a time
    """
    has_positives = [np.diff(batch.positives.indptr) > 0 for batch in batches()]
    rows = np.flatnonzero(np.concatenate(has_positives))
    if len(rows) > most:
        rows = np.sort(np.random.Generator(np.random.Philox(seed)).permutation(rows)[:most])
    parts, start = [], 0
    for batch in batches():
        inside = rows[np.searchsorted(rows, start) : np.searchsorted(rows, start + len(batch))]
        parts.append(batch.take(inside - start))
        start += len(batch)
    return stack(parts)


class Validator:
    """Measures rankers on the same held-out examples: the mean of one metric, better the higher."""

    def __init__(self, examples: Examples, metric: str, threads: int | None) -> None:
        self.examples, self.metric = examples, metric
        self._measure, self._threads = criterion(metric), threads

    def __call__(self, ranker: Ranker) -> float:
        """The mean over the examples; the same for any number of threads."""

        def work(block: tuple[int, int]) -> NDArray[np.float64]:
            examples = self._block(*block)
            ranked = rank(ranker, examples.x, examples.positives, examples.seen, 0, "in training")
            return self._measured(ranked, examples)

        values = list(map_blocks(work, self._blocks(rows_at_once(ranker)), self._threads))
        return float(np.concatenate(values).mean()) if values else float("nan")

    def validate_rows(self, scores: Callable[[int, int], Scores], n_labels: int) -> float:
        """The metric where scores(start, stop) scores all labels for examples start … stop-1."""
        values = self.validate_all(lambda start, stop: [scores(start, stop)], n_labels)
        return values[0] if values else float("nan")

    def validate_all(self, scores: Callable[[int, int], Iterable[Scores]], n_labels: int) -> list[float]:
        """The metrics of several rankings at once: scores(start, stop) yields the scores of each in turn.

        Empty where there are no examples.
        """

        def work(block: tuple[int, int]) -> list[NDArray[np.float64]]:
            return [self._values(one, *block) for one in scores(*block)]

        values = list(map_blocks(work, self._blocks(block_rows(n_labels)), self._threads))
        return [float(np.concatenate(parts).mean()) for parts in zip(*values, strict=True)]

    def judge_trials(
        self,
        scores: ScoresOfTrial,
        trials: Sequence[Any],
        n_labels: int,
        engine: Engine,
        checkpoints: Checkpoints,
        key: Callable[[Any], str],
    ) -> list[list[float]]:
        """The metrics of the rankings that each trial has, block by block by `engine`; empty without examples.

        scores  (trial, start, stop) → the scores of each ranking in turn; can be sent, with all its data
        key     under which the metrics of a trial are kept, and taken where they are
        """
        kept = {key(trial): checkpoints.load(key(trial)) for trial in trials}
        blocks = self._blocks(block_rows(n_labels))
        wanted = ((trial, *block) for trial in trials if kept[key(trial)] is None for block in blocks)
        results = engine.map(_Trials(self, scores), wanted)
        found = []
        for trial in trials:
            piece = kept[key(trial)]
            if piece is None:
                values = list(itertools.islice(results, len(blocks)))
                piece = [float(np.concatenate(parts).mean()) for parts in zip(*values, strict=True)], {}
                checkpoints.keep(key(trial), piece[0])
            found.append(piece[0])
        return found

    def _values(self, scores: Scores, start: int, stop: int) -> NDArray[np.float64]:
        block = self._block(start, stop)
        return self._measured(rank_block(scores, block.positives, block.seen, 0, "in training"), block)

    def _measured(self, ranked: Ranked, block: Examples) -> NDArray[np.float64]:
        grades = block.grades_of(ranked.positives)
        return self._measure.values(Ranks(ranked.indptr, ranked.ranks, grades=grades))

    def _blocks(self, rows: int) -> list[tuple[int, int]]:
        n = len(self.examples)
        return [(start, min(start + rows, n)) for start in range(0, n, rows)]

    def _block(self, start: int, stop: int) -> Examples:
        return self.examples.slice(start, stop)


# (trial, start, stop) → the scores of all labels for examples start … stop-1, of each ranking of the trial in turn.
ScoresOfTrial = Callable[[Any, int, int], Iterable[Scores]]


@dataclass(frozen=True)
class _Trials:
    """What is done of a block of examples in a trial, with all its data, so that it can be sent to a worker."""

    validator: Validator
    scores: ScoresOfTrial

    def __call__(self, block: tuple[Any, int, int]) -> list[NDArray[np.float64]]:
        trial, start, stop = block
        return [self.validator._values(one, start, stop) for one in self.scores(trial, start, stop)]
