"""A dataset in memory, made of arrays: annotated examples with no files behind them."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse
from numpy.typing import NDArray

from awe_cli.config.prepare import PrepareSettings
from awe_cli.dataset.annotations import Annotations, RawExamples, build_annotations
from awe_cli.dataset.dataset import ANNOTATION, Dataset, scale_history
from awe_cli.dataset.diagnostics import label_counts
from awe_cli.dataset.examples import Examples
from awe_cli.dataset.features import FeatureSpace, Raw, RawBags, RawDense
from awe_cli.dataset.label_features import LabelFeatures
from awe_cli.dataset.spec import feature_options
from awe_cli.dataset.splits import SPLITS, SplitRule, require_splits
from awe_cli.errors import DataError
from awe_cli.matrices.bags import no_lists
from awe_cli.matrices.matrix import Bags, Lists

Matrix = Any  # (n, p): a NumPy array or a SciPy sparse matrix

_NOWHERE = Path("memory")  # the dataset has no folder


def as_raw(X: Matrix, names: Sequence[str] | None = None) -> Raw:
    """The rows of X (n, p) as they would be read from a file; features of sparse rows are their column numbers.

    names  (p,) of dense features; None: their column numbers

    Raises DataError for a number that is too large for single precision.
    """
    if scipy.sparse.issparse(X):
        rows = scipy.sparse.csr_matrix(X)
        return RawBags(
            pa.array(np.arange(rows.shape[1])),
            rows.indptr.astype(np.int64),
            rows.indices.astype(np.int32),
            _single(rows.data),
        )
    values = _single(np.asarray(X))
    columns = names if names is not None else [str(column) for column in range(values.shape[1])]
    return RawDense(pa.array(columns, pa.string()), values)


def _single(values: NDArray[Any]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        single = np.ascontiguousarray(values, np.float32)
    if not np.isfinite(single).all():
        raise DataError(
            "expected numbers of at most 3.4e38, which single precision holds, found a larger one or infinity",
            hint="scale that feature down",
        )
    return single


def encode_matrix(dataset: Dataset, X: Matrix) -> Examples:
    """The rows of X (n, p), dense or sparse, as new examples of a prepared dataset; their ids are 0 … n - 1.

    The columns are the features of the dataset in its order, without the constant one: in recommendation its items,
    entry by entry a weight above 0, or 1 where interactions have none. Raises DataError for another number of columns.
    """
    space = dataset.space
    columns = len(dataset.prepared_labels) if space is None else space.given
    if X.ndim != 2 or X.shape[1] != columns:
        what = "items" if space is None else "features"
        raise DataError(
            f"expected a matrix with {columns:,} columns, the {what} of the dataset, found the shape {X.shape}",
            hint=f"its columns are in the order of the {what} of Workspace.dataset()",
        )
    ids = pa.array(np.arange(X.shape[0]))
    if space is not None:
        if space.dense:
            raw = as_raw(X.toarray() if scipy.sparse.issparse(X) else X)
        else:
            raw = as_raw(scipy.sparse.csr_matrix(X))
        if isinstance(raw, RawBags):
            raw = raw._replace(vocabulary=space.names.slice(0, space.given), named_as_known=True)
        x, _ = space.apply(raw)
        return Examples(ids, x, no_lists(len(ids)), None, own=False)
    rows = scipy.sparse.csr_matrix(X)
    rows.sum_duplicates()
    rows.eliminate_zeros()
    if rows.nnz and not (np.isfinite(rows.data).all() and rows.data.min() > 0):
        raise DataError(
            "expected weights above 0 for the items of a person, found another number",
            hint="leave out items that were not chosen: 0 stands for them",
        )
    bags = Bags(rows.indptr.astype(np.int64), rows.indices.astype(np.int32), _single(rows.data))
    seen = Lists(bags.indptr, bags.indices)
    if not dataset.settings["weighted"]:
        bags = bags._replace(values=np.ones_like(bags.values))
    return Examples(ids, scale_history(bags, dataset.settings), no_lists(len(ids)), seen, own=False)


def as_lists(Y: Matrix) -> Lists:
    """The labels of each row of an indicator matrix Y (n, labels): the columns that are not 0."""
    rows = scipy.sparse.csr_matrix(Y)
    rows.eliminate_zeros()
    rows.sort_indices()
    return Lists(rows.indptr.astype(np.int64), rows.indices.astype(np.int32))


@dataclass(frozen=True)
class MemoryDataset(Dataset):
    """Annotated examples in memory; labels are numbers, those of the columns that they came from.

    data  the examples, split, with scaled features
    """

    data: Annotations

    @functools.cached_property
    def summary(self) -> dict[str, Any]:
        """How many examples each split has, and how many of them have labels."""
        labelled = np.diff(self.data.positives.indptr) > 0
        inside = [self.data.split == code for code in range(len(SPLITS))]
        return {
            "splits": {s: int(np.count_nonzero(labelled & i)) for s, i in zip(SPLITS, inside, strict=True)},
            "sizes": {s: {"examples": int(np.count_nonzero(i))} for s, i in zip(SPLITS, inside, strict=True)},
        }

    @functools.cached_property
    def prepared_labels(self) -> pa.Array:
        """The labels: by descending train count, then by value."""
        return self.data.labels

    @functools.cached_property
    def space(self) -> FeatureSpace | None:
        """The features."""
        return self.data.space

    @functools.cached_property
    def described(self) -> LabelFeatures | None:
        """None: labels are one-hot."""
        return None

    @functools.cached_property
    def parents(self) -> Lists | None:
        """None: labels have no hierarchy."""
        return None

    @functools.cached_property
    def example_ids(self) -> pa.Array:
        """The row numbers, from 1."""
        return self.data.ids

    def label_counts(self, splits: tuple[str, ...] = ("train",)) -> NDArray[np.int64]:
        """How many examples of these splits have each label (n_labels,)."""
        return label_counts(self.data.positives, self._inside(splits), self.n_labels)

    def training(self, fit_on: tuple[str, ...] = ("train",)) -> Examples:
        """The examples of these splits, in the order of the rows."""
        require_splits(fit_on)
        return self._all().take(np.flatnonzero(self._inside(fit_on)))

    def entries(self, fit_on: tuple[str, ...] = ("train",)) -> int:
        """None that would have to be read: the examples are in memory."""
        return 0

    def held_out(self, split: str, fit_on: tuple[str, ...] = ("train",)) -> Examples:
        """The examples of `split`; some may have no positives."""
        require_splits((split, *fit_on))
        return self.training((split,))

    def held_out_batches(
        self,
        split: str,
        fit_on: tuple[str, ...] = ("train",),
        size: int = 8192,
        within: tuple[int, int] | None = None,
    ) -> Iterator[Examples]:
        """The same examples, at most `size` at a time."""
        assert within is None, "only stored examples are read by rows"
        yield from _cut(self.held_out(split, fit_on), size)

    def everyone_batches(self, size: int = 8192, within: tuple[int, int] | None = None) -> Iterator[Examples]:
        """All examples, at most `size` at a time."""
        assert within is None, "only stored examples are read by rows"
        yield from _cut(self._all(), size)

    def _all(self) -> Examples:
        return Examples(
            self.data.ids, self.data.x, self.data.positives, None, own=False, weight=self.data.weight
        )

    def _inside(self, splits: tuple[str, ...]) -> NDArray[np.bool_]:
        return np.isin(self.data.split, [SPLITS.index(split) for split in splits])


def _cut(examples: Examples, size: int) -> Iterator[Examples]:
    for start in range(0, len(examples), size):
        yield examples.slice(start, min(start + size, len(examples)))


def make_dataset(
    raw: Raw,
    labels: Lists,
    n_labels: int,
    settings: PrepareSettings,
    weight: NDArray[np.float32] | None = None,
) -> MemoryDataset:
    """The dataset of rows and their labels, columns 0 … n_labels - 1, as `awe prepare` would make it.

    settings  how features are made, and which share is set aside for validation; there is no test split
    weight    (n,) of each row in learning, above 0; None where all are 1

    Raises SettingsError for settings that cannot be, DataError where no row has a feature.
    """
    options = feature_options(settings, dense=isinstance(raw, RawDense))
    n = len(labels.indptr) - 1
    examples = RawExamples(
        pa.array(np.arange(1, n + 1)),
        raw,
        pa.array(np.arange(n_labels)),
        labels,
        split=None,
        by_id=False,
        weight=weight,
    )
    rule = SplitRule(valid_fraction=settings.valid_fraction, seed=settings.seed)
    data = build_annotations(examples, rule, options)
    stored = {"task": ANNOTATION, "dense": data.space.dense, "feature_options": options.stored()}
    return MemoryDataset(_NOWHERE, stored, data)
