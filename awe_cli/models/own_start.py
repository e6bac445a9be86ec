"""What a user's own affinity starts from beside U and V: what its method `numbers` says, checked.

Compiled code reads and writes an array as it was told to: one of other rows or of another type would be memory of
somebody else.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from awe_cli.affinity.entry import Shape
from awe_cli.data.aligned import copy
from awe_cli.data.dataset import Dataset
from awe_cli.errors import SettingsError
from awe_cli.kernels.interface import sees_features
from awe_cli.kernels.learned import NOTHING, Learned
from awe_cli.models.own_affinity import own_of
from awe_cli.models.own_file import stopped
from awe_cli.training.plan import Plan


def start_own(settings: dict[str, Any], path: Path, dataset: Dataset, plan: Plan) -> Learned:
    """The numbers of its own in arrays of their own; nothing where it has no `numbers`. Raises SettingsError."""
    affinity = own_of(settings, path)
    if not hasattr(affinity, "numbers"):
        return NOTHING
    labels = dataset.n_label_features if sees_features(affinity) else dataset.n_labels
    shape = Shape(dataset.n_features, labels, plan.dim, plan.initial_scale, plan.seed)
    try:
        found = affinity.numbers(shape)
    except Exception as error:
        expected = "`numbers` must say what the affinity starts from"
        raise stopped(path, error, "in `numbers`", expected) from error
    for wrong in _wrong(found, shape, dataset.n_label_features):
        raise SettingsError(
            f"--affinity: {path}: `numbers` of {settings['type']}: expected {wrong}",
            hint="`Learned` is in awe_cli.kernels.learned, where its arrays are described; "
            "NOTHING._replace(shared=…) is one with shared rows",
        )
    return Learned(*map(copy, found))


def _wrong(found: Any, shape: Shape, n_label_features: int) -> Iterator[str]:
    """What was expected, and found, of whatever is not as the kernels take it."""
    if not isinstance(found, Learned):
        yield f"a Learned, found {found!r}"
    for name, kind in zip(Learned._fields, (empty.dtype for empty in NOTHING), strict=True):
        array, n_axes = getattr(found, name), getattr(NOTHING, name).ndim
        if not isinstance(array, np.ndarray) or (array.dtype, array.ndim) != (kind, n_axes):
            yield f"{name} to be an array of {kind} with {n_axes} axes, found {_described(array)}"
        if kind == np.float32 and not np.isfinite(array).all():
            yield f"finite numbers in {name}, found {array[~np.isfinite(array)][0]}"
    for name, rows, whose in (("U_hat", shape.features, "features"), ("V_hat", shape.labels, "labels")):
        array = getattr(found, name)
        if array.shape[1] and len(array) != rows:
            yield f"{name} to have shape.{whose} = {rows} rows, found {_described(array)}"
    yield from _wrong_pairs(found, shape.features, n_label_features)


def _wrong_pairs(found: Learned, features: int, n_label_features: int) -> Iterator[str]:
    """The same of pairs."""
    indptr, labels = found.indptr, found.labels
    if len(labels) != len(found.pairs):
        yield f"as many pairs as labels, found {len(found.pairs)} and {len(labels)}"
    expected = (features + 1, 0, len(labels)) if len(indptr) or len(labels) else (0, 0, 0)
    if (len(indptr), *(indptr[[0, -1]] if len(indptr) else (0, 0))) != expected or (
        np.diff(indptr) < 0
    ).any():
        yield f"indptr to be {features + 1} numbers that rise from 0 to the {len(labels)} pairs"
    if len(labels) and not (labels.min() >= 0 and labels.max() < n_label_features):
        yield f"labels to be rows of V, 0 to {n_label_features - 1}, found {labels.min()} to {labels.max()}"


def _described(array: Any) -> str:
    return f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else repr(array)
