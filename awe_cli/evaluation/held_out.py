"""How well one model ranks the held-out examples of a split, in all and for every example."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from awe_cli.dataset.dataset import RECOMMENDATION, Dataset
from awe_cli.dataset.examples import Examples
from awe_cli.dataset.similarity import similarity_of
from awe_cli.engine.local import map_blocks
from awe_cli.evaluation.strata import Strata, Values, all_values, join_values, measure_strata
from awe_cli.metrics.metrics import Measure
from awe_cli.metrics.ranks import LabelStatistics, Ranks
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
    totals    measure of the whole set → what its value is computed from
    strata    the same by stratum, where that was asked for
    """

    ids: pa.Array
    values: NDArray[np.float64]
    overall: dict[str, float]
    left_out: int
    totals: dict[str, NDArray[np.float64]]
    strata: Values | None = None


class Judged(NamedTuple):
    """What was measured of some examples.

    ids     (n,) of those that have positives
    values  (n, measures) one column for each measure taken per example
    totals  measure of the whole set → what these examples, with positives or without, add to its total
    strata  the same by stratum, where that was asked for; their owners are counted over these n
    """

    ids: pa.Array
    values: NDArray[np.float64]
    totals: dict[str, NDArray[np.float64]]
    strata: Values | None


@dataclass(frozen=True)
class Judging:
    """What is measured of a model on the held-out examples of a split.

    model  the name to blame for a score that is not a number (DataError)
    """

    split: str
    measures: Sequence[Measure]
    model: str
    strata: Strata | None = None

    @property
    def per_example(self) -> list[Measure]:
        """The measures that each example has a value of."""
        return [measure for measure in self.measures if measure.metric.per_example]

    @property
    def of_whole(self) -> list[Measure]:
        """The measures of the whole set."""
        return [measure for measure in self.measures if not measure.metric.per_example]

    def blocks(
        self,
        opened: OpenRanker,
        dataset: Dataset,
        threads: int | None = None,
        within: tuple[int, int] | None = None,
    ) -> Iterator[Judged]:
        """Rank all candidate labels of every example, and measure, a block of examples at a time.

        within  the first stored row and the one to stop before; None for all
        """
        per_example, of_whole = self.per_example, self.of_whole
        k = max((measure.k or 0 for measure in self.measures if measure.metric.looks_at_top), default=0)
        known = _known(dataset, opened.fit_on, self.measures)

        def work(block: Examples) -> Judged:
            ranked = rank(opened.ranker, block.x, block.positives, block.seen, k, self.model)
            ranks = Ranks(
                ranked.indptr,
                ranked.ranks,
                ranked.positives,
                ranked.labels,
                known,
                block.grades_of(ranked.positives),
            )
            if opened.calibration is not None:
                p = opened.calibration.of_lists(opened.ranker, block.x, block.seen, ranked.scores)
                ranks = ranks._replace(probabilities=p)
            some = ranks.n_positives > 0
            values = all_values(per_example, ranks)[some]
            totals = {measure.name: measure.values(ranks) for measure in of_whole}
            apart = measure_strata(self.strata, per_example, ranks, block) if self.strata else None
            return Judged(block.ids.filter(pa.array(some)), values, totals, apart)

        batches = dataset.held_out_batches(self.split, opened.fit_on, READ_ROWS, within)
        yield from map_blocks(work, cut(batches, rows_at_once(opened.ranker)), threads)

    def join(
        self, parts: Iterable[Judged], n_labels: int, on_progress: Callable[[int], None] = lambda done: None
    ) -> Judged:
        """What was measured of all examples, in their order; totals add up exactly, whatever the parts.

        on_progress  hears after each part how many examples with positives there have been
        """
        ids, values, by_stratum, sizes = [], [], [], []
        done = 0
        known = LabelStatistics(np.zeros(n_labels, np.int64), None)
        nobody = Ranks(np.zeros(1, np.int64), np.zeros(0, np.int32), known=known)
        totals = {measure.name: measure.values(nobody) for measure in self.of_whole}
        for part in parts:
            ids.append(part.ids)
            values.append(part.values)
            if part.strata is not None:
                by_stratum.append(part.strata)
                sizes.append(len(part.values))
            for name, more in part.totals.items():
                totals[name] += more
            done += len(part.values)
            on_progress(done)
        table = np.concatenate(values) if values else np.empty((0, len(self.per_example)))
        apart = join_values(by_stratum, sizes) if by_stratum else None
        return Judged(_joined(ids), table, totals, apart)

    def result(self, dataset: Dataset, judged: Judged) -> Evaluated:
        """The means over all examples, and what was left out."""
        left_out = _n_examples(dataset, self.split) - len(judged.values)
        overall = _overall(self.measures, judged.values, judged.totals)
        return Evaluated(judged.ids, judged.values, overall, left_out, judged.totals, judged.strata)


def evaluate_ranker(
    opened: OpenRanker,
    dataset: Dataset,
    judging: Judging,
    on_progress: Callable[[int], None] = lambda done: None,
    threads: int | None = None,
) -> Evaluated:
    """Rank all candidate labels of every held-out example, and measure.

    The result does not depend on `threads`; memory grows by the values and ids of the examples only. `on_progress`
    hears after each block how many examples with positives have been ranked.
    """
    blocks = judging.blocks(opened, dataset, threads)
    return judging.result(dataset, judging.join(blocks, dataset.n_labels, on_progress))


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
    measures: Sequence[Measure], values: NDArray[np.float64], totals: Mapping[str, NDArray[np.float64]]
) -> dict[str, float]:
    means = iter(values.mean(axis=0) if len(values) else [float("nan")] * values.shape[1])
    return {
        measure.name: float(next(means))
        if measure.metric.of_total is None
        else measure.metric.of_total(totals[measure.name])
        for measure in measures
    }


def _joined(ids: list[pa.Array]) -> pa.Array:
    some = [part for part in ids if len(part)] or ids[:1]  # a part without examples has no type of ids
    return pa.concat_arrays(some) if some else pa.array([], pa.string())


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
