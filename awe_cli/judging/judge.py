"""How well one model ranks the held-out examples of a split."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from awe_cli.data.dataset import RECOMMENDATION, Dataset
from awe_cli.data.examples import Examples
from awe_cli.data.similarity import similarity_of
from awe_cli.engine.local import map_blocks
from awe_cli.judging.strata import Strata, Values, all_values, join_values, measure_strata
from awe_cli.metrics.metric import Measure
from awe_cli.metrics.ranks import NEVER, Known, Ranks, best_positions
from awe_cli.models.rankers import OpenRanker
from awe_cli.ranking.rank import rank, rows_at_once

READ_ROWS = 8192  # stored rows read at a time, then cut into blocks


@dataclass(frozen=True)
class Judged:
    """What was measured.

    ids       (n,) of the examples that have positives, in the order they are stored
    values    (n, measures) one column for each measure taken per example
    overall   measure → the mean over these examples, or the value for the whole set
    left_out  how many examples have no positives: they have no labels, or these people nothing in the split
    strata    the same by stratum, where that was asked for
    """

    ids: pa.Array
    values: NDArray[np.float64]
    overall: dict[str, float]
    left_out: int
    strata: Values | None = None


def judge(
    opened: OpenRanker,
    dataset: Dataset,
    split: str,
    measures: Sequence[Measure],
    *,
    model: str,
    strata: Strata | None = None,
    threads: int | None = None,
) -> Judged:
    """Rank all candidate labels of every example of `split`, and measure.

    `model` is the name to blame for a score that is not a number (DataError). The result does not depend on
    `threads`; memory grows by the values and ids of the examples only.
    """
    per_example = [measure for measure in measures if measure.metric.per_example]
    n_labels = opened.ranker.n_labels
    k = max((measure.k or 0 for measure in measures if measure.metric.looks_at_top), default=0)
    known = _known(dataset, opened.fit_on, measures)

    def work(block: Examples) -> tuple[pa.Array, NDArray[np.float64], Ranks, Values | None]:
        ranked = rank(opened.ranker, block.x, block.positives, block.seen, k, model)
        best = best_positions(ranked.labels, n_labels)
        ranks = Ranks(ranked.indptr, ranked.ranks, best, ranked.positives, ranked.labels, known)
        some = ranks.n_positives > 0
        values = all_values(per_example, ranks)[some]
        apart = measure_strata(strata, per_example, ranks, block) if strata else None
        return block.ids.filter(pa.array(some)), values, ranks, apart

    ids, parts, by_stratum = [], [], []
    best = np.full(n_labels, NEVER, dtype=np.int32)
    batches = dataset.held_out_batches(split, opened.fit_on, READ_ROWS)
    blocks = cut(batches, rows_at_once(opened.ranker))
    for block_ids, values, ranks, apart in map_blocks(work, blocks, threads):
        ids.append(block_ids)
        parts.append(values)
        by_stratum += [apart] if apart is not None else []
        np.minimum(best, ranks.best, out=best)
    table = np.concatenate(parts) if parts else np.empty((0, len(per_example)))
    apart = join_values(by_stratum, [len(values) for values in parts]) if by_stratum else None
    left_out = _n_examples(dataset, split) - len(table)
    return Judged(_joined(ids), table, _overall(measures, table, best), left_out, apart)


def _n_examples(dataset: Dataset, split: str) -> int:
    """How many examples a split has, with positives or without; in recommendation that is everybody."""
    if dataset.task == RECOMMENDATION:
        return int(dataset.summary["people"])
    return int(dataset.summary["sizes"][split]["examples"])


def _known(dataset: Dataset, fit_on: tuple[str, ...], measures: Sequence[Measure]) -> Known:
    """What is known of the labels, as far as it is measured by."""
    kinship = any(measure.metric.needs_kinship for measure in measures)
    alike = (dataset.parents, similarity_of(dataset)) if kinship else (None, None)
    return Known(dataset.label_counts(fit_on), *alike)


def cut(batches: Iterable[Examples], rows: int) -> Iterator[Examples]:
    """The same examples in blocks of at most `rows`."""
    for examples in batches:
        for start in range(0, len(examples), rows):
            yield examples.slice(start, min(start + rows, len(examples)))


def _overall(
    measures: Sequence[Measure], values: NDArray[np.float64], best: NDArray[np.int32]
) -> dict[str, float]:
    means = iter(values.mean(axis=0) if len(values) else [float("nan")] * values.shape[1])
    whole = Ranks(np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.int32), best)
    return {
        measure.name: float(next(means)) if measure.metric.per_example else measure.mean(whole)
        for measure in measures
    }


def _joined(ids: list[pa.Array]) -> pa.Array:
    return pa.concat_arrays(ids) if ids else pa.array([], pa.string())
