"""Models side by side: what was measured, and how sure the differences are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from awe_cli.config.evaluate import EvaluateSettings
from awe_cli.dataset.dataset import RECOMMENDATION, Dataset
from awe_cli.engine.local import one_blas_thread
from awe_cli.errors import DataError
from awe_cli.evaluation.held_out import Evaluated
from awe_cli.evaluation.strata import wins
from awe_cli.metrics.bootstrap import LEVEL, RESAMPLES, paired_intervals
from awe_cli.metrics.metrics import BINS, ECE, Measure
from awe_cli.models.load import OpenRanker
from awe_cli.ranking.earlier import unscored_labels
from awe_cli.workspace import Artifact


def compare(
    stored: Artifact,
    dataset: Dataset,
    settings: EvaluateSettings,
    wanted: Sequence[Measure],
    baseline: str,
    opened: dict[str, OpenRanker],
    judged: dict[str, Evaluated],
) -> dict[str, Any]:
    """The result as JSON. Raises DataError where no example has a positive among its candidates."""
    for name, result in judged.items():
        _require_examples(name, result, settings.split)
    columns = [measure.name for measure in wanted if measure.metric.per_example]
    return {
        "dataset": stored.digest,
        "task": dataset.task,
        "split": settings.split,
        "n_examples": len(judged[baseline].values),
        "n_labels": dataset.n_labels,
        "models": {
            name: {
                "metrics": result.overall,
                "n_examples": len(result.values),
                "n_left_out": result.left_out,
                "fit_on": list(opened[name].fit_on),
                "history": history_rule(dataset.task, opened[name].fit_on),
                **_reliability(wanted, result),
                **_new_labels(opened[name]),
            }
            for name, result in judged.items()
        },
        "better": {measure.name: measure.metric.better for measure in wanted},
        "of_the_whole_set": [measure.name for measure in wanted if not measure.metric.per_example],
        "warnings": [*_warnings(wanted, dataset.n_labels), *_earlier_models(opened)],
        "baseline_model": baseline,
        "differences": {
            name: _differences(result, judged[baseline], columns, settings.seed)
            for name, result in judged.items()
            if name != baseline
        },
        "wins": {
            name: wins(_paired(result, judged[baseline]), [m for m in wanted if m.metric.per_example])
            for name, result in judged.items()
            if name != baseline
        },
        "interval": {
            "method": "paired bootstrap",
            "level": LEVEL,
            "resamples": RESAMPLES,
            "seed": settings.seed,
        },
    }


def _warnings(wanted: Sequence[Measure], n_labels: int) -> list[str]:
    """What a k beyond the last label means: a line for the measures that divide by k, and one for the others."""
    beyond = [measure for measure in wanted if (measure.k or 0) > n_labels]
    meanings = {
        True: "places that stay empty count as misses",
        False: f"the same as @{n_labels}",
    }
    return [
        f"{names}: there are {n_labels:,} labels only; {meaning}"
        for divides, meaning in meanings.items()
        if (names := ", ".join(of.name for of in beyond if of.metric.divides_by_k == divides))
    ]


def _reliability(wanted: Sequence[Measure], result: Evaluated) -> dict[str, Any]:
    """Of each calibration error the bins behind it that have labels; nothing where none was asked for."""
    found = {
        measure.name: [
            {"from": float(low), "labels": int(n), "probability": p / n, "positives": positives / n}
            for low, (n, p, positives) in zip(BINS, result.totals[measure.name].tolist(), strict=True)
            if n
        ]
        for measure in wanted
        if measure.metric is ECE
    }
    return {"reliability": found} if found else {}


def _new_labels(opened: OpenRanker) -> dict[str, int]:
    """How many labels came after a model was made; nothing where it knows all of them."""
    n = len(unscored_labels(opened.ranker))
    return {"unscored_labels": n} if n else {}


def _earlier_models(opened: dict[str, OpenRanker]) -> list[str]:
    """A line for each model that does not know all labels."""
    return [
        f"{name}: labels that are new since it was trained, and ranked last by it: {n:,}"
        for name, one in opened.items()
        if (n := len(unscored_labels(one.ranker)))
    ]


def _require_examples(name: str, result: Evaluated, split: str) -> None:
    if not len(result.values):
        raise DataError(
            f"model {name!r}: no example of the split {split!r} has a label left to be found",
            hint="judge on another split, or prepare the dataset again",
        )


def history_rule(task: str, fit_on: tuple[str, ...]) -> str:
    """In one line: which labels were no candidates."""
    splits = " and ".join(fit_on)
    if task == RECOMMENDATION:
        return f"history: {splits}; its items are neither candidates nor counted"
    return f"fitted on {splits}; every label is a candidate"


def _differences(
    result: Evaluated, baseline: Evaluated, columns: list[str], seed: int
) -> dict[str, dict[str, float]]:
    """measure → mean difference from the baseline over the examples both have, and its interval."""
    with one_blas_thread():
        intervals = paired_intervals(_paired(result, baseline), seed)
    return {
        column: {"difference": interval.mean, "low": interval.low, "high": interval.high}
        for column, interval in zip(columns, intervals, strict=True)
        if not np.isnan(interval.mean)
    }


def _paired(result: Evaluated, baseline: Evaluated) -> NDArray[np.float64]:
    """(n, measures) the values less those of the baseline, of the examples that both have."""
    rows, others = pairs(result.ids, baseline.ids)
    return result.values[rows] - baseline.values[others]


def pairs(ids: pa.Array, others: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions of the same example in both: all, in order, unless the fits have different histories."""
    if ids.equals(others):
        everything = np.arange(len(ids))
        return everything, everything
    found = pc.index_in(ids, value_set=others).to_numpy(zero_copy_only=False).astype(np.float64)
    rows = np.flatnonzero(~np.isnan(found))
    return rows, found[rows].astype(np.int64)
