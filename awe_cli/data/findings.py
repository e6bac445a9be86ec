"""What a careful colleague would say about prepared data: counts, frequencies, warnings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from awe_cli.data.annotations import Annotations, RawExamples
from awe_cli.data.interactions import Interactions
from awe_cli.data.matrix import Bags, Lists
from awe_cli.data.raw import RawBags
from awe_cli.data.splits import TRAIN
from awe_cli.data.storage import SPLITS

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


def of_interactions(data: Interactions, counts: dict[str, NDArray[np.int64]]) -> dict[str, Any]:
    """The summary of a recommendation dataset; `counts` split → pairs of each item."""
    people, items = len(data.people), len(data.items)
    pairs = {split: len(lists.indices) for split, lists in data.lists.items()}
    chosen = {split: np.diff(lists.indptr) for split, lists in data.lists.items()}
    having = {split: int(np.count_nonzero(sizes)) for split, sizes in chosen.items()}
    total = sum(chosen.values(), np.zeros(people, np.int64))
    warnings = []
    if data.merged:
        warnings.append(f"{data.merged:,} rows repeat a pair and were merged (weights summed)")
    if data.leaked:
        warnings.append(f"{data.leaked:,} pairs are in two splits; they were kept in the earliest only")
    fresh = int(np.count_nonzero((chosen["test"] > 0) & (chosen["train"] + chosen["valid"] == 0)))
    if fresh:
        warnings.append(f"{fresh:,} people in test have no items to go by: nothing but popularity can rank for them")
    warnings += _about_labels(counts, "items", having["train"])
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
        "people_per_item": quantiles(counts["train"]),
        "warnings": warnings,
    }


def of_annotations(
    data: Annotations, examples: RawExamples, counts: dict[str, NDArray[np.int64]]
) -> dict[str, Any]:
    """The summary of an annotation dataset; `counts` split → examples of each label."""
    per_example = np.diff(data.positives.indptr)
    sizes, labelled = {}, {}
    for code, split in enumerate(SPLITS):
        rows = data.split == code
        labelled[split] = int(np.count_nonzero(per_example[rows]))
        sizes[split] = {"examples": int(np.count_nonzero(rows)), "labels": int(per_example[rows].sum())}
    summary: dict[str, Any] = {
        "examples": len(data.ids),
        "labels": len(data.labels),
        "features": data.space.given,
        "merged": examples.merged,
        "leaked": examples.leaked,
        "valid_set_aside": data.set_aside,
        "density": _density(data),
        "sizes": sizes,
        "splits": labelled,
        "labels_per_example": quantiles(per_example),
        "examples_per_label": quantiles(counts["train"]),
    }
    if isinstance(data.x, Bags):
        summary["features_per_example"] = quantiles(np.diff(data.x.indptr) - data.space.options.bias)
    summary["warnings"] = _about_examples(data, examples) + _about_labels(counts, "labels", sizes["train"]["examples"])
    return summary


def _about_labels(counts: dict[str, NDArray[np.int64]], what: str, n: int) -> list[str]:
    held_out = counts["valid"] + counts["test"]
    once = int(np.count_nonzero(counts["train"] == 1))
    never = int(np.count_nonzero((counts["train"] == 0) & (held_out > 0)))
    warnings = []
    if once:
        warnings.append(f"{once:,} of {len(held_out):,} {what} are seen once in train: little can be learnt of them")
    if never:
        warnings.append(f"{never:,} {what} are in valid or test only: they can hardly be ranked high")
    most = int(counts["train"].max(initial=0))
    if n and most >= _FREQUENT * n:
        warnings.append(f"one of the {what} is on {100 * most / n:.0f} % of train: precision@1 will say little")
    if not held_out.any():
        warnings.append("nothing is held out: models cannot be judged on this dataset")
    return warnings


def _about_examples(data: Annotations, examples: RawExamples) -> list[str]:
    warnings = []
    if examples.merged:
        warnings.append(f"{examples.merged:,} rows repeat an id; their labels were put together")
    if examples.leaked:
        warnings.append(f"{examples.leaked:,} ids are in two splits; they were kept in the earliest only")
    unlabelled = int(np.count_nonzero(np.diff(data.positives.indptr) == 0))
    if unlabelled:
        warnings.append(f"{unlabelled:,} examples have no labels: nothing is learnt from them or judged by them")
    empty = _empty(data)
    if empty.any():
        warnings.append(f"{np.count_nonzero(empty):,} examples have no features: they all get the same ranking")
    twins = _twins(data, empty)
    if twins:
        warnings.append(f"{twins:,} examples of valid or test have the same features as one in an earlier split")
    if data.unknown:
        warnings.append(f"{data.unknown:,} feature values are of features not kept (rare, or not in train); left out")
    if isinstance(examples.raw, RawBags):
        raw = examples.raw
        repeated = 0 if data.space.options.sublinear else _repeated(raw)
        if repeated:
            warnings.append(f"{repeated:,} times a feature is named twice in an example; the values were summed")
    constant = constant_features(data)
    if len(constant):
        shown = ", ".join(str(name) for name in constant[:5].to_pylist()) + (" …" if len(constant) > 5 else "")
        warnings.append(f"{len(constant):,} features are the same in all of train: {shown}")
    return warnings


def constant_features(data: Annotations) -> pa.Array:
    """The names of features with one value in all training examples."""
    space = data.space
    n = int(np.count_nonzero(data.split == TRAIN))
    if space.dense:
        flags = space.weight[: space.given] == 0
    else:
        assert isinstance(data.x, Bags)
        everywhere = space.count[: space.given] == n
        flags = np.zeros(space.given, bool)
        entries = np.repeat(data.split == TRAIN, np.diff(data.x.indptr))
        for index in np.flatnonzero(everywhere):
            values = data.x.values[entries & (data.x.indices == index)]
            flags[index] = bool((values == values[0]).all())
    return space.names.slice(0, space.given).filter(pa.array(flags))


def _density(data: Annotations) -> float:
    cells = len(data.ids) * data.space.given
    if isinstance(data.x, Bags):
        return (len(data.x.indices) - len(data.ids) * data.space.options.bias) / cells
    return 1.0


def _empty(data: Annotations) -> NDArray[np.bool_]:
    if isinstance(data.x, Bags):
        return np.diff(data.x.indptr) == data.space.options.bias
    return np.zeros(len(data.ids), bool)


def _twins(data: Annotations, empty: NDArray[np.bool_]) -> int:
    """Held-out examples whose features are also those of an example in an earlier split."""
    twins = 0
    for code in (1, 2):
        own = data.contents[(data.split == code) & ~empty]
        twins += int(np.count_nonzero(np.isin(own, data.contents[data.split < code])))
    return twins


def _repeated(raw: RawBags) -> int:
    keys = np.repeat(np.arange(len(raw.indptr) - 1), np.diff(raw.indptr)) * len(raw.vocabulary) + raw.codes
    return len(keys) - len(np.unique(keys))
