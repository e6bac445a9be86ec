"""Annotated examples (features and labels) from files to examples, each in one split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from awe_cli.dataset.features import (
    FeatureOptions,
    FeatureSpace,
    Raw,
    RawBags,
    RawDense,
    fit_features,
    take_raw,
)
from awe_cli.dataset.gather import IdColumn, IdLists, Origin, join, split_codes
from awe_cli.dataset.hashing import hash_rows, hash_values, mix, row_totals
from awe_cli.dataset.splits import SplitRule, split_examples
from awe_cli.dataset.text import TextOptions
from awe_cli.dataset.vocabulary import encode, inverse, ranked
from awe_cli.errors import DataError, MissingInputError
from awe_cli.io.columns import Batch, Role, fail, is_list, is_number, label_lists, list_parts, refuse
from awe_cli.io.reader import require_column
from awe_cli.io.sources import Source
from awe_cli.matrices.bags import collect
from awe_cli.matrices.matrix import Lists, Rows, take_lists

# Which columns of an annotation file are the features, and reading them as raw features.


@dataclass(frozen=True)
class FeatureColumns:
    """Where features stand: exactly one of these.

    dense   numeric columns, or one list column
    sparse  the list columns of feature names and of their values, or of names alone, which count 1 each
    text    a column of text
    """

    dense: tuple[str, ...] = ()
    sparse: tuple[str, ...] | None = None
    text: str | None = None

    def roles(self) -> dict[str, Role]:
        """Column → what it is read as."""
        if self.text is not None:
            return {self.text: Role.TEXT}
        if self.sparse is not None:
            return dict(zip(self.sparse, (Role.ID_LIST, Role.NUMBER_LIST), strict=False))
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

    def __init__(self, columns: FeatureColumns, text: TextOptions | None) -> None:
        self.columns = columns
        self.text = text
        self._dense: list[np.ndarray] = []
        self._values: list[np.ndarray] = []
        self._lists = IdLists(columns.text or (columns.sparse or ("",))[0])
        self._width: int | None = None

    def add(self, batch: Batch) -> None:
        """Take the rows of the next piece. Raises DataError where rows have different widths."""
        if self.columns.text is not None:
            assert self.text is not None
            offsets, tokens = self.text.tokens(batch.column(self.columns.text))
            self._lists.add(batch, pa.LargeListArray.from_arrays(pa.array(offsets), tokens))
        elif self.columns.sparse is not None:
            self._add_sparse(batch, *self.columns.sparse)
        else:
            self._add_dense(batch)

    def raw(self) -> Raw:
        """Everything added so far."""
        if self.columns.dense:
            names = self.columns.dense
            if len(names) == 1 and (self._width or 1) > 1:
                names = tuple(f"{names[0]}[{i}]" for i in range(self._width or 0))
            values = np.concatenate(self._dense) if self._dense else np.zeros((0, len(names)), np.float32)
            return RawDense(pa.array(names, pa.string()), values)
        indptr = self._lists.indptr()
        vocabulary, codes = encode(self._lists.entries.values())
        values = join(self._values, np.float32) if self._values else np.ones(len(codes), np.float32)
        return RawBags(vocabulary, indptr, codes, values)

    def _add_sparse(self, batch: Batch, names: str, values: str | None = None) -> None:
        lists = batch.column(names)
        if values is None:
            self._lists.add(batch, lists)
            return
        numbers = batch.column(values)
        offsets, flat = list_parts(numbers)
        lengths = np.diff(list_parts(lists)[0])
        if (lengths != np.diff(offsets)).any():
            row = int(np.argmax(lengths != np.diff(offsets)))
            expected, found = f"as many numbers as {names!r} has ({lengths[row]:,})", np.diff(offsets)[row]
            fail(batch, values, row, expected, f"{found:,}", "give each index one value")
        self._lists.add(batch, lists)
        self._values.append(flat.to_numpy().astype(np.float32, copy=False))

    def _add_dense(self, batch: Batch) -> None:
        columns = [batch.column(name) for name in self.columns.dense]
        if len(columns) == 1 and is_list(columns[0].type):
            self._dense.append(self._matrix(batch, columns[0]))
            return
        block = np.empty((batch.table.num_rows, len(columns)), np.float32)
        for position, column in enumerate(columns):
            block[:, position] = column.to_numpy()
        self._dense.append(block)

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


@dataclass(frozen=True)
class AnnotationColumns:
    """The columns to read."""

    features: FeatureColumns
    labels: str
    id: str | None = None
    split: str | None = None
    label_separator: str | None = None

    def roles(self) -> dict[str, Role]:
        """Column → what it is read as."""
        wanted = {**self.features.roles(), self.labels: Role.IDS}
        if self.id is not None:
            wanted[self.id] = Role.ID
        if self.split is not None:
            wanted[self.split] = Role.TEXT
        return wanted


@dataclass(frozen=True)
class RawExamples:
    """Examples as read, one a row, after rows with the same id were put together.

    labels  positions in `vocabulary`, duplicates allowed
    by_id   whether ids were given; else they are row numbers
    merged  rows put together with an earlier one
    leaked  ids found in two splits, kept in the earliest
    """

    ids: pa.Array
    raw: Raw
    vocabulary: pa.Array
    labels: Lists
    split: NDArray[np.int8] | None
    by_id: bool
    merged: int = 0
    leaked: int = 0


@dataclass(frozen=True)
class Annotations:
    """Examples in input order.

    labels     by descending number of training examples, then by value
    unknown    entries whose feature was not kept
    contents   (n,) a hash of each example's raw features
    set_aside  whether the split valid was taken from train without being asked for
    """

    ids: pa.Array
    x: Rows
    labels: pa.Array
    positives: Lists
    split: NDArray[np.int8]
    space: FeatureSpace
    unknown: int
    contents: NDArray[np.uint64]
    set_aside: bool


def read_annotations(
    batches: Iterable[Batch], columns: AnnotationColumns, text: TextOptions | None
) -> RawExamples:
    """Read all pieces. Raises DataError as the readers do, and where rows of one id have other features."""
    reader, labels = RawReader(columns.features, text), IdLists(columns.labels)
    ids = IdColumn(columns.id or "id")
    splits, origin = [], Origin()
    for batch in batches:
        origin.add(batch)
        reader.add(batch)
        labels.add(batch, label_lists(batch, columns.labels, columns.label_separator))
        if columns.id:
            ids.add(batch, batch.column(columns.id))
        if columns.split:
            splits.append(split_codes(batch, columns.split))
    if not origin.rows:
        raise DataError("the input has no rows", hint="name a file with at least one row below its header")
    vocabulary, codes = encode(labels.entries.values())
    split = join(splits, np.int8) if columns.split else None
    numbers = pa.array(np.arange(1, origin.rows + 1))
    examples = RawExamples(numbers, reader.raw(), vocabulary, Lists(labels.indptr(), codes), split, False)
    return _by_id(examples, *encode(ids.values()), origin, columns) if columns.id else examples


def build_annotations(
    examples: RawExamples, rule: SplitRule, options: FeatureOptions, space: FeatureSpace | None = None
) -> Annotations:
    """Split, learn the feature space from the training examples, and put labels in their final order.

    space  the feature space where it is known already

    Raises DataError where no example is left to train on, or none has a feature.
    """
    contents = hash_rows(examples.raw)
    key = hash_values(examples.ids) if examples.by_id else mix(contents) + _label_hashes(examples)
    split = split_examples(key, rule, examples.split)
    train = split == 0
    if not train.any():
        raise DataError("no example is in the split train", hint="name rows for it in the split column")
    space = space or fit_features(examples.raw, train, options)
    if not space.given:
        raise DataError(
            "no training example has a feature that is left",
            hint="lower --min-count, or look at the feature columns",
        )
    x, unknown = space.apply(examples.raw)
    labels = collect(
        examples.labels.indptr,
        examples.labels.indices,
        np.ones(len(examples.labels.indices), np.float32),
        len(examples.vocabulary),
    )
    in_train = np.repeat(train, np.diff(labels.indptr))
    counts = np.bincount(labels.indices[in_train], minlength=len(examples.vocabulary)).astype(np.int64)
    order = ranked(examples.vocabulary, counts)
    renamed = collect(labels.indptr, inverse(order)[labels.indices], labels.values, len(order))
    return Annotations(
        examples.ids,
        x,
        examples.vocabulary.take(pa.array(order)),
        Lists(renamed.indptr, renamed.indices),
        split,
        space,
        unknown,
        contents,
        rule.sets_aside(examples.split),
    )


def _label_hashes(examples: RawExamples) -> NDArray[np.uint64]:
    names = hash_values(examples.vocabulary)
    return row_totals(examples.labels.indptr, names[examples.labels.indices])


def _by_id(
    examples: RawExamples, ids: pa.Array, code: NDArray[np.int32], origin: Origin, columns: AnnotationColumns
) -> RawExamples:
    """One example for each id, in order of first appearance, its labels united."""
    n = len(ids)
    if n == len(code):
        return RawExamples(ids, examples.raw, examples.vocabulary, examples.labels, examples.split, True)
    order = np.argsort(code, kind="stable")
    starts = np.searchsorted(code[order], np.arange(n + 1))
    first = order[starts[:-1]]
    hashes = hash_rows(examples.raw)
    differs = np.flatnonzero(hashes != hashes[first][code])
    if len(differs):
        file, row = origin.of(int(differs[0]))
        before = origin.of(int(first[code[differs[0]]]))
        shown = ids[int(code[differs[0]])].as_py()
        raise DataError(
            f"{file}: column {columns.id!r}, row {row:,}: expected the features that the id {shown!r} has in "
            f"{before[0]}, row {before[1]:,}, found different ones",
            hint="rows with the same id are one example; give different examples different ids",
        )
    lists = take_lists(examples.labels, order)
    split, leaked = examples.split, 0
    if split is not None:
        earliest = np.minimum.reduceat(split[order], starts[:-1])
        leaked = int(np.count_nonzero(earliest != np.maximum.reduceat(split[order], starts[:-1])))
        split = earliest
    labels = Lists(lists.indptr[starts], lists.indices)
    raw = take_raw(examples.raw, first)
    return RawExamples(ids, raw, examples.vocabulary, labels, split, True, len(code) - n, leaked)
