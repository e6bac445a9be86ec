"""The features of labels, such as the words of documents or the attributes of items: stored, and read back.

A label may be a feature of itself besides (an *identity*), so that f(x, y) = Ux·(V_y + Σ_j y_j V_j): the features say
what it has in common with others, the identity what is its own. Identities come after the features.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from awe_cli.dataset import storage
from awe_cli.dataset.features import FeatureOptions, FeatureSpace
from awe_cli.dataset.retrieval import FeatureTable
from awe_cli.matrices.bags import add_last, as_bags
from awe_cli.matrices.matrix import Bags, Dense, Lists, Rows, n_rows, rows_or_empty

FILE, SPACE = "label_features.parquet", "label_space.parquet"


@dataclass(frozen=True)
class LabelFeatures:
    """What describes the labels.

    y       (labels, features) without identities
    counts  (entries of y,) the values as they were given, before tf-idf and scaling; None for dense ones
    space   what turns raw features into rows
    shared  whether its features are those of x (which may have a constant one more, the last)
    n, mean_length  how many documents were prepared, and Σ counts of them on average
    own     (labels,) each label's identity, a number from 0; -1 where it has none
    identities  how many there are: the labels that were prepared, or 0
    judged  whether a label that no training example has is a wrong answer to all of them, as a document is that nobody
            found relevant; what nobody has chosen yet is not
    """

    y: Rows
    counts: NDArray[np.float32] | None
    space: FeatureSpace
    shared: bool
    n: int
    mean_length: float
    own: NDArray[np.int32]
    identities: int
    judged: bool

    @property
    def width(self) -> int:
        """The number of label features, identities included: the rows of V."""
        return len(self.space) + self.identities

    def drawn(self, positives: Lists) -> NDArray[np.int32] | None:
        """The labels that may be negatives: of those that are not judged, the ones among `positives`; None for all."""
        return None if self.judged else np.unique(positives.indices)

    @functools.cached_property
    def rows(self) -> Rows:
        """(labels, label features) y, identities included."""
        if not self.identities:
            return self.y
        return add_last(as_bags(self.y), np.where(self.own < 0, -1, len(self.space) + self.own), 1.0)


def describe(
    space: FeatureSpace, feature_table: FeatureTable, place: NDArray[np.int32], shared: bool, what: str
) -> tuple[LabelFeatures, int]:
    """What describes labels, without identities, and how many entries are unknown; `what` they are, for messages.

    place  (labels,) which of the things each of them is, -1 where it is none

    There is no constant feature: one value for all labels ranks none before another.
    """
    plain = _without_constant(space)
    y, unknown = plain.apply(feature_table.raw, what, untyped=feature_table.untyped)
    y, counts = rows_or_empty(y, place), None
    if isinstance(y, Bags):
        given, _ = replace(
            plain, options=FeatureOptions("none", False, hash_bits=space.options.hash_bits)
        ).apply(feature_table.raw, what, untyped=feature_table.untyped)
        given = rows_or_empty(given, place)
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
    identity_settings = {"identity": bool(stored.get("identity")), "judged": "relevance" in settings}
    if not shared:
        space = storage.read_features(path / SPACE, FeatureOptions(**stored["options"]), stored["dense"])
    assert space is not None
    if "y" in table.column_names:
        values = storage.read_values(table, "y").reshape(table.num_rows, -1)
        y, counts = Dense(np.arange(values.shape[1], dtype=np.int32), values), None
        return _whole(y, counts, space, shared, **identity_settings)
    bags = storage.read_bags(table, "y_indices", "y_values", len(space.names))
    assert n_rows(bags) == table.num_rows
    return _whole(bags, storage.read_values(table, "y_counts"), space, shared, **identity_settings)


def _whole(
    y: Rows,
    counts: NDArray[np.float32] | None,
    space: FeatureSpace,
    shared: bool,
    identity: bool = False,
    judged: bool = True,
) -> LabelFeatures:
    total, n = 0.0 if counts is None else float(counts.sum(dtype=np.float64)), n_rows(y)
    own = np.arange(n, dtype=np.int32) if identity else np.full(n, -1, np.int32)
    return LabelFeatures(y, counts, space, shared, n, total / max(1, n), own, n if identity else 0, judged)


def _without_constant(space: FeatureSpace) -> FeatureSpace:
    """The same features without the constant one."""
    n = space.given
    return replace(
        space,
        options=replace(space.options, bias=False),
        names=space.names.slice(0, n),
        count=space.count[:n],
        weight=space.weight[:n],
        mean=space.mean[:n],
    )
