"""The sources of weights of (feature, label) pairs: a file, counts of the training data, or equal names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse
from numpy.typing import NDArray

from awe_cli.affinities.registry import COUNTED
from awe_cli.baselines.base import label_matrix
from awe_cli.baselines.neighbors import filter_sides, largest_products
from awe_cli.core.interface import NO_PARAMS, AffinityParams
from awe_cli.dataset.dataset import RECOMMENDATION, Dataset
from awe_cli.dataset.examples import Examples
from awe_cli.dataset.features import BUCKET
from awe_cli.dataset.vocabulary import look_up
from awe_cli.errors import DataError, MissingInputError, SettingsError, did_you_mean
from awe_cli.io.columns import Batch, Role
from awe_cli.io.reader import called_as, read_batches
from awe_cli.io.remote import is_remote
from awe_cli.io.sources import Source, find_source
from awe_cli.matrices.bags import inputs, largest

FEATURE, LABEL, WEIGHT = "feature", "label", "weight"
ROLES = {FEATURE: Role.ID, LABEL: Role.ID, WEIGHT: Role.NUMBER}
IDENTITY = "identity"
PMI, COOCCURRENCE, GRAPH = COUNTED
_BLOCK = 1024  # features whose pairs are counted at a time
_LEAST = 2  # examples that must have a pair
_EXAMPLE_POWER, _LABEL_POWER = 0.5, 0.2  # of the graph filter
_GREATEST = 2.0  # the median, over the features, of the greatest weight of the graph filter


def pairs_source(resolved: str) -> Source | None:
    """The file that --pairs names; None where it is a method such as pmi. Raises MissingInputError, DataError."""
    methods = (*COUNTED, IDENTITY)
    if resolved in methods:
        return None
    if not is_remote(resolved) and not Path(resolved).exists():
        raise MissingInputError(
            f"--pairs: expected {', '.join(methods)} or a file of feature, label, weight, found {resolved!r}: "
            "there is no such file",
            hint=did_you_mean(resolved, methods, "check the path"),
        )
    return find_source(resolved, Path(resolved))


def label_names(dataset: Dataset) -> pa.Array:
    """The names of the second part of a pair: labels, or label features, such as the words of documents."""
    return dataset.described.space.names if dataset.described else dataset.labels


def read_pairs(source: Source, dataset: Dataset) -> scipy.sparse.csr_matrix:
    """The matrix (features, labels or label features) of a file of triples.

    Raises MissingInputError for a missing column and for a name that the dataset does not have, DataError for a pair
    that occurs twice and for a weight that is no number.
    """
    rows: list[NDArray[Any]] = []
    columns: list[NDArray[Any]] = []
    weights: list[NDArray[Any]] = []
    for batch in read_batches(source, ROLES, hint=called_as(ROLES)):
        for column, known, found in (
            (FEATURE, dataset.features, rows),
            (LABEL, label_names(dataset), columns),
        ):
            values = batch.column(column)
            codes = look_up(values, known, f"{source.name}: column {column!r}", untyped=batch.untyped)
            _require_known(batch, column, values, codes)
            found.append(codes)
        weights.append(batch.column(WEIGHT).to_numpy(zero_copy_only=False))
    if not sum(map(len, weights)):
        raise DataError(f"{source.name}: expected rows of feature, label, weight, found none", hint=_TRIPLES)
    return _matrix(source, dataset, np.concatenate(rows), np.concatenate(columns), np.concatenate(weights))


_TRIPLES = "give each pair one row"


def _require_known(batch: Batch, column: str, values: pa.Array, codes: NDArray[np.int32]) -> None:
    unknown = np.flatnonzero(codes < 0)
    if len(unknown):
        raise MissingInputError(
            f"{batch.file}: column {column!r}, row {batch.row(unknown[0]):,}: expected a {column} of the dataset, "
            f"found {values[unknown[0]].as_py()!r}; unknown in this part of the file: {len(unknown):,} rows",
            hint="leave out pairs of names that `awe prepare` did not see; where it hashed them (--hash-bits), name "
            f"buckets, such as '{BUCKET}17'",
        )


def _matrix(
    source: Source, dataset: Dataset, rows: NDArray[Any], columns: NDArray[Any], weights: NDArray[Any]
) -> scipy.sparse.csr_matrix:
    keys = rows.astype(np.int64) * dataset.n_label_features + columns
    order = np.argsort(keys, kind="stable")
    twice = np.flatnonzero(np.diff(keys[order]) == 0)
    if len(twice):
        at = order[twice[0]]
        raise DataError(
            f"{source.name}: expected each pair once, found feature {dataset.features[rows[at]].as_py()!r} with label "
            f"{label_names(dataset)[columns[at]].as_py()!r} twice",
            hint=_TRIPLES,
        )
    shape = (dataset.n_features, dataset.n_label_features)
    indptr = np.searchsorted(rows[order], np.arange(shape[0] + 1))
    return scipy.sparse.csr_matrix((weights[order], columns[order], indptr), shape=shape)


def identical_names(dataset: Dataset) -> scipy.sparse.csr_matrix:
    """1 for every feature with the name of a label: I of xᵀIy. Raises DataError where there is none."""
    names = dataset.features.cast(pa.string())
    found = look_up(names, label_names(dataset).cast(pa.string()), "features", untyped=False)
    found[np.asarray(names.is_null().to_numpy(zero_copy_only=False))] = -1
    rows = np.flatnonzero(found >= 0)
    if not len(rows):
        raise DataError(
            f"--pairs {IDENTITY}: expected features with the names of labels, found none",
            hint=f"use --pairs {PMI}, or a file of triples",
        )
    shape = (dataset.n_features, dataset.n_label_features)
    return scipy.sparse.csr_matrix((np.ones(len(rows)), (rows, found[rows])), shape=shape)


def counted_pairs(
    kind: str, examples: Examples, shape: tuple[int, int], most: int
) -> scipy.sparse.csr_matrix:
    """The pairs of a feature with examples in common, at least two, and the `most` heaviest of each feature.

    cooccurrence  the share of the examples with feature i that have label y
    graph         s of the baseline graph-filter with a = 0.5 and c = 0.2, also of pairs with one example in common,
                  scaled so that the greatest weights of the features have the median 2
    pmi           log(p(i, y)/(p(i) p(y))) / −log p(i, y), those above 0: normalised pointwise mutual information
                  (Bouma 2009)

    Where labels are described, y is a feature of a positive, and pairs are (features, label features).
    A label is not counted with itself where the labels are the features: it is left out of x when it is the target.
    """
    if kind == GRAPH:
        return _filtered(examples, shape, most)
    X = (inputs(examples.x, shape[0]) > 0).astype(np.float64)
    n = len(examples)
    Y = _of_positives(examples, shape[1])
    of_feature, of_label = np.asarray(X.sum(axis=0)).ravel(), np.asarray(Y.sum(axis=0)).ravel()
    columns, blocks = X.tocsc(), []
    for start in range(0, shape[0], _BLOCK):
        counts = (columns[:, start : start + _BLOCK].T @ Y).tocoo()
        row, label, both = counts.row + start, counts.col, counts.data
        kept = (both >= _LEAST) & ~(examples.own & (row == label))
        row, label, both = row[kept], label[kept], both[kept]
        weight = both / of_feature[row]
        if kind == PMI:
            weight = np.log(weight * n / of_label[label]) / np.maximum(-np.log(both / n), 1e-12)
        there = weight > 0
        height = min(_BLOCK, shape[0] - start)
        block = scipy.sparse.csr_matrix(
            (weight[there], (row[there] - start, label[there])), shape=(height, shape[1])
        )
        blocks.append(scipy.sparse.csr_matrix(_heaviest(block, most), shape=block.shape))
    return scipy.sparse.vstack(blocks, format="csr")


def _of_positives(examples: Examples, n: int) -> scipy.sparse.csr_matrix:
    """(n examples, labels) of zeros and ones; where features describe labels, the features of any of the positives."""
    if examples.y is None:
        return label_matrix(examples.positives, n)
    y = inputs(examples.y, n) > 0
    return (label_matrix(examples.positives, y.shape[0]) @ y.astype(np.float64) > 0).astype(np.float64)


def _filtered(examples: Examples, shape: tuple[int, int], most: int) -> scipy.sparse.csr_matrix:
    X = inputs(examples.x, shape[0])
    # The features of a person come after the items, which are the labels.
    Y = X[:, : shape[1]] if examples.own else _of_positives(examples, shape[1])
    features, labels = filter_sides(X, Y, examples.own, _EXAMPLE_POWER, _LABEL_POWER)
    found = largest_products(features, labels, most, examples.own)
    greatest = found.max(axis=1).toarray()
    return found * (_GREATEST / np.median(greatest[greatest > 0])) if found.nnz else found


def _heaviest(block: scipy.sparse.csr_matrix, most: int) -> tuple[Any, Any, Any]:
    indptr, columns, values = largest(block, most)
    return values, columns, indptr


def as_learned(matrix: scipy.sparse.csr_matrix, lift: float) -> AffinityParams:
    """The stored pairs as parameters of an affinity, each with `lift` added."""
    matrix = matrix.sorted_indices()
    return NO_PARAMS._replace(
        indptr=matrix.indptr.astype(np.int64),
        labels=matrix.indices.astype(np.int32),
        pairs=(matrix.data + lift).astype(np.float32),
    )


def check_counted(dataset: Dataset, kind: str) -> None:
    """Raise SettingsError where co-occurrence is constant: for dense features, and for items with attributes."""
    if dataset.dense:
        raise SettingsError(
            f"--pairs {kind}: expected sparse features, found dense ones, which every example has",
            hint="name a file of triples: --pairs pairs.parquet",
        )
    if dataset.described and dataset.task == RECOMMENDATION:
        raise SettingsError(
            f"--pairs {kind}: expected labels that are their own features, found items with attributes, and an item "
            "occurs with its own ones always",
            hint="name a file of triples of item, attribute and weight: --pairs pairs.parquet",
        )
