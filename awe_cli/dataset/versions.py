"""Two versions of a dataset side by side: where the names of one are in the other, and rows of x moved between them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from awe_cli.dataset.dataset import Dataset
from awe_cli.dataset.features import FeatureSpace
from awe_cli.io.columns import is_string
from awe_cli.matrices.bags import (
    add_constant,
    as_bags,
    beside,
    collect,
    inputs,
    kept_offsets,
    scale_rows,
    split_at,
)
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
    if source.user_space is not None or target.user_space is not None:
        return _translation_of_people(source, target)
    place = places_by_id(source.features, target.features)
    if source.dense:
        return _dense_translation(source, target)
    scaling, bias, factor = str(source.settings["scaling"]), False, np.ones(len(place))
    if source.space is not None and target.space is not None:
        scaling, bias = source.space.options.scaling, source.space.options.bias
        factor = _weight_ratios(source.space, target.space, place)
    return _sparse_translation(place, factor, target.n_features, scaling, bias=bias)


def _weight_ratios(
    source: FeatureSpace, target: FeatureSpace, place: NDArray[np.int32]
) -> NDArray[np.float64]:
    """By what the values of each feature of `source` are multiplied (features,): its idf in `target` is another."""
    factor, known = np.ones(len(place)), place >= 0
    factor[known] = target.weight[place[known]] / source.weight[known]
    return factor


def _translation_of_people(source: Dataset, target: Dataset) -> TranslateRows:
    """Items and features of people, each part by itself."""
    n, m = len(source.prepared_labels), len(target.prepared_labels)
    items = row_translation(source.of_items_alone(), target.of_items_alone())
    before, after = source.user_space, target.user_space
    users: TranslateRows | None = None
    if before is not None and after is not None:
        place = places_by_id(before.names, after.names)
        if before.dense:
            dense = _standard_translation(before, after)
            columns = np.arange(len(before), dtype=np.int32)

            def users(rows: Rows) -> Rows:
                values = inputs(rows, len(before), np.float32).toarray()
                return as_bags(dense(Dense(columns, values)))
        else:
            factor = _weight_ratios(before, after, place)
            users = _sparse_translation(place, factor, len(after), before.options.scaling, bias=False)

    def translate(rows: Rows) -> Rows:
        assert isinstance(rows, Bags)
        chosen, features = split_at(rows, n)
        history = items(chosen)
        assert isinstance(history, Bags)
        if users is None:
            return history
        moved = users(features)
        assert isinstance(moved, Bags)
        return beside(history, moved, m)

    return translate


def _sparse_translation(
    place: NDArray[np.int32], factor: NDArray[np.float64], n: int, scaling: str, *, bias: bool
) -> TranslateRows:
    """Bags whose feature i becomes place[i] of `n`, -1: left out, its values times factor[i].

    bias  whether the last feature, on both sides, is the constant one
    """
    if len(place) == n and (place == np.arange(len(place))).all() and (factor == 1).all():
        return lambda rows: rows
    constant = len(place) - 1

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
    assert source.space is not None
    assert target.space is not None
    return _standard_translation(source.space, target.space)


def _standard_translation(before: FeatureSpace, after: FeatureSpace) -> TranslateRows:
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
