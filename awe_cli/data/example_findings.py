"""What a careful colleague would say about annotated examples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from awe_cli.data.annotations import Annotations, RawExamples
from awe_cli.data.bags import collect
from awe_cli.data.findings import about_labels, quantiles
from awe_cli.data.matrix import Bags
from awe_cli.data.raw import Raw, RawDense
from awe_cli.data.splits import SPLITS, TRAIN
from awe_cli.data.vocabulary import look_up


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
    n = np.count_nonzero(data.split == TRAIN)
    # in retrieval documents are counted, so that what is found has to be looked at
    everywhere = names.filter(pa.array(space.count[: space.given] == n))
    code = look_up(everywhere, raw.vocabulary, "features", untyped=False)
    bags = collect(raw.indptr, raw.codes, raw.values, len(raw.vocabulary))
    in_train = np.repeat(data.split == TRAIN, np.diff(bags.indptr))
    values = [bags.values[in_train & (bags.indices == one)] for one in code]
    return everywhere.filter(pa.array([len(v) == n and bool((v == v[0]).all()) for v in values], pa.bool_()))


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
    keys = np.repeat(np.arange(len(raw.indptr) - 1), np.diff(raw.indptr)) * len(raw.vocabulary) + raw.codes
    return len(keys) - len(np.unique(keys))
