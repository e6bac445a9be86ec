"""An affinity from a user's file that is learned with U and V: its initial parameters, and a trial before training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe_cli.affinities.spec import Shape
from awe_cli.core.arrays import copy
from awe_cli.core.completeness import formulas_of
from awe_cli.core.dispatch import interpreted
from awe_cli.core.epoch import State
from awe_cli.core.interface import (
    NO_PARAMS,
    AffinityParams,
    ExampleContext,
    GradientBuffers,
    gradient,
    is_featurewise,
    n_tables,
    score,
    score_from_dot,
)
from awe_cli.core.labels import features_of
from awe_cli.core.pairs import link_pairs, weighs_pairs
from awe_cli.dataset.dataset import Dataset
from awe_cli.dataset.examples import Examples
from awe_cli.errors import AweError, SettingsError
from awe_cli.matrices.matrix import Bags, Dense, Rows, n_rows
from awe_cli.plugins.file import GUIDE, plugin_of, refused, stopped, where
from awe_cli.ranking.embedding import EmbeddingRanker, label_rows
from awe_cli.training.config import TrainConfig
from awe_cli.training.state import arrays_of
from awe_cli.training.trainer import chain_buffers, epochs, label_side, slots_of, sum_buffers

# The initial parameters beside U and V: the checked result of the method `numbers`.
#
# Compiled code does not check arrays: with other shapes or types it would read and write memory beyond them.


def start_plugin(settings: dict[str, Any], path: Path, dataset: Dataset, plan: TrainConfig) -> AffinityParams:
    """A copy of the result of `numbers`; NO_PARAMS where the type has no such method. Raises SettingsError."""
    affinity = plugin_of(settings, path)
    if not hasattr(affinity, "numbers"):
        return NO_PARAMS
    labels = dataset.n_label_features if is_featurewise(affinity) else dataset.n_labels
    shape = Shape(dataset.n_features, labels, plan.dim, plan.initial_scale, plan.seed)
    try:
        found = affinity.numbers(shape)
    except Exception as error:
        expected = "`numbers` must return the initial parameters of the affinity"
        raise stopped(path, error, "in `numbers`", expected) from error
    for wrong in _mismatches(found, shape, dataset.n_label_features):
        raise SettingsError(
            f"--affinity: {path}: `numbers` of {settings['type']}: expected {wrong}",
            hint="`AffinityParams` is in awe_cli.core.interface, where its arrays are described; "
            "NO_PARAMS._replace(shared=…) is one with shared rows",
        )
    return AffinityParams(*map(copy, found))


def _mismatches(found: Any, shape: Shape, n_label_features: int) -> Iterator[str]:
    """A message for each array that kernels cannot take: expected and found."""
    if not isinstance(found, AffinityParams):
        yield f"an AffinityParams, found {found!r}"
    for name, kind in zip(AffinityParams._fields, (empty.dtype for empty in NO_PARAMS), strict=True):
        array, n_axes = getattr(found, name), getattr(NO_PARAMS, name).ndim
        if not isinstance(array, np.ndarray) or (array.dtype, array.ndim) != (kind, n_axes):
            yield f"{name} to be an array of {kind} with {n_axes} axes, found {_described(array)}"
        if kind == np.float32 and not np.isfinite(array).all():
            yield f"finite numbers in {name}, found {array[~np.isfinite(array)][0]}"
    for name, rows, whose in (("U_hat", shape.features, "features"), ("V_hat", shape.labels, "labels")):
        array = getattr(found, name)
        if array.shape[1] and len(array) != rows:
            yield f"{name} to have shape.{whose} = {rows} rows, found {_described(array)}"
    yield from _pair_mismatches(found, shape.features, n_label_features)


def _pair_mismatches(found: AffinityParams, features: int, n_label_features: int) -> Iterator[str]:
    """`_mismatches` of the pairs."""
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


# A probe for indices out of bounds: an example with the first and the last feature.
#
# It is scored for the first and the last label, which have the first and the last label feature.


def boundary_probe(state: State, y: Rows | None, x: float) -> tuple[ExampleContext, GradientBuffers]:
    """The context of the example for an affinity without tables, and its gradients, all zeros.

    y  (labels, label features) the features of labels; None where they are one-hot
    x  the value of both features
    """
    learned, dim = state.learned, state.U.shape[1]
    indices = _first_and_last(len(state.U))
    values = np.full(len(indices), x, np.float32)
    y = None if y is None else _described_by_first_and_last(y, len(state.V))
    side, _ = label_side(y, state)
    bag = Bags(np.array([0, len(indices)]), indices, values)
    chains = chain_buffers(learned, bag, len(indices), len(state.V))
    context = ExampleContext(
        0,
        indices,
        values,
        state.U,
        label_rows(y, state.V),
        features_of(side),
        state.V,
        values @ state.U[indices],
        np.zeros(0, np.float32),
        np.zeros(len(indices), np.float32),
        learned,
        chains,
    )
    v, v_hat = np.zeros(dim, np.float32), np.zeros(learned.V_hat.shape[1], np.float32)
    return context, GradientBuffers(
        z=np.zeros(dim, np.float32),
        u=np.zeros((len(indices), dim), np.float32),
        v=v,
        shared=np.zeros_like(learned.shared),
        u_hat=np.zeros((len(indices), learned.U_hat.shape[1]), np.float32),
        v_hat=v_hat,
        pairs=np.zeros(len(chains.before), np.float32),
        vj=v if y is None else np.zeros_like(v),
        vj_hat=v_hat if y is None else np.zeros_like(v_hat),
        slot=slots_of(side),
        sums=sum_buffers(side, np.array([2]), np.array([0]), dim, len(v_hat)),
    )


def _first_and_last(n: int) -> NDArray[np.int32]:
    return np.unique([0, n - 1]).astype(np.int32)


def _described_by_first_and_last(y: Rows, width: int) -> Rows:
    """As many labels, of which the first and the last have the first and the last feature of `width`."""
    ends = _first_and_last(width)
    if isinstance(y, Dense):
        return Dense(ends, y.values[:, ends])
    described, lengths = _first_and_last(n_rows(y)), np.zeros(n_rows(y), np.int64)
    lengths[described] = len(ends)
    indices = np.tile(ends, len(described))
    return Bags(np.append(0, np.cumsum(lengths)), indices, np.ones(len(indices), np.float32))


# The trial of an affinity before training: indices within bounds, compilation, and finite numbers.

_EVERYWHERE = f"f and its slope must be numbers for any s, 0 and below too; {GUIDE}"


def try_out(path: Path, own: Any, affinity: Any, examples: Examples, state: State, plan: TrainConfig) -> None:
    """Score and learn these few examples from `state`, which is changed. Raises SettingsError where that fails.

    own       the affinity of the file
    affinity  the same, with its floor
    """
    if n_tables(own):
        raise SettingsError(
            f"--affinity: {path}: {type(own).__qualname__} loads tables of G, which an affinity from a file cannot",
            hint=f"declare it with without_table; {GUIDE}",
        )
    _check_indices(path, affinity, state, examples.y)
    turned = [state._replace(U=U) for U in (state.U, -state.U, np.zeros_like(state.U))]
    try:
        reach = max(_check_scores(path, own, affinity, examples, each) for each in turned)
        for each in turned[:2]:
            report = next(epochs(affinity, examples, each, replace(plan, epochs=1), threads=1))
            if not np.isfinite(report.loss) or not all(map(_is_finite, arrays_of(each).values())):
                raise _no_number(path, own, 1, "no finite number", f"some s from -{reach:.4g} to {reach:.4g}")
    except AweError:
        raise
    except Exception as error:  # numba has no one type for what it cannot compile
        raise refused(path, error) from error


def _check_indices(path: Path, affinity: Any, state: State, y: Rows | None) -> None:
    """Run every formula once in Python, which checks indices."""
    for x in (1.0, -1.0):
        context, gradients = boundary_probe(state, y, x)
        if weighs_pairs(affinity):
            interpreted(link_pairs)(context)
        for label in (0, len(context.V) - 1):
            s = np.float32(context.z @ context.V[label])
            for formula, *point in (
                (score_from_dot, s, context, label),
                (score, context, label, -1),
                (score, context, label, 0),
                (gradient, context, label, -1, np.float32(1), gradients),
            ):
                _check_index(path, formula, affinity, *point)


def _check_index(path: Path, formula: Any, affinity: Any, *point: Any) -> None:
    try:
        with np.errstate(all="ignore"):
            interpreted(formula)(affinity, *point)
    except IndexError as error:
        raise SettingsError(
            f"--affinity: {path}, {where(error, path)}: {error}",
            hint=f"compiled, it would read or write memory that is not the array's; {GUIDE}",
        ) from error
    except Exception:
        return  # compiled, a division by 0 does not raise; other errors are reported by the compilation


def _check_scores(path: Path, own: Any, affinity: Any, examples: Examples, state: State) -> float:
    """The greatest |s| of these examples. Raises SettingsError where f is no finite number."""
    ranker = EmbeddingRanker(affinity, state.U, state.V, learned=state.learned, y=examples.y)
    f, s = ranker.scores(examples.x)
    assert s is not None
    for e, label in np.argwhere(~np.isfinite(f))[:1]:
        raise _no_number(path, own, 0, str(f[e, label]), f"s = {s[e, label]:.4g}")
    return float(np.abs(s).max(initial=0))


def _is_finite(array: NDArray[Any]) -> bool:
    return bool(np.isfinite(array).all())


def _no_number(path: Path, own: Any, formula: int, found: str, point: str) -> SettingsError:
    name = formulas_of(type(own))[formula]
    resolved = ", ".join(f"{field}={value}" for field, value in own._asdict().items())
    return SettingsError(
        f"--affinity: {path}: {name} of {type(own).__qualname__}({resolved}) gives {found} for {point}",
        hint=_EVERYWHERE,
    )
