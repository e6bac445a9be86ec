"""Results by stratum: by how frequent the wanted labels are, by label, or by how long the history is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe_cli.dataset.dataset import RECOMMENDATION, Dataset
from awe_cli.dataset.examples import Examples
from awe_cli.engine.local import one_blas_thread
from awe_cli.errors import SettingsError
from awe_cli.metrics.bootstrap import paired_intervals
from awe_cli.metrics.metrics import HIGHER, Measure
from awe_cli.metrics.ranks import Ranks
from awe_cli.metrics.strata import by_size, size_names, take_apart

FREQUENCY, LABEL, HISTORY = "label-frequency", "label", "history-length"


@dataclass(frozen=True)
class Strata:
    """A way to take results apart.

    of  (ranks, examples of the block) → the stratum of each positive
    """

    by: str
    names: Sequence[Any]
    of: Callable[[Ranks, Examples], NDArray[np.int64]]


class Values(NamedTuple):
    """What was measured of pairs of an example and a stratum (m,)."""

    owner: NDArray[np.int64]  # (m,) the example, by its place among those judged
    stratum: NDArray[np.int64]  # (m,)
    positives: NDArray[np.int64]  # (m,) how many of its positives are in the stratum
    values: NDArray[np.float64]  # (m, measures)


def make_strata(by: str, dataset: Dataset) -> Strata:
    """The strata that are called `by`. Raises SettingsError where the data has no histories."""
    if by == LABEL:
        return Strata(by, dataset.labels.to_pylist(), lambda ranks, block: ranks.positives.astype(np.int64))
    if by == FREQUENCY:
        strata = by_size(dataset.label_counts(("train",)))
        return Strata(by, size_names(), lambda ranks, block: strata[ranks.positives])
    if dataset.task != RECOMMENDATION:
        raise SettingsError(
            "--by history-length: expected people with histories, found examples with features",
            hint="take --by label-frequency or --by label",
        )

    def of_history(ranks: Ranks, block: Examples) -> NDArray[np.int64]:
        assert block.seen is not None
        return np.repeat(by_size(np.diff(block.seen.indptr)), ranks.n_positives)

    return Strata(by, size_names(), of_history)


def measure_strata(strata: Strata, measures: Sequence[Measure], ranks: Ranks, block: Examples) -> Values:
    """One block of examples; owners are counted over its examples with positives."""
    part = take_apart(ranks, strata.of(ranks, block), len(strata.names))
    place = np.cumsum(ranks.n_positives > 0) - 1
    values = all_values(measures, part.ranks)
    return Values(place[part.owner], part.stratum, part.ranks.n_positives, values)


def all_values(measures: Sequence[Measure], ranks: Ranks) -> NDArray[np.float64]:
    """(n, measures) the values of every example."""
    values = np.empty((len(ranks.n_positives), len(measures)))
    for column, measure in enumerate(measures):
        values[:, column] = measure.values(ranks)
    return values


def join_values(parts: Sequence[Values], sizes: Sequence[int]) -> Values:
    """The values of all blocks, one or more; sizes: how many examples with positives each block has."""
    before = np.cumsum([0, *sizes[:-1]])
    owner = [part.owner + start for part, start in zip(parts, before, strict=True)]
    return Values(
        np.concatenate(owner),
        np.concatenate([part.stratum for part in parts]),
        np.concatenate([part.positives for part in parts]),
        np.concatenate([part.values for part in parts]),
    )


def with_owners_of(of: Values, rows: NDArray[np.int64], others: NDArray[np.int64]) -> Values:
    """The values by the places of another model: example rows[i] is its example others[i], the rest it has not."""
    beyond = int(others.max(initial=-1)) + 1
    place = beyond + np.arange(max(int(of.owner.max(initial=-1)), int(rows.max(initial=-1))) + 1)
    place[rows] = others
    return of._replace(owner=place[of.owner])


def wins(differences: NDArray[np.float64], measures: Sequence[Measure]) -> dict[str, dict[str, int]]:
    """measure → on how many examples a model is better than the other ("won"), worse ("lost"), and as good ("tied").

    differences  (n, measures) the model's values less the other's; a measure without a better direction is left out
    """
    found = {}
    for column, measure in enumerate(measures):
        if measure.metric.better is not None:
            better = differences[:, column] if measure.metric.better == HIGHER else -differences[:, column]
            won, lost = int(np.count_nonzero(better > 0)), int(np.count_nonzero(better < 0))
            found[measure.name] = {"won": won, "lost": lost, "tied": len(better) - won - lost}
    return found


def compare_strata(
    strata: Strata, found: dict[str, Values], baseline: str, measures: Sequence[Measure], seed: int
) -> dict[str, Any]:
    """The result as JSON: a group for each stratum that the baseline has examples in.

    measures  those taken per example

    A mean comes with its interval; a difference is that of the examples both models have in the stratum.
    """
    columns = [measure.name for measure in measures]
    groups, found = [], {name: _rows(of, np.argsort(of.stratum, kind="stable")) for name, of in found.items()}
    for stratum in np.unique(found[baseline].stratum):
        inside = {name: _only(of, stratum) for name, of in found.items()}
        groups.append(
            {
                "name": strata.names[stratum],
                "n_examples": len(inside[baseline].owner),
                "n_positives": int(inside[baseline].positives.sum()),
                "models": {name: _intervals(of.values, columns, seed) for name, of in inside.items()},
                "differences": {
                    name: _intervals(_difference(of, inside[baseline]), columns, seed)
                    for name, of in inside.items()
                    if name != baseline
                },
                "wins": {
                    name: wins(_difference(of, inside[baseline]), measures)
                    for name, of in inside.items()
                    if name != baseline
                },
            }
        )
    return {"by": strata.by, "groups": groups}


def _rows(of: Values, rows: Any) -> Values:
    return Values(of.owner[rows], of.stratum[rows], of.positives[rows], of.values[rows])


def _only(of: Values, stratum: int) -> Values:
    """The rows of one stratum, where rows are in the order of strata."""
    return _rows(of, slice(*np.searchsorted(of.stratum, [stratum, stratum + 1])))


def _difference(of: Values, baseline: Values) -> NDArray[np.float64]:
    """Rows of the examples that both have."""
    _, rows, others = np.intersect1d(of.owner, baseline.owner, assume_unique=True, return_indices=True)
    return of.values[rows] - baseline.values[others]


def _intervals(values: NDArray[np.float64], columns: Sequence[str], seed: int) -> dict[str, dict[str, float]]:
    with one_blas_thread():
        intervals = paired_intervals(values, seed)
    return {
        column: {"mean": interval.mean, "low": interval.low, "high": interval.high}
        for column, interval in zip(columns, intervals, strict=True)
        if not np.isnan(interval.mean)
    }
