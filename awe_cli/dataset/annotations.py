"""Annotated examples (features and labels) from files to examples, each in one split."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from awe_cli.dataset.feature_columns import FeatureColumns, RawReader
from awe_cli.dataset.features import (
    FeatureOptions,
    FeatureSpace,
    Raw,
    differing_row,
    fit_features,
    hash_rows,
    take_raw,
)
from awe_cli.dataset.gather import IdColumn, IdLists, Origin, join, split_codes
from awe_cli.dataset.hashing import hash_values, mix, row_totals
from awe_cli.dataset.interactions import refuse_not_positive
from awe_cli.dataset.previous import Previous
from awe_cli.dataset.splits import (
    Bounds,
    SplitRule,
    count_contradicted,
    names_valid,
    split_examples,
    split_more_examples,
)
from awe_cli.dataset.text import TextOptions
from awe_cli.dataset.versions import places_by_id
from awe_cli.dataset.vocabulary import continued, encode, inverse, ranked
from awe_cli.errors import DataError
from awe_cli.io.columns import Batch, Role, drop_empty, is_string, label_lists, list_parts
from awe_cli.matrices.bags import collect
from awe_cli.matrices.matrix import Lists, Rows, take_lists

ONE_EXAMPLE = "rows with the same id are one example; give different examples different ids"

# Which columns of an annotation file are the features, and reading them as raw features.


@dataclass(frozen=True)
class AnnotationColumns:
    """The columns to read."""

    features: FeatureColumns
    labels: str
    id: str | None = None
    split: str | None = None
    label_separator: str | None = None
    weight: str | None = None

    def roles(self) -> dict[str, Role]:
        """Column → what it is read as."""
        wanted = {**self.features.roles(), self.labels: Role.IDS}
        if self.id is not None:
            wanted[self.id] = Role.ID
        if self.split is not None:
            wanted[self.split] = Role.TEXT
        if self.weight is not None:
            wanted[self.weight] = Role.NUMBER
        return wanted


@dataclass(frozen=True)
class RawExamples:
    """Examples as read, one a row, after rows with the same id were put together.

    labels  positions in `vocabulary`, duplicates allowed
    by_id   whether ids were given; else they are row numbers
    merged  rows put together with an earlier one
    leaked  ids found in two splits, kept in the earliest
    empty_labels  labels that were empty text, and were left out
    grades  (entries of labels,) how relevant each label is, where examples have no label twice; None where all are 1
    weight  (n,) of each example in learning, the largest of its rows; None where all are 1
    """

    ids: pa.Array
    raw: Raw
    vocabulary: pa.Array
    labels: Lists
    split: NDArray[np.int8] | None
    by_id: bool
    merged: int = 0
    leaked: int = 0
    empty_labels: int = 0
    grades: NDArray[np.float32] | None = None
    weight: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Annotations:
    """Examples in input order.

    labels     by descending number of training examples, then by value; those of a version before first, in its order
    unknown    entries whose feature was not kept
    contents   (n,) a hash of each example's raw features
    set_aside  whether the split valid was taken from train without being asked for
    bounds     up to where examples were drawn
    contradicted  examples that a column holds out, or trains on, otherwise than the version before did
    grades     (entries of positives,) how relevant each label is; None where all are 1
    weight     (n,) of each example in learning; None where all are 1
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
    bounds: Bounds
    contradicted: int
    grades: NDArray[np.float32] | None = None
    weight: NDArray[np.float32] | None = None


def read_annotations(
    batches: Iterable[Batch], columns: AnnotationColumns, text: TextOptions | None, *, hashing: bool = False
) -> RawExamples:
    """Read all pieces; with `hashing` only hashes of feature names are kept.

    Raises DataError as the readers do, and where rows of one id have other features.
    """
    reader, labels = RawReader(columns.features, text, hashing=hashing), IdLists(columns.labels)
    ids = IdColumn(columns.id or "id")
    splits, weights, origin, empty_labels = [], [], Origin(), 0
    for batch in batches:
        origin.add(batch)
        reader.add(batch)
        lists, empty = _without_empty(label_lists(batch, columns.labels, columns.label_separator))
        labels.add(batch, lists)
        empty_labels += empty
        if columns.id:
            ids.add(batch, batch.column(columns.id))
        if columns.split:
            splits.append(split_codes(batch, columns.split))
        if columns.weight:
            weights.append(batch.column(columns.weight).to_numpy().astype(np.float32))
            refuse_not_positive(batch, columns.weight, weights[-1])
    if not origin.rows:
        raise DataError("the input has no rows", hint="name a file with at least one row below its header")
    vocabulary, codes = encode(labels.entries.values())
    if not len(codes):
        raise DataError(
            f"column {columns.labels!r}: expected labels, found none in any of {origin.rows:,} rows",
            hint="name the column that has them with --labels",
        )
    split = join(splits, np.int8) if columns.split else None
    numbers = pa.array(np.arange(1, origin.rows + 1))
    examples = RawExamples(
        numbers,
        reader.raw(),
        vocabulary,
        Lists(labels.indptr(), codes),
        split,
        False,
        empty_labels=empty_labels,
        weight=join(weights, np.float32) if columns.weight else None,
    )
    return _by_id(examples, *encode(ids.values()), origin, columns) if columns.id else examples


