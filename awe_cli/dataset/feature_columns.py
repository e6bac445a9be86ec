"""Which columns of a file are features, and reading them as raw features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from awe_cli.dataset.features import (
    Raw,
    RawBags,
    RawDense,
)
from awe_cli.dataset.gather import IdLists, join
from awe_cli.dataset.hashing import hash_values
from awe_cli.dataset.text import TextOptions
from awe_cli.dataset.vocabulary import encode
from awe_cli.errors import DataError, MissingInputError
from awe_cli.io.columns import (
    Batch,
    Role,
    fail,
    is_list,
    is_number,
    list_parts,
    make_list,
    refuse,
    truths,
)
from awe_cli.io.reader import require_column
from awe_cli.io.sources import Source

_NO_NAMES = pa.nulls(0, pa.string())
_EXACT = 2.0**20  # the size from which on 32 bits tell apart no less than sixteenths


@dataclass(frozen=True)
class FeatureColumns:
    """Where features stand: one of dense, sparse and text; categories stand beside the last two, or alone.

    dense   numeric columns, or one list column
    sparse  the list columns of feature names and of their values, or of names alone, which count 1 each
    text    a column of text
    categories  columns whose value is a feature called "column=value", which counts 1; an empty cell is none
    """

    dense: tuple[str, ...] = ()
    sparse: tuple[str, ...] | None = None
    text: str | None = None
    categories: tuple[str, ...] = ()

    def roles(self) -> dict[str, Role]:
        """Column → what it is read as."""
        categories = dict.fromkeys(self.categories, Role.CATEGORY)
        if self.text is not None:
            return {self.text: Role.TEXT, **categories}
        if self.sparse is not None:
            return {**dict(zip(self.sparse, (Role.ID_LIST, Role.NUMBER_LIST), strict=False)), **categories}
        if categories:
            return categories
        role = Role.NUMBER if len(self.dense) > 1 else Role.NUMBERS
        return dict.fromkeys(self.dense, role)


def match_columns(
    source: Source, patterns: tuple[str, ...], types: Mapping[str, pa.DataType | None], taken: set[str]
) -> tuple[str, ...]:
    """The columns that names and globs stand for, in the order of the file within a glob.

    A glob leaves out the columns `taken` for another purpose. Raises MissingInputError where nothing
    matches, DataError where a column is matched that holds no numbers.
    """
    found: dict[str, None] = {}
    for pattern in patterns:
        if pattern in types or not any(sign in pattern for sign in "*?["):
            require_column(source, pattern, types)
            found[pattern] = None
            continue
        matches = [name for name in types if fnmatchcase(name, pattern) and name not in taken]
        if not matches:
            raise MissingInputError(
                f"{source.name}: expected columns like {pattern!r}, found {', '.join(list(types)[:20])}",
                hint="put the pattern in quotes, and name at least one column with it",
            )
        found.update(dict.fromkeys(matches))
    allowed = "numbers or a list of them" if len(found) == 1 else "numbers"
    for name in found:
        type = types[name]
        if type is not None and not (is_number(type) or (is_list(type) and len(found) == 1)):
            raise DataError(
                f"{source.name}: column {name!r}: expected {allowed}, found type {type}",
                hint="leave the column out of --features; text goes in --text",
            )
    return tuple(found)


class RawReader:
    """Collects the features of pieces into one raw matrix."""

    def __init__(self, columns: FeatureColumns, text: TextOptions | None, *, hashing: bool = False) -> None:
        """hashing: names are forgotten as soon as they are hashed."""
        self.columns = columns
        self.text = text
        self._hashes: list[NDArray[np.uint64]] | None = [] if hashing else None
        self._dense: list[np.ndarray] = []
        self._values: list[np.ndarray] = []
        self._lists = IdLists(columns.text or (columns.sparse or columns.categories or ("",))[0])
        self._width: int | None = None

    def add(self, batch: Batch) -> None:
        """Take the rows of the next piece. Raises DataError where rows have different widths."""
        if self.columns.dense:
            self._add_dense(batch)
            return
        if self.columns.text is not None:
            assert self.text is not None
            offsets, entries = self.text.tokens(batch.column(self.columns.text))
            values = None
        elif self.columns.sparse is not None:
            offsets, entries, values = self._sparse(batch, *self.columns.sparse)
        else:
            offsets, entries, values = np.zeros(batch.table.num_rows + 1, np.int64), _NO_NAMES, None
        if self.columns.categories:
            offsets, entries, values = self._with_categories(batch, offsets, entries, values)
        if self._hashes is not None:
            names, codes = encode(pa.chunked_array([entries]))
            self._hashes.append(hash_values(names)[codes])
            entries = pa.nulls(len(entries))
        self._lists.add(batch, make_list(offsets, entries))
        if values is not None:
            self._values.append(values)

    def raw(self) -> Raw:
        """Everything added so far."""
        if self.columns.dense:
            names = self.columns.dense
            if len(names) == 1 and (self._width or 1) > 1:
                names = tuple(f"{names[0]}[{i}]" for i in range(self._width or 0))
            values = np.concatenate(self._dense) if self._dense else np.zeros((0, len(names)), np.float32)
            return RawDense(pa.array(names, pa.string()), values)
        indptr = self._lists.indptr()
        hashes = None
        if self._hashes is None:
            vocabulary, codes = encode(self._lists.entries.values())
        else:
            hashes, found = np.unique(join(self._hashes, np.uint64), return_inverse=True)
            vocabulary, codes = _NO_NAMES, found.astype(np.int32)
        values = join(self._values, np.float32) if self._values else np.ones(len(codes), np.float32)
        return RawBags(vocabulary, indptr, codes, values, hashes)

    def _sparse(
        self, batch: Batch, names: str, values: str | None = None
    ) -> tuple[NDArray[np.int64], pa.Array, NDArray[np.float32] | None]:
        """Row pointers, names, and the values where a column has them."""
        own_offsets, entries = list_parts(batch.column(names))
        if values is None:
            return own_offsets, entries, None
        offsets, flat = list_parts(batch.column(values))
        lengths = np.diff(own_offsets)
        if (lengths != np.diff(offsets)).any():
            row = int(np.argmax(lengths != np.diff(offsets)))
            expected, found = f"as many numbers as {names!r} has ({lengths[row]:,})", np.diff(offsets)[row]
            fail(batch, values, row, expected, f"{found:,}", "give each index one value")
        return own_offsets, entries, flat.to_numpy().astype(np.float32, copy=False)

    def _with_categories(
        self,
        batch: Batch,
        offsets: NDArray[np.int64],
        entries: pa.Array,
        values: NDArray[np.float32] | None,
    ) -> tuple[NDArray[np.int64], pa.Array, NDArray[np.float32] | None]:
        """The rows with one more entry, "column=value", for each category that they have."""
        n = batch.table.num_rows
        rows, names = [np.repeat(np.arange(n), np.diff(offsets))], [entries.cast(pa.string())]
        for column in self.columns.categories:
            found = batch.column(column)
            rows.append(np.flatnonzero(truths(found.is_valid())))
            names.append(pc.binary_join_element_wise(column, found.drop_null(), "="))
        of_row = np.concatenate(rows)
        order = np.argsort(of_row, kind="stable")
        more = len(order) - len(entries)
        if values is not None:
            values = np.concatenate([values, np.ones(more, np.float32)])[order]
        indptr = np.searchsorted(of_row[order], np.arange(n + 1)).astype(np.int64)
        return indptr, pa.concat_arrays(names).take(pa.array(order)), values

    def _add_dense(self, batch: Batch) -> None:
        columns = [batch.column(name) for name in self.columns.dense]
        if len(columns) == 1 and is_list(columns[0].type):
            self._dense.append(self._matrix(batch, columns[0]))
            return
        block = np.empty((batch.table.num_rows, len(columns)))
        for position, column in enumerate(columns):
            block[:, position] = column.to_numpy()
        is_large = np.abs(block) > _EXACT
        short = block.astype(np.float32)
        self._dense.append(np.where(is_large, block, short) if is_large.any() else short)

    def _matrix(self, batch: Batch, lists: pa.Array) -> np.ndarray:
        """The rows of a list column, which all have the width of the first."""
        offsets, flat = list_parts(lists)
        lengths = np.diff(offsets)
        if self._width is None:
            self._width = int(lengths[0]) if len(lengths) else 0
        other = lengths != self._width
        expected = f"{self._width:,} numbers as in the rows before"
        hint = "dense rows have one length; rows of names and values go in --sparse"
        refuse(batch, self.columns.dense[0], other, expected, lengths, hint)
        return flat.to_numpy().astype(np.float32, copy=False).reshape(-1, self._width)
