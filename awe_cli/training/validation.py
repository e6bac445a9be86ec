"""How good a ranker is on held-out examples, in one number, for choosing while training."""

from __future__ import annotations

import numpy as np

from awe_cli.data.examples import Examples
from awe_cli.data.matrix import take_lists, take_rows
from awe_cli.engine.local import map_blocks
from awe_cli.metrics.catalog import measure
from awe_cli.metrics.ranks import Ranks, best_positions
from awe_cli.ranking.block import rank_block
from awe_cli.ranking.ranker import Ranker, block_rows

MOST = 4000  # held-out examples looked at


def sample(examples: Examples, seed: int, most: int = MOST) -> Examples:
    """At most `most` of the examples that have positives, drawn by `seed`, in their order."""
    rows = np.flatnonzero(np.diff(examples.positives.indptr))
    if len(rows) > most:
        rows = np.sort(np.random.Generator(np.random.Philox(seed)).permutation(rows)[:most])
    return Examples(
        ids=examples.ids.take(rows),
        x=take_rows(examples.x, rows),
        positives=take_lists(examples.positives, rows),
        seen=None if examples.seen is None else take_lists(examples.seen, rows),
        own=examples.own,
    )


class Judge:
    """Measures rankers on the same held-out examples: the mean of one metric, better the higher."""

    def __init__(self, examples: Examples, metric: str, threads: int | None) -> None:
        self.examples, self.metric = examples, metric
        self._measure, self._threads = measure(metric), threads

    def __call__(self, ranker: Ranker) -> float:
        """The mean over the examples; the same for any number of threads."""
        rows = block_rows(ranker.n_labels)
        starts = range(0, len(self.examples), rows)
        blocks = (self.examples.slice(start, min(start + rows, len(self.examples))) for start in starts)
        values = list(map_blocks(lambda block: self._values(ranker, block), blocks, self._threads))
        return float(np.concatenate(values).mean()) if values else float("nan")

    def _values(self, ranker: Ranker, block: Examples) -> np.ndarray:
        ranked = rank_block(ranker.scores(block.x), block.positives, block.seen, 0, "in training")
        return self._measure.values(Ranks(ranked.indptr, ranked.ranks, best_positions(ranked.labels, 0)))
