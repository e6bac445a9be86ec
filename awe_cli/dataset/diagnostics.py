"""What a careful colleague would say about prepared data: counts, frequencies, warnings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from awe_cli.dataset.annotations import Annotations, RawExamples
from awe_cli.dataset.features import FeatureOptions, Raw, RawDense, collisions, hashed
from awe_cli.dataset.interactions import Interactions
from awe_cli.dataset.splits import SPLITS, TRAIN
from awe_cli.dataset.vocabulary import look_up
from awe_cli.matrices.bags import collect
from awe_cli.matrices.matrix import Bags, Lists

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


def of_interactions(data: Interactions, *, described: bool = False) -> dict[str, Any]:
    """The summary of a recommendation dataset, quantiles over all splits."""
    people, items = len(data.people), len(data.items)
    chosen, counts = data.sizes, data.counts
    pairs = {split: int(of_items.sum()) for split, of_items in counts.items()}
    having = {split: int(np.count_nonzero(sizes)) for split, sizes in chosen.items()}
    total = sum(chosen.values(), np.zeros(people, np.int64))
    warnings = []
    summed = ", their weights summed" if data.weighted else ""
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


# What a careful colleague would say about annotated examples.


def of_annotations(
    data: Annotations,
    examples: RawExamples,
    counts: dict[str, NDArray[np.int64]],
    *,
    is_text: bool,
    described: bool = False,
) -> dict[str, Any]:
    """The summary of an annotation dataset, quantiles over all splits; `counts` split → examples of each label."""
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
        "left_out": data.unknown,
        "merged": examples.merged,
        "leaked": examples.leaked,
        "valid_set_aside": data.set_aside,
        "density": _density(data),
        "sizes": sizes,
        "splits": labelled,
        "labels_per_example": quantiles(per_example),
        "examples_per_label": quantiles(np.sum(list(counts.values()), axis=0)),
        **about_hashing("hashing", examples.raw, data.space.options),
    }
    if isinstance(data.x, Bags):
        summary["features_per_example"] = quantiles(np.diff(data.x.indptr) - data.space.options.bias)
    summary["warnings"] = _about_examples(data, examples, is_text) + about_labels(
        counts, "labels", sizes["train"]["examples"], described=described
    )
    return summary


def _about_examples(data: Annotations, examples: RawExamples, is_text: bool) -> list[str]:
    warnings = []
    if examples.merged:
        warnings.append(f"rows that repeat an id: {examples.merged:,}; their labels were put together")
    if examples.leaked:
        warnings.append(f"ids in two splits: {examples.leaked:,}; they were kept in the earliest only")
    unlabelled = int(np.count_nonzero(np.diff(data.positives.indptr) == 0))
    if unlabelled:
        warnings.append(
            f"examples without labels: {unlabelled:,}; nothing is learnt from them or judged by them"
        )
    empty = _empty(data)
    if empty.any():
        warnings.append(
            f"examples without features: {np.count_nonzero(empty):,}; they all get the same ranking"
        )
    twins = _twins(data, empty)
    if twins:
        warnings.append(f"examples of valid or test with the features of one in an earlier split: {twins:,}")
    if data.unknown and not is_text:
        warnings.append(f"feature values left out, the feature being rare or not in train: {data.unknown:,}")
    repeated = 0 if is_text else _repeated(examples.raw)
    if repeated:
        warnings.append(f"features named twice in one example: {repeated:,}; their values were summed")
    constant = constant_features(data, examples.raw)
    if len(constant):
        shown = ", ".join(str(name) for name in constant[:5].to_pylist()) + (
            " …" if len(constant) > 5 else ""
        )
        warnings.append(f"features with one value in all of train: {len(constant):,} ({shown})")
    return warnings


def constant_features(data: Annotations, raw: Raw) -> pa.Array:
    """The names of features with one value in all training examples."""
    space = data.space
    names = space.names.slice(0, space.given)
    if isinstance(raw, RawDense):
        return names.filter(pa.array(space.weight[: space.given] == 0))
    raw = hashed(raw, space.options)
    n = np.count_nonzero(data.split == TRAIN)
    # in retrieval documents are counted, so that what is found has to be looked at
    everywhere = names.filter(pa.array(space.count[: space.given] == n))
    code = look_up(everywhere, raw.vocabulary, "features", untyped=False)
    bags = collect(raw.indptr, raw.codes, raw.values, len(raw.vocabulary))
    in_train = np.repeat(data.split == TRAIN, np.diff(bags.indptr))
    values = [bags.values[in_train & (bags.indices == one)] for one in code]
    return everywhere.filter(pa.array([len(v) == n and bool((v == v[0]).all()) for v in values], pa.bool_()))


# What is said of names that were hashed (prepare --hash-bits).

HASHED = {"hashing": "features", "label_hashing": "label features", "user_hashing": "user features"}
_FEW_SHARED = 0.01  # the share of names that share a bucket which is aimed at where more bits are proposed
_MANY_SHARED = 0.1  # and from which that is done


def about_hashing(key: str, raw: Raw, options: FeatureOptions) -> dict[str, Any]:
    """The summary's entry on names that were hashed: how many, and how many share a bucket; nothing where none were."""
    found = collisions(raw, options)
    return {} if found is None else {key: found}


def hashing_notes(summary: dict[str, Any]) -> list[str]:
    """How names fill the buckets, in words."""
    notes = []
    for key, what in HASHED.items():
        if key in summary:
            found = summary[key]
            share = found["shared"] / max(1, found["names"])
            more = int(np.ceil(np.log2(max(2, found["names"]) / _FEW_SHARED)))
            hint = f"; --hash-bits {more} would leave about 1 %" if share > _MANY_SHARED else ""
            notes.append(
                f"{found['names']:,} names of {what} were hashed into 2^{found['bits']} buckets: they fill "
                f"{found['filled']:,}, and {found['shared']:,} of them ({100 * share:.3g} %) share theirs{hint}"
            )
    return notes


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


def _repeated(raw: Raw) -> int:
    if isinstance(raw, RawDense):
        return 0
    keys = np.repeat(np.arange(len(raw.indptr) - 1), np.diff(raw.indptr)) * raw.n_names + raw.codes
    return len(keys) - len(np.unique(keys))
