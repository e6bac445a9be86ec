"""The features of labels, such as the words of documents: stored, and read back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from awe_cli.data import storage
from awe_cli.data.features import FeatureOptions, FeatureSpace
from awe_cli.data.matrix import Bags, Dense, Rows, n_rows
from awe_cli.data.raw import Raw

FILE, SPACE = "label_features.parquet", "label_space.parquet"


@dataclass(frozen=True)
class LabelFeatures:
    """What describes the labels.

    y       (labels, label features)
    counts  (entries of y,) the values as they were given, before tf-idf and scaling; None for dense ones
    space   what turns raw features into rows
    shared  whether its features are those of x (which may have a constant one more, the last)
    n, mean_length  how many documents were prepared, and Σ counts of them on average
    """

    y: Rows
    counts: NDArray[np.float32] | None
    space: FeatureSpace
    shared: bool
    n: int
    mean_length: float

    @property
    def width(self) -> int:
        """The number of label features."""
        return len(self.space)


def describe(space: FeatureSpace, raw: Raw, shared: bool) -> tuple[LabelFeatures, int]:
    """The rows of labels with these raw features, without a constant, and how many entries are unknown."""
    plain = _without_constant(space)
    y, unknown = plain.apply(raw, "documents")
    counts = None
    if isinstance(y, Bags):
        given, _ = replace(plain, options=FeatureOptions("none", False)).apply(raw, "documents")
        assert isinstance(given, Bags)
        counts = given.values
    return _whole(y, counts, space, shared), unknown


def store(file: Callable[[str], Path], features: LabelFeatures) -> None:
    """One row a label; the space, where x has another."""
    if not features.shared:
        storage.write_features(file(SPACE), features.space)
    y = features.y
    if isinstance(y, Dense):
        flat = pa.array(np.ascontiguousarray(y.values).ravel())
        columns = {"y": pa.FixedSizeListArray.from_arrays(flat, y.values.shape[1])}
    else:
        assert features.counts is not None
        columns = {
            "y_indices": storage.to_lists(y.indptr, y.indices),
            "y_values": storage.to_lists(y.indptr, y.values),
            "y_counts": storage.to_lists(y.indptr, features.counts),
        }
    storage.write_table(file(FILE), pa.table(columns))


def load(path: Path, settings: Mapping[str, Any], space: FeatureSpace | None) -> LabelFeatures | None:
    """The features of the labels of a dataset whose x has this space; None where labels are one-hot."""
    stored = settings.get("label_features")
    if stored is None:
        return None
    shared, table = bool(stored["shared"]), storage.read_table(path / FILE)
    if not shared:
        space = storage.read_features(path / SPACE, FeatureOptions(**stored["options"]), stored["dense"])
    assert space is not None
    if "y" in table.column_names:
        values = storage.read_values(table, "y").reshape(table.num_rows, -1)
        return _whole(Dense(np.arange(values.shape[1], dtype=np.int32), values), None, space, shared)
    lists = storage.read_lists(table, "y_indices")
    y = Bags(lists.indptr, lists.indices, storage.read_values(table, "y_values"))
    assert n_rows(y) == table.num_rows
    return _whole(y, storage.read_values(table, "y_counts"), space, shared)


def _whole(y: Rows, counts: NDArray[np.float32] | None, space: FeatureSpace, shared: bool) -> LabelFeatures:
    total = 0.0 if counts is None else float(counts.sum(dtype=np.float64))
    return LabelFeatures(y, counts, space, shared, n_rows(y), total / max(1, n_rows(y)))


def _without_constant(space: FeatureSpace) -> FeatureSpace:
    """The same features without the constant one: one value for all labels ranks none before another."""
    n = space.given
    return replace(
        space,
        options=replace(space.options, bias=False),
        names=space.names.slice(0, n),
        count=space.count[:n],
        weight=space.weight[:n],
        mean=space.mean[:n],
    )
