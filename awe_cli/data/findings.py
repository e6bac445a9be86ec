"""What a careful colleague would say about prepared data: counts, frequencies, warnings."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe_cli.data.matrix import Lists
from awe_cli.data.pairs import Interactions
from awe_cli.data.splits import SPLITS

_QUANTILES = {"min": 0.0, "10%": 0.1, "median": 0.5, "90%": 0.9, "99%": 0.99, "max": 1.0}
_FREQUENT = 0.5  # share of the training examples from which one label hides what the others do


def quantiles(counts: NDArray[np.integer]) -> dict[str, int]:
    """The smallest count, some between and the largest; empty where there are none."""
    if not len(counts):
        return {}
    found = np.quantile(counts, list(_QUANTILES.values()), method="lower")
    return {name: int(value) for name, value in zip(_QUANTILES, found, strict=True)}


def label_counts(positives: Lists, rows: NDArray[np.bool_], n: int) -> NDArray[np.int64]:
    """How many of the rows where `rows` is True have each of `n` labels."""
    kept = np.repeat(rows, np.diff(positives.indptr))
    return np.bincount(positives.indices[kept], minlength=n).astype(np.int64)


def of_interactions(
    data: Interactions, counts: dict[str, NDArray[np.int64]], *, described: bool = False
) -> dict[str, Any]:
    """The summary of a recommendation dataset, quantiles over all splits; `counts` split → pairs of each item."""
    people, items = len(data.people), len(data.items)
    pairs = {split: len(lists.indices) for split, lists in data.lists.items()}
    chosen = {split: np.diff(lists.indptr) for split, lists in data.lists.items()}
    having = {split: int(np.count_nonzero(sizes)) for split, sizes in chosen.items()}
    total = sum(chosen.values(), np.zeros(people, np.int64))
    warnings = []
    summed = ", their weights summed" if data.weights is not None else ""
    if data.merged:
        warnings.append(f"rows that repeat a pair: {data.merged:,}; they were merged{summed}")
    if data.leaked:
        warnings.append(f"pairs in two splits: {data.leaked:,}; they were kept in the earliest only")
    fresh = int(np.count_nonzero((chosen["test"] > 0) & (chosen["train"] + chosen["valid"] == 0)))
    if fresh:
        warnings.append(
            f"people in test without a history: {fresh:,}; nothing but popularity can rank for them"
        )
    warnings += about_labels(counts, "items", having["train"], described=described)
    return {
        "people": people,
        "items": items,
        "interactions": sum(pairs.values()),
        "rows": data.rows,
        "merged": data.merged,
        "leaked": data.leaked,
        "valid_set_aside": data.set_aside,
        "density": sum(pairs.values()) / (people * items),
        "sizes": {split: {"people": having[split], "interactions": pairs[split]} for split in SPLITS},
        "splits": having,
        "items_per_person": quantiles(total[total > 0]),
        "people_per_item": quantiles(np.sum(list(counts.values()), axis=0)),
        "warnings": warnings,
    }


def about_labels(
    counts: dict[str, NDArray[np.int64]], what: str, n: int, *, described: bool = False
) -> list[str]:
    """Warnings about labels; `counts` split → examples of each, n: training examples.

    described  features say what is not learned of a label by itself
    """
    held_out = counts["valid"] + counts["test"]
    once = int(np.count_nonzero(counts["train"] == 1))
    never = int(np.count_nonzero((counts["train"] == 0) & (held_out > 0)))
    warnings = []
    if once and not described:
        warnings.append(
            f"{what} seen once in train: {once:,} of {len(held_out):,}; little can be learnt of them"
        )
    if never and not described:
        warnings.append(f"{what} in valid or test only: {never:,}; they can hardly be ranked high")
    most = int(counts["train"].max(initial=0))
    if n and most >= _FREQUENT * n:
        warnings.append(
            f"one of the {what} is on {100 * most / n:.0f} % of train: precision@1 will say little"
        )
    if not held_out.any():
        warnings.append("nothing is held out: models cannot be judged on this dataset")
    return warnings
