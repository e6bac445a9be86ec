"""What a file says of the labels of examples or interactions: more labels, and features of all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from awe_cli.data import label_features
from awe_cli.data.described import Things, read_things
from awe_cli.data.features import FeatureSpace, fit_features
from awe_cli.data.matrix import Bags
from awe_cli.data.reading.pieces import read_pieces
from awe_cli.data.vocabulary import look_up, united
from awe_cli.errors import DataError
from awe_cli.preparing.plan_labels import LabelPlan

_ROWS = 16384  # read at a time


def read_labels(plan: LabelPlan) -> Things:
    """The rows of the file. Raises DataError as `read_things` does, and where no label has a feature."""
    pieces = read_pieces(plan.source, plan.columns.roles(), _ROWS)
    return read_things(pieces, plan.columns, plan.text, "labels")


def with_labels_of(plan: LabelPlan, things: Things, vocabulary: pa.Array) -> pa.Array:
    """The labels of the examples, and those of the file after them. Raises DataError where they share none."""
    where = f"{plan.source.name}: column {plan.columns.id!r}"
    labels, place = united(vocabulary, things.ids, where, untyped=things.untyped)
    if len(vocabulary) and (place >= len(vocabulary)).all():
        raise DataError(
            f"{where}: expected labels of the examples such as {vocabulary[0].as_py()!r}, found none of them; the "
            f"first here is {things.ids[0].as_py()!r}",
            hint="name the column that has the labels with --label-id",
        )
    return labels


def store_label_features(
    plan: LabelPlan, things: Things, labels: pa.Array, counts: dict[str, NDArray[np.int64]],
    file: Callable[[str], Path],
) -> dict[str, Any]:  # fmt: skip
    """Store what describes the labels; what the summary says of it. Raises DataError where they have no features.

    counts  split → examples of each label
    """
    space = _space(plan, things)
    place = look_up(_text(labels), _text(things.ids), "labels", untyped=False)
    described, _ = label_features.describe(space, things, place, False, "labels")
    label_features.store(file, described)
    chosen = sum(counts.values(), np.zeros(len(labels), np.int64)) > 0
    empty = _empty(described, place)
    found = {
        "described": len(things.ids),
        "label_features": space.given,
        "identity": plan.stored["label_features"]["identity"],
        "not_described": int(np.count_nonzero(place < 0)),
        "described_without_features": int(np.count_nonzero(empty)),
        "described_never_chosen": int(np.count_nonzero((place >= 0) & ~chosen)),
    }
    return found | {"warnings": _warnings(plan, found, empty, counts["train"])}


def _space(plan: LabelPlan, things: Things) -> FeatureSpace:
    """Which features there are: those of all labels in the file, whether anything has them or not."""
    space = fit_features(things.raw, np.ones(len(things.ids), np.bool_), plan.options)
    if not space.given or not space.count.any():
        raise DataError(
            f"{plan.source.name}: no label has a feature that is left",
            hint="lower --min-count, or look at the columns of the label file",
        )
    return space


def _text(ids: pa.Array) -> pa.Array:
    """Ids as text: those of a file without types are text, whatever the labels are."""
    return ids.cast(pa.large_string())


def _empty(described: label_features.LabelFeatures, place: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which labels have a row in the file and no feature in it."""
    if isinstance(described.y, Bags):
        return (place >= 0) & (np.diff(described.y.indptr) == 0)
    return np.zeros(len(place), np.bool_)


def _warnings(
    plan: LabelPlan, found: dict[str, Any], empty: NDArray[np.bool_], train: NDArray[np.int64]
) -> list[str]:
    warnings = []
    name = plan.source.name
    alone = "they have their identity alone" if found["identity"] else "they score 0 for every example"
    if found["not_described"]:
        warnings.append(f"labels without a row in {name}: {found['not_described']:,}; {alone}")
    if found["described_without_features"]:
        lost = int(np.count_nonzero(empty & (train == 0)))
        blank = (
            f"; {lost:,} of them are in no training example, and score 0"
            if lost and found["identity"]
            else ""
        )
        warnings.append(
            f"labels without features in {name}: {found['described_without_features']:,}; {alone}{blank}"
        )
    return warnings
