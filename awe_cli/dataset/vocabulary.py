"""Names and their indices: labels, items, features, tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from awe_cli.errors import DataError, MissingInputError, did_you_mean
from awe_cli.io.columns import is_string


def encode(values: pa.ChunkedArray) -> tuple[pa.Array, NDArray[np.int32]]:
    """The distinct values in order of appearance, and the position of each value among them (n,)."""
    if not len(values):
        return pa.array([], values.type), np.zeros(0, np.int32)
    coded = values.dictionary_encode().chunks  # which have one dictionary
    distinct = coded[0].dictionary
    assert all(len(chunk.dictionary) == len(distinct) for chunk in coded)
    codes = [chunk.indices.to_numpy(zero_copy_only=False) for chunk in coded]
    return distinct, np.concatenate(codes).astype(np.int32, copy=False)


def ranked(values: pa.Array, counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions by descending count, equal counts by value (strings by their UTF-8 bytes).

    The order of rows in a file has no part in it, and the rows of U and V used most lie next to each other.
    """
    table = pa.table({"value": values, "count": counts})
    order = pc.sort_indices(table, sort_keys=[("count", "descending"), ("value", "ascending")])
    return order.to_numpy().astype(np.int64)


def continued(order: NDArray[np.int64], place: NDArray[np.int32]) -> NDArray[np.int64]:
    """`order`, with what the version before had first and in its order, and what is new after it as it was.

    place  (n,) the index that each value had in the version before, -1 for a new one
    """
    before = place[order]
    return order[np.argsort(np.where(before < 0, len(place) + before.max(initial=0), before), kind="stable")]


def inverse(order: NDArray[np.int64]) -> NDArray[np.int32]:
    """For each old position its new one, where `order` lists old positions in the new order."""
    positions = np.empty(len(order), np.int32)
    positions[order] = np.arange(len(order), dtype=np.int32)
    return positions


def look_up(values: pa.Array, known: pa.Array, what: str, *, untyped: bool) -> NDArray[np.int32]:
    """The index in `known` of each value (n,), -1 where it is unknown.

    `untyped` values come from a file without types (CSV): digits then match integers.
    Raises DataError where strings are looked up among integers or the other way round.
    """
    if not len(values) or not len(known):
        return np.full(len(values), -1, np.int32)
    if is_string(values.type) != is_string(known.type):
        if not (untyped and is_string(values.type)):
            raise DataError(
                f"{what}: expected {type_words(known.type)} such as {known[0].as_py()!r}, as in the data "
                f"that was prepared, found {type_words(values.type)} such as {values[0].as_py()!r}",
                hint="give the ids the type they had: ids that differ only in type are different ids",
            )
        known = known.cast(pa.string())
    if not is_string(values.type):
        values, known = values.cast(pa.int64(), safe=False), known.cast(pa.int64(), safe=False)
    else:
        values, known = values.cast(pa.large_string()), known.cast(pa.large_string())
    found = pc.index_in(values, value_set=known)
    return pc.fill_null(found, -1).to_numpy(zero_copy_only=False).astype(np.int32)


def find_named(known: pa.Array, names: Sequence[str], noun: str, option: str) -> NDArray[np.int32]:
    """The index of each name that a user typed, each once. Raises MissingInputError, which suggests the nearest.

    noun, option  what they are, and the option that names them, for the message
    """
    wanted = list(dict.fromkeys(names))
    rows = look_up(pa.array(wanted, pa.string()), known, option, untyped=True)
    unknown = np.flatnonzero(rows < 0)
    if len(unknown):
        name = wanted[int(unknown[0])]
        raise MissingInputError(
            f"{option}: the dataset has no {noun} {name!r} among its {len(known):,}",
            hint=did_you_mean(
                name, map(str, known.to_pylist()), f"{noun}s are written as in the data prepared"
            ),
        )
    return rows


def united(
    known: pa.Array, more: pa.Array, what: str, *, untyped: bool
) -> tuple[pa.Array, NDArray[np.int32]]:
    """The known names and those of `more` that are not among them, after them; and where each of `more` is.

    Raises DataError as `look_up` does, and for an untyped name that is no integer as the known ones are.
    """
    place = look_up(more, known, what, untyped=untyped)
    new = np.flatnonzero(place < 0)
    place[new] = len(known) + np.arange(len(new), dtype=np.int32)
    added = more.take(pa.array(new))
    if not len(known):
        return added, place
    for type in (known.type, pa.int64()):
        try:
            return pa.concat_arrays([known.cast(type), added.cast(type)]), place
        except pa.ArrowInvalid as error:
            refused = error
    raise DataError(
        f"{what}: expected {type_words(known.type)} such as {known[0].as_py()!r}, as in the other file ({refused})",
        hint="give the ids one type in both files",
    )


def type_words(type: pa.DataType) -> str:
    """How messages call the type of ids."""
    return "strings" if is_string(type) else "integers"
