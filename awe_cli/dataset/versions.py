"""Two versions of a dataset side by side: where the names of one are in the other, and rows of x moved between them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from awe_cli.dataset.dataset import Dataset
from awe_cli.io.columns import is_string
from awe_cli.matrices.bags import add_constant, collect, kept_offsets, scale_rows
from awe_cli.matrices.matrix import Bags, Dense, Rows

TranslateRows = Callable[[Rows], Rows]


def places_by_id(values: pa.Array, known: pa.Array) -> NDArray[np.int32]:
    """The index in `known` of each of `values` (n,), -1 where it is not there; null, the constant feature, is itself.

    Unlike `look_up`, ids of different types are compared as text: a column of integers turns into one of text on
    the day its first id with a letter arrives.
    """
    if not len(values) or not len(known):
        return np.full(len(values), -1, np.int32)
    as_text = is_string(values.type) or is_string(known.type)
    kind = pa.large_string() if as_text else pa.int64()
    found = pc.index_in(values.cast(kind), value_set=known.cast(kind))
    return pc.fill_null(found, -1).to_numpy(zero_copy_only=False).astype(np.int32)


def label_feature_places(source: Dataset, target: Dataset) -> NDArray[np.int32]:
    """For each row of V of the dataset `source` the row it has in `target`, -1 where it has none.

    Rows are labels; or the features that describe them, and after those the identities of labels.
    """
    labels = places_by_id(source.prepared_labels, target.prepared_labels)
    if source.described is None or target.described is None:
        return labels
    features = places_by_id(source.described.space.names, target.described.space.names)
    if not source.described.identities:
        return features
    if not target.described.identities:
        return np.concatenate([features, np.full(len(labels), -1, np.int32)])
    own = np.where(labels < 0, -1, len(target.described.space) + labels)
    return np.concatenate([features, own]).astype(np.int32)


def row_translation(source: Dataset, target: Dataset) -> TranslateRows:
    """What turns rows of x as the dataset `source` has them into those of the same input in `target`.

    Features that `target` does not know are left out. Values become what `target` would have made of the input:
    idf, mean and deviation are its own, and rows are scaled anew.
    """
    place = places_by_id(source.features, target.features)
    if source.dense:
        return _dense_translation(source, target)
    factor = np.ones(len(place))
    scaling, bias = str(source.settings["scaling"]), False
    if source.space is not None and target.space is not None:
        scaling, bias = source.space.options.scaling, source.space.options.bias
        known = place >= 0
        factor[known] = target.space.weight[place[known]] / source.space.weight[known]
    if len(place) == target.n_features and (place == np.arange(len(place))).all() and (factor == 1).all():
        return lambda rows: rows
    n, constant = target.n_features, len(place) - 1

    def translate(rows: Rows) -> Rows:
        assert isinstance(rows, Bags)
        known = place[rows.indices] >= 0
        if bias:
            known &= rows.indices != constant
        indices = rows.indices[known]
        values = (rows.values[known] * factor[indices]).astype(np.float32)
        bags = scale_rows(collect(kept_offsets(rows.indptr, known), place[indices], values, n), scaling)
        return add_constant(bags, n - 1, 1.0) if bias else bags

    return translate


def _dense_translation(source: Dataset, target: Dataset) -> TranslateRows:
    """The same columns, each standardised by the mean and the deviation of `target`."""
    before, after = source.space, target.space
    assert before is not None
    assert after is not None
    if before.options.scaling != "standard" or (
        np.array_equal(before.mean, after.mean) and np.array_equal(before.weight, after.weight)
    ):
        return lambda rows: rows
    p = before.given
    varied = before.weight[:p] != 0
    factor = np.divide(after.weight[:p], before.weight[:p], out=np.zeros(p), where=varied)
    shift = (before.mean[:p] - after.mean[:p]) * after.weight[:p]

    def translate(rows: Rows) -> Rows:
        assert isinstance(rows, Dense)
        values = rows.values.copy()
        values[:, :p] = values[:, :p] * factor + shift
        return rows._replace(values=values)

    return translate