def _without_empty(lists: pa.Array) -> tuple[pa.Array, int]:
    """The lists without entries that are empty text or spaces, and how many these were."""
    offsets, entries = list_parts(lists)
    if not is_string(entries.type):
        return lists, 0
    blank = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(entries), ""), False)
    n = pc.sum(blank).as_py() or 0
    return (drop_empty(offsets, pc.if_else(blank, "", entries)), n) if n else (lists, 0)


def build_annotations(
    examples: RawExamples,
    rule: SplitRule,
    options: FeatureOptions,
    space: FeatureSpace | None = None,
    previous: Previous | None = None,
) -> Annotations:
    """Split, learn the feature space from the training examples, and put labels in their final order.

    space     the feature space where it is known already
    previous  the version before, whose examples keep their split and whose labels and features keep their order

    Raises DataError where no example is left to train on, or none has a feature.
    """
    contents = hash_rows(examples.raw)
    key = hash_values(examples.ids) if examples.by_id else mix(contents) + _label_hashes(examples)
    split, bounds, kept = _split(examples, key, rule, previous)
    train = split == 0
    if not train.any():
        raise DataError("no example is in the split train", hint="name rows for it in the split column")
    if space is None:
        space = fit_features(examples.raw, train, options, previous.feature_places if previous else None)
    if previous and space.dense:
        previous.require_columns(space.names.slice(0, space.given), previous.features, "the examples")
    if not space.given:
        raise DataError(
            "no training example has a feature that is left",
            hint="lower --min-count, or look at the feature columns",
        )
    x, unknown = space.apply(examples.raw)
    labels = collect(
        examples.labels.indptr,
        examples.labels.indices,
        np.ones(len(examples.labels.indices), np.float32) if examples.grades is None else examples.grades,
        len(examples.vocabulary),
    )
    in_train = np.repeat(train, np.diff(labels.indptr))
    counts = np.bincount(labels.indices[in_train], minlength=len(examples.vocabulary)).astype(np.int64)
    order = ranked(examples.vocabulary, counts)
    if previous:
        order = continued(order, places_by_id(examples.vocabulary, previous.labels))
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
        rule.sets_aside(named=names_valid(examples.split)),
        bounds,
        count_contradicted(examples.split, kept),
        None if examples.grades is None else renamed.values,
        examples.weight,
    )


def _split(
    examples: RawExamples, key: NDArray[np.uint64], rule: SplitRule, previous: Previous | None
) -> tuple[NDArray[np.int8], Bounds, NDArray[np.int8] | None]:
    """The split of each example, up to where they were drawn, and the split each had in the version before."""
    if previous is None:
        split = split_examples(key, rule, examples.split)
        return split, Bounds.of(rule, key, split), None
    kept = previous.example_splits(examples.ids) if examples.by_id else np.full(len(key), -1, np.int8)
    bounds = previous.bounds
    split = split_more_examples(key, rule, examples.split, kept, bounds)
    return split, bounds, kept


def _label_hashes(examples: RawExamples) -> NDArray[np.uint64]:
    names = hash_values(examples.vocabulary)
    return row_totals(examples.labels.indptr, names[examples.labels.indices])


def _by_id(
    examples: RawExamples, ids: pa.Array, code: NDArray[np.int32], origin: Origin, columns: AnnotationColumns
) -> RawExamples:
    """One example for each id, in order of first appearance, its labels united."""
    n = len(ids)
    if n == len(code):
        return replace(examples, ids=ids, by_id=True)
    order = np.argsort(code, kind="stable")
    starts = np.searchsorted(code[order], np.arange(n + 1))
    first = order[starts[:-1]]
    other = differing_row(examples.raw, code, first)
    if other is not None:
        file, row = origin.of(other)
        before = origin.of(int(first[code[other]]))
        raise DataError(
            f"{file}: column {columns.id!r}, row {row:,}: expected the features that the id "
            f"{ids[int(code[other])].as_py()!r} has in {before[0]}, row {before[1]:,}, found different ones",
            hint=ONE_EXAMPLE,
        )
    lists = take_lists(examples.labels, order)
    split, leaked = examples.split, 0
    if split is not None:
        earliest = np.minimum.reduceat(split[order], starts[:-1])
        leaked = int(np.count_nonzero(earliest != np.maximum.reduceat(split[order], starts[:-1])))
        split = earliest
    labels = Lists(lists.indptr[starts], lists.indices)
    weight = None if examples.weight is None else np.maximum.reduceat(examples.weight[order], starts[:-1])
    return replace(
        examples,
        ids=ids,
        raw=take_raw(examples.raw, first),
        labels=labels,
        split=split,
        by_id=True,
        merged=len(code) - n,
        leaked=leaked,
        weight=weight,
    )
