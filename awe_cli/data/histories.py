"""People never seen before, from the items they chose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from awe_cli.data.bags import collect, no_lists
from awe_cli.data.dataset import Dataset
from awe_cli.data.examples import Examples
from awe_cli.data.history import scale_history
from awe_cli.data.interactions import refuse_not_positive
from awe_cli.data.matrix import Lists
from awe_cli.data.reading.columns import Piece, Role, is_list, list_parts
from awe_cli.data.reading.refusal import fail, refuse_nulls
from awe_cli.data.vocabulary import encode, look_up


def history_roles(columns: Mapping[str, Any]) -> dict[str, Role]:
    """The columns of new interactions, and what they are read as: one item a row, or lists of items."""
    roles = {columns["user"]: Role.ID, columns["item"]: Role.IDS}
    return roles | ({columns["weight"]: Role.NUMBERS} if columns["weight"] else {})


def encode_people(dataset: Dataset, piece: Piece) -> tuple[Examples, int]:
    """One example a person, in order of first appearance, and how many items the dataset does not know.

    Rows of one person may stand anywhere in the piece. Raises DataError.
    """
    columns = dataset.settings["columns"]
    users = piece.column(columns["user"])
    items = piece.column(columns["item"])
    if is_list(items.type):
        offsets, items = list_parts(items)
    else:
        offsets = np.arange(len(users) + 1, dtype=np.int64)
        items = refuse_nulls(piece, columns["item"], items, Role.ID.value)
    weights = _weights(piece, columns["weight"], offsets) if columns["weight"] else None
    people, person = encode(pa.chunked_array([users]))
    names, codes = encode(pa.chunked_array([items]))
    what = f"{piece.file}: column {columns['item']!r}"
    found = look_up(names, dataset.features, what, untyped=piece.untyped)
    labels = found[codes] if len(found) else np.zeros(0, np.int32)
    person = np.repeat(person, np.diff(offsets))
    known = labels >= 0
    x, seen = _bags(
        dataset, len(people), person[known], labels[known], None if weights is None else weights[known]
    )
    return Examples(people, x, no_lists(len(people)), seen, own=False), int(np.count_nonzero(~known))


def _bags(
    dataset: Dataset,
    n: int,
    person: NDArray[np.int32],
    labels: NDArray[np.int32],
    weights: NDArray[np.float32] | None,
) -> tuple[Any, Lists]:
    order = np.argsort(person, kind="stable")
    indptr = np.searchsorted(person[order], np.arange(n + 1)).astype(np.int64)
    values = np.ones(len(labels), np.float32) if weights is None else weights[order]
    bags = collect(indptr, labels[order], values, dataset.n_features)
    if weights is None:  # an item named twice is one item
        bags = bags._replace(values=np.ones_like(bags.values))
    return scale_history(bags, dataset.settings), Lists(bags.indptr, bags.indices)


def _weights(piece: Piece, column: str, offsets: NDArray[np.int64]) -> NDArray[np.float32]:
    values = piece.column(column)
    own = np.arange(piece.table.num_rows + 1, dtype=np.int64)
    if is_list(values.type):
        own, values = list_parts(values)
    lengths, found = np.diff(offsets), np.diff(own)
    if (found != lengths).any():
        row = int(np.argmax(found != lengths))
        expected = f"a weight for each of {lengths[row]:,} items"
        fail(piece, column, row, expected, f"{found[row]:,}", "give weights in the same form as the items")
    weights = values.to_numpy().astype(np.float64)
    refuse_not_positive(piece, column, weights, own)
    return weights.astype(np.float32)
