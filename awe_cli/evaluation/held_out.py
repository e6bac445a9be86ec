"""How well one model ranks the held-out examples of a split, in all and for every example."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from awe_cli.dataset.dataset import RECOMMENDATION, Dataset
from awe_cli.dataset.examples import Examples
from awe_cli.dataset.similarity import similarity_of
from awe_cli.engine.local import map_blocks
from awe_cli.evaluation.strata import Strata, Values, all_values, join_values, measure_strata
from awe_cli.metrics.metrics import Measure
from awe_cli.metrics.ranks import NEVER, LabelStatistics, Ranks, best_positions
from awe_cli.models.load import OpenRanker
from awe_cli.ranking.validation import rank, rows_at_once

# How well one model ranks the held-out examples of a split.

READ_ROWS = 8192  # stored rows read at a time, then cut into blocks


@dataclass(frozen=True)
class Evaluated:
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


def evaluate_ranker(
    opened: OpenRanker,
    dataset: Dataset,
    split: str,
    measures: Sequence[Measure],
    *,
    model: str,
    strata: Strata | None = None,
    threads: int | None = None,
    on_progress: Callable[[int], None] = lambda done: None,
) -> Evaluated:
    """Rank all candidate labels of every example of `split`, and measure.

    `model` is the name to blame for a score that is not a number (DataError). The result does not depend on
    `threads`; memory grows by the values and ids of the examples only. `on_progress` hears after each block how many
    examples have been ranked.
    """
    per_example = [measure for measure in measures if measure.metric.per_example]
    n_labels = opened.ranker.n_labels
    k = max((measure.k or 0 for measure in measures if measure.metric.looks_at_top), default=0)
    known = _known(dataset, opened.fit_on, measures)

    def work(block: Examples) -> tuple[pa.Array, NDArray[np.float64], Ranks, Values | None]:
        ranked = rank(opened.ranker, block.x, block.positives, block.seen, k, model)
        best = best_positions(ranked.labels, n_labels)
        grades = block.grades_of(ranked.positives)
        ranks = Ranks(ranked.indptr, ranked.ranks, best, ranked.positives, ranked.labels, known, grades)
        some = ranks.n_positives > 0
        values = all_values(per_example, ranks)[some]
        apart = measure_strata(strata, per_example, ranks, block) if strata else None
        return block.ids.filter(pa.array(some)), values, ranks, apart

    ids, parts, by_stratum = [], [], []
    done = 0
    best = np.full(n_labels, NEVER, dtype=np.int32)
    batches = dataset.held_out_batches(split, opened.fit_on, READ_ROWS)
    blocks = cut(batches, rows_at_once(opened.ranker))
    for block_ids, values, ranks, apart in map_blocks(work, blocks, threads):
        ids.append(block_ids)
        parts.append(values)
        by_stratum += [apart] if apart is not None else []
        np.minimum(best, ranks.best, out=best)
        done += len(ranks.indptr) - 1
        on_progress(done)
    table = np.concatenate(parts) if parts else np.empty((0, len(per_example)))
    apart = join_values(by_stratum, [len(values) for values in parts]) if by_stratum else None
    left_out = _n_examples(dataset, split) - len(table)
    return Evaluated(_joined(ids), table, _overall(measures, table, best), left_out, apart)


def _n_examples(dataset: Dataset, split: str) -> int:
    """How many examples a split has, with positives or without; in recommendation that is everybody."""
    if dataset.task == RECOMMENDATION:
        return int(dataset.summary["people"])
    return int(dataset.summary["sizes"][split]["examples"])


def _known(dataset: Dataset, fit_on: tuple[str, ...], measures: Sequence[Measure]) -> LabelStatistics:
    """What is known of the labels, as far as it is measured by."""
    kinship = any(measure.metric.needs_kinship for measure in measures)
    alike = (dataset.parents, similarity_of(dataset)) if kinship else (None, None)
    return LabelStatistics(dataset.label_counts(fit_on), *alike)


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


# What was measured on every example, as a table: to average over several models, or to look into.


def per_example_table(judged: Mapping[str, Evaluated], measures: Sequence[str]) -> pa.Table:
    """One row a model and example: `model`, `id`, and a column for each of `measures`, those taken per example."""
    counts = [len(result.values) for result in judged.values()]
    model = np.repeat(np.arange(len(judged), dtype=np.int32), counts)
    values = np.concatenate([result.values for result in judged.values()])
    columns = {
        "model": pa.DictionaryArray.from_arrays(model, list(judged)),
        "id": pa.chunked_array([result.ids for result in judged.values()]),
        **{name: pa.array(values[:, column]) for column, name in enumerate(measures)},
    }
    return pa.table(columns)
