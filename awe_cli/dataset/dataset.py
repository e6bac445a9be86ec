"""A prepared dataset: its labels, its features, and its examples for fitting and for judging."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from awe_cli.dataset import storage, taxonomy, user_features
from awe_cli.dataset.examples import Examples
from awe_cli.dataset.features import FeatureOptions, FeatureSpace
from awe_cli.dataset.label_features import LabelFeatures, load
from awe_cli.dataset.splits import SPLITS, require_splits
from awe_cli.dataset.windows import StoredExamples, stored_examples
from awe_cli.errors import CorruptArtifactError
from awe_cli.io.columns import is_string, one_array
from awe_cli.matrices.bags import beside, no_lists, scale_rows, unite
from awe_cli.matrices.matrix import Bags, Lists, Rows, n_rows, take_bags, take_lists
from awe_cli.workspace.artifact import decoding, read_document

# What stored people had chosen by the end of some splits, as scaled bags of items.


def history_of(table: pa.Table, fit_on: tuple[str, ...], settings: Mapping[str, Any], n_labels: int) -> Bags:
    """The bags x of stored people (n, labels) over these splits."""
    parts = []
    for split in fit_on:
        lists = storage.read_lists(table, split, n_labels)
        weights = (
            storage.read_values(table, f"{split}_weights")
            if settings["weighted"]
            else np.ones(len(lists.indices), np.float32)
        )
        if len(weights) != len(lists.indices):
            raise CorruptArtifactError(
                f"{split}_weights: expected {len(lists.indices)} weights, found {len(weights)}",
                hint="run `awe prepare` again",
            )
        parts.append(Bags(lists.indptr, lists.indices, weights))
    if not parts:
        parts = [Bags(*no_lists(table.num_rows), np.zeros(0, np.float32))]
    return scale_history(unite(parts, n_labels), settings)


def scale_history(bags: Bags, settings: Mapping[str, Any]) -> Bags:
    """Bags of weights (ones where there are none) as x."""
    if settings["weighted"]:
        transform = settings["weight_transform"]
        if transform == "log":
            bags = bags._replace(values=np.log1p(bags.values))
        elif transform == "binary":
            bags = bags._replace(values=np.ones_like(bags.values))
    return scale_rows(bags, settings["scaling"])


def _ids_of(table: pa.Table) -> pa.Array:
    """The ids of stored examples, text or whole numbers; ValueError for others."""
    ids = one_array(table.column("id"))
    if not (is_string(ids.type) or pa.types.is_integer(ids.type)):
        raise ValueError(f"ids of the type {ids.type}")
    return ids


DATASET_VERSION = 1
SUMMARY = "summary.json"
RECOMMENDATION, ANNOTATION, RETRIEVAL = "recommendation", "annotation", "retrieval"


@dataclass(frozen=True)
class Dataset:
    """The dataset in the folder `path`; `settings` are those of its manifest."""

    path: Path
    settings: Mapping[str, Any]

    @classmethod
    def open(cls, path: Path, settings: Mapping[str, Any]) -> Dataset:
        """The dataset. Files are read when they are asked for; a damaged one raises CorruptArtifactError."""
        return cls(Path(path), dict(settings))

    @property
    def task(self) -> str:
        """RECOMMENDATION or ANNOTATION."""
        return str(self.settings["task"])

    @property
    def dense(self) -> bool:
        """Whether the rows of x are dense."""
        return bool(self.settings["dense"])

    @functools.cached_property
    def summary(self) -> dict[str, Any]:
        """What `prepare` found: counts, frequencies, warnings."""
        return read_document(self.path / SUMMARY)

    @property
    def splits(self) -> dict[str, int]:
        """Split → number of examples with at least one positive there."""
        with decoding(self.path / SUMMARY, "the sizes of the splits"):
            return {str(split): int(n) for split, n in self.summary["splits"].items()}

    @functools.cached_property
    def labels(self) -> pa.Array:
        """The labels to rank (n_labels,): those that were prepared, unless a file names others."""
        return self.prepared_labels

    @functools.cached_property
    def prepared_labels(self) -> pa.Array:
        """The labels in the type they were given: by descending train count, then by value."""
        path = self.path / storage.LABELS
        with decoding(path, "labels, text or whole numbers"):
            labels = one_array(storage.read_table(path, ["label"]).column(0))
            if labels.null_count or not (is_string(labels.type) or pa.types.is_integer(labels.type)):
                raise ValueError(f"{labels.null_count} nulls among {labels.type}")
            return labels

    def among_labels(self, lists: Lists) -> Lists:
        """Lists of labels that were prepared as lists of the labels to rank."""
        return lists

    @property
    def n_labels(self) -> int:
        """The number of labels."""
        return len(self.labels)

    @functools.cached_property
    def space(self) -> FeatureSpace | None:
        """The features of an annotation dataset; None in recommendation, where they are the labels."""
        if self.task == RECOMMENDATION:
            return None
        options = FeatureOptions(**self.settings["feature_options"])
        return storage.read_features(self.path / storage.FEATURES, options, self.dense)

    @functools.cached_property
    def user_space(self) -> FeatureSpace | None:
        """The features of people beside their items; None where they have none."""
        return user_features.load(self.path, self.settings)

    @functools.cached_property
    def features(self) -> pa.Array:
        """The feature names (n_features,); the constant feature comes last and has the name null.

        In recommendation they are the items, and after those any features of people, as "user:NAME".
        """
        if self.space is not None:
            return self.space.names
        if self.user_space is None:
            return self.prepared_labels
        items = self.prepared_labels.cast(pa.large_string())
        return pa.concat_arrays([items, user_features.feature_names(self.user_space)])

    def of_items_alone(self) -> Dataset:
        """The same dataset without the features of people."""
        plain = {name: value for name, value in self.settings.items() if name != "user_features"}
        return self if self.user_space is None else replace(self, settings=plain)

    @property
    def n_features(self) -> int:
        """The number of features, the constant one included."""
        return len(self.features)

    @functools.cached_property
    def described(self) -> LabelFeatures | None:
        """What describes the labels, such as the words of documents; None where they are one-hot."""
        return load(self.path, self.settings, self.space)

    @property
    def y(self) -> Rows | None:
        """(n_labels, n_label_features), or None where labels are one-hot."""
        return self.described.rows if self.described else None

    @property
    def shares_features(self) -> bool:
        """Whether labels have the features of inputs, as documents have the words of queries."""
        return self.described is not None and self.described.shared

    @property
    def n_label_features(self) -> int:
        """The number of rows of V."""
        return self.described.width if self.described else self.n_labels

    def label_counts(self, splits: tuple[str, ...] = ("train",)) -> NDArray[np.int64]:
        """How many examples of these splits have each label (n_labels,)."""
        path = self.path / storage.LABELS
        with decoding(path, "counts of labels"):
            table = storage.read_table(path, [f"{split}_count" for split in splits])
            counts = (column.to_numpy().astype(np.int64, casting="same_kind") for column in table.columns)
            return sum(counts, np.zeros(table.num_rows, np.int64))

    @functools.cached_property
    def parents(self) -> Lists | None:
        """What each label is a kind of, as numbers; None where `prepare` was given no isa file."""
        return taxonomy.load_parents(self.path, self.n_labels) if self.settings.get("isa") else None

    def training(self, fit_on: tuple[str, ...] = ("train",)) -> Examples:
        """The examples to fit on.

        Recommendation: people with at least one item in these splits; x is their scaled bag and positives the
        same items (own). Annotation: the examples of these splits in input order.
        """
        require_splits(fit_on)
        columns = None if self.task == ANNOTATION else self._columns(fit_on)
        with self._reading():
            table = storage.read_table(self.path / storage.EXAMPLES, columns)
            examples = (
                self._annotated(table, fit_on) if self.task == ANNOTATION else self._people(table, fit_on)
            )
        if not len(examples):
            raise CorruptArtifactError(
                f"{self.path / storage.EXAMPLES}: expected examples in {' and '.join(fit_on)}, found none",
                hint="run `awe prepare` again",
            )
        drawn = self.described.drawn(examples.positives) if self.described else None
        return replace(examples, drawn=drawn)

    def entries(self, fit_on: tuple[str, ...] = ("train",)) -> int:
        """The entries of x of the examples to fit on, or a few more: of annotated examples, those of all splits."""
        rows, _, found = storage.count_entries(self.path / storage.EXAMPLES)
        if self.task == RECOMMENDATION:
            return sum(found.get(split, 0) for split in fit_on)
        return rows * self.n_features if self.dense else found.get("x_indices", 0)

    def stored_training(self, fit_on: tuple[str, ...], window: int) -> StoredExamples:
        """The same examples, left on disk: at most `window` entries of x are in memory, or one group of rows.

        They can be sent to another process that sees the same files.
        """
        require_splits(fit_on)
        read = functools.partial(self._training_group, self.path.resolve() / storage.EXAMPLES, fit_on)
        return stored_examples(read, storage.count_entries(self.path / storage.EXAMPLES)[1], window)

    def _training_group(self, path: Path, fit_on: tuple[str, ...], group: int) -> Examples:
        """The examples to fit on of one group of rows."""
        columns = self._stored_columns() if self.task == ANNOTATION else self._columns(fit_on)
        table = storage.read_group(path, columns, group)
        with self._reading():
            examples = (
                self._annotated(table, fit_on) if self.task == ANNOTATION else self._people(table, fit_on)
            )
        drawn = self.described.drawn(examples.positives) if self.described else None
        return replace(examples, drawn=drawn)

    def held_out(self, split: str, fit_on: tuple[str, ...] = ("train",)) -> Examples:
        """The examples to judge a fit on `fit_on` by.

        Recommendation: people with items in `split` that are no part of the fit; x and seen are their history
        over `fit_on`, which may be empty. Annotation: the examples of `split`; some may have no positives.
        """
        require_splits((split, *fit_on))
        columns = None if self.task == ANNOTATION else self._columns((split, *fit_on))
        with self._reading():
            return self._held_out(storage.read_table(self.path / storage.EXAMPLES, columns), split, fit_on)

    def held_out_batches(
        self,
        split: str,
        fit_on: tuple[str, ...] = ("train",),
        size: int = 8192,
        within: tuple[int, int] | None = None,
    ) -> Iterator[Examples]:
        """The same rows in the same order, at most `size` at a time: memory does not grow with the data.

        within  the first stored row and the one to stop before; None for all
        """
        require_splits((split, *fit_on))
        columns = self._stored_columns() if self.task == ANNOTATION else self._columns((split, *fit_on))
        for table in storage.read_batches(self.path / storage.EXAMPLES, columns, size, within):
            with self._reading():
                examples = self._held_out(table, split, fit_on)
            if len(examples):
                yield examples

    def everyone_batches(self, size: int = 8192, within: tuple[int, int] | None = None) -> Iterator[Examples]:
        """All that was prepared in stored order, at most `size` at a time: memory does not grow with the data.

        within  the first stored row and the one to stop before; None for all

        Recommendation: everybody; x and seen are all their items, of train, valid and test.
        Annotation: the examples of every split.
        """
        columns = self._stored_columns() if self.task == ANNOTATION else self._columns(SPLITS)
        for table in storage.read_batches(self.path / storage.EXAMPLES, columns, size, within):
            with self._reading():
                examples = self._all_of(table)
            if len(examples):
                yield examples

    def _all_of(self, table: pa.Table) -> Examples:
        if self.task == ANNOTATION:
            return self._annotated(table, SPLITS)
        x, seen, ids = self._history(table, SPLITS)
        return Examples(ids, x, no_lists(len(ids)), seen, own=False, y=self.y)

    def _reading(self) -> AbstractContextManager[None]:
        """Inside, what examples of other types or shapes raise is a CorruptArtifactError."""
        return decoding(self.path / storage.EXAMPLES, "the examples of a dataset")

    @property
    def n_stored(self) -> int:
        """How many examples or people are stored."""
        return storage.count_entries(self.path / storage.EXAMPLES)[0]

    @functools.cached_property
    def example_ids(self) -> pa.Array:
        """The ids of all examples or people, in stored order."""
        return one_array(storage.read_table(self.path / storage.EXAMPLES, ["id"]).column(0))

    def _columns(self, splits: tuple[str, ...]) -> list[str]:
        names = list(dict.fromkeys(splits))
        weights = [f"{name}_weights" for name in names if self.settings["weighted"]]
        users = [] if self.user_space is None else [storage.USER_INDICES, storage.USER_VALUES]
        return ["id", *names, *weights, *users]

    def _stored_columns(self) -> list[str]:
        more = [storage.GRADES] if self.summary.get("graded") else []
        more += [storage.WEIGHT] if self.settings["columns"].get("weight") else []
        return ["id", "split", "labels", *more, *(["x"] if self.dense else ["x_indices", "x_values"])]

    def _history(self, table: pa.Table, fit_on: tuple[str, ...]) -> tuple[Bags, Lists, pa.Array]:
        """x, the items in it, and the ids of the people in the table."""
        bags = history_of(table, fit_on, self.settings, len(self.prepared_labels))
        return (
            self._with_user_features(bags, table),
            Lists(bags.indptr, bags.indices),
            _ids_of(table),
        )

    def _with_user_features(self, history: Bags, table: pa.Table) -> Bags:
        """x of people whose items are `history`: with the features that the stored table has of them."""
        if self.user_space is None:
            return history
        features = storage.read_bags(table, storage.USER_INDICES, storage.USER_VALUES, len(self.user_space))
        return beside(history, features, len(self.prepared_labels))

    def _people(self, table: pa.Table, fit_on: tuple[str, ...]) -> Examples:
        x, items, ids = self._history(table, fit_on)
        kept = np.flatnonzero(np.diff(items.indptr))
        if len(kept) < len(ids):
            x, items, ids = *self._take(x, items, kept), ids.take(pa.array(kept))
        return Examples(ids, x, items, None, own=True, y=self.y)

    def _take(self, x: Bags, items: Lists, rows: NDArray[np.int64]) -> tuple[Bags, Lists]:
        """These rows; one array of indices serves as both where people have no features."""
        taken = take_bags(x, rows)
        return taken, Lists(taken.indptr, taken.indices) if self.user_space is None else take_lists(
            items, rows
        )

    def _held_out(self, table: pa.Table, split: str, fit_on: tuple[str, ...]) -> Examples:
        if self.task == ANNOTATION:
            return self._annotated(table, (split,))
        x, items, ids = self._history(table, fit_on)
        wanted = (
            no_lists(table.num_rows)
            if split in fit_on
            else storage.read_lists(table, split, len(self.prepared_labels))
        )
        kept = np.flatnonzero(np.diff(wanted.indptr))
        x, seen = self._take(x, items, kept)
        return Examples(ids.take(pa.array(kept)), x, take_lists(wanted, kept), seen, own=False, y=self.y)

    def _annotated(self, table: pa.Table, splits: tuple[str, ...]) -> Examples:
        table = table.filter(pc.is_in(table.column("split"), value_set=pa.array(splits)))
        x = storage.read_rows(table, self.n_features)
        assert n_rows(x) == table.num_rows
        positives, grades = storage.read_lists(table, "labels", len(self.prepared_labels)), None
        if storage.GRADES in table.column_names:
            grades = storage.read_bags(table, "labels", storage.GRADES, len(self.prepared_labels)).values
        ids = _ids_of(table)
        weight = None
        if storage.WEIGHT in table.column_names:
            weight = storage.read_weights(table, storage.WEIGHT)
        return Examples(ids, x, positives, None, own=False, y=self.y, grades=grades, weight=weight)
