"""Starting training on one version of a dataset from a model of another: rows are matched by id.

U has a row for each feature, V for each label or label feature, the factors of an affinity likewise, and its pairs a
number each. Rows that both versions have are copied with their AdaGrad accumulators. New rows start as in a first
training: rows of U and V at small random numbers, identities at 0, all with empty accumulators, so that their first
steps are long while those of known rows stay short. Rows that only the other version has are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe_cli.core.arrays import copy
from awe_cli.core.epoch import State
from awe_cli.core.interface import NO_PARAMS, AdagradState, AffinityParams, zero_adagrad_state
from awe_cli.dataset.dataset import Dataset
from awe_cli.dataset.examples import Examples
from awe_cli.dataset.versions import label_feature_places, places_by_id
from awe_cli.errors import SettingsError
from awe_cli.models.store import Fit, fits_of_model, load_state
from awe_cli.models.versions import dataset_of
from awe_cli.training.config import TrainConfig
from awe_cli.training.state import fresh_state
from awe_cli.workspace import Artifact, Workspace


def transfer(
    state: State, source: Dataset, target: Dataset, plan: TrainConfig, learned: AffinityParams = NO_PARAMS
) -> State:
    """The state of a model of the dataset `source` as a start on `target`, another version of it.

    plan     the configuration: scale and seed of new rows; its dimension is that of the state
    learned  the initial parameters of the model's affinity on `target`, NO_PARAMS where another one is to be learned

    Raises SettingsError where the factors of the affinity have other sizes than the initial ones.
    """
    tied = state.V is state.U
    fresh = fresh_state(target, replace(plan, tie=tied))
    rows = _Places(
        places_by_id(target.features, source.features),
        label_feature_places(target, source),
        places_by_id(target.prepared_labels, source.prepared_labels),
    )
    _take_over(fresh.U, state.U, rows.features)
    _take_over(fresh.u_history, state.u_history, rows.features)
    if not tied:
        _take_over(fresh.V, state.V, rows.label_features)
        _take_over(fresh.v_history, state.v_history, rows.label_features)
    memory = zero_adagrad_state(learned)
    if learned is not NO_PARAMS:
        learned, memory = _own_numbers(state, learned, rows, source)
    return fresh._replace(learned=learned, memory=memory)


class _Places(NamedTuple):
    """The index in the source of each feature, row of V and label of the target; -1 where it is new."""

    features: NDArray[np.int32]
    label_features: NDArray[np.int32]
    labels: NDArray[np.int32]


def _take_over(buffers: NDArray[Any], old: NDArray[Any], place: NDArray[np.int32]) -> None:
    """buffers[i] = old[place[i]] where place[i] is not -1."""
    known = np.flatnonzero(place >= 0)
    buffers[known] = old[place[known]]


def _own_numbers(
    state: State, learned: AffinityParams, rows: _Places, source: Dataset
) -> tuple[AffinityParams, AdagradState]:
    """The parameters of the affinity and their accumulators, with the values of the source where it has them."""
    old, remembered = state.learned, state.memory
    learned = learned._replace(**{name: copy(array) for name, array in learned._asdict().items()})
    memory = zero_adagrad_state(learned)
    for name in ("shared", "U_hat", "V_hat"):
        now, before = getattr(learned, name), getattr(old, name)
        place = np.arange(len(now), dtype=np.int32)
        if name == "U_hat":
            place = rows.features
        elif name == "V_hat":
            place = rows.label_features if len(before) == source.n_label_features else rows.labels
        if now.shape[1:] != before.shape[1:] or (now.size and len(place) != len(now)):
            raise SettingsError(
                f"--start: expected a model whose affinity has {now.shape[1:]} numbers a row of {name}, found "
                f"{before.shape[1:]}",
                hint="start from a linear model, or leave --start out",
            )
        if now.size:
            _take_over(now, before, place)
            _take_over(getattr(memory, name), getattr(remembered, name), place)
    if len(learned.pairs):
        place = _pair_places(learned, old, rows, source.n_label_features)
        _take_over(learned.pairs, old.pairs, place)
        _take_over(memory.pairs, remembered.pairs, place)
    return learned, memory


def _pair_places(
    learned: AffinityParams, old: AffinityParams, rows: _Places, width: int
) -> NDArray[np.int32]:
    """The index of each pair (feature, row of V) among the old pairs; -1 where it is new."""
    if not len(old.pairs):
        return np.full(len(learned.pairs), -1, np.int32)
    feature = rows.features[np.repeat(np.arange(len(learned.indptr) - 1), np.diff(learned.indptr))]
    label = rows.label_features[learned.labels]
    wanted = np.where((feature < 0) | (label < 0), -1, feature.astype(np.int64) * width + label)
    # ascending: by feature, then by row of V
    keys = np.repeat(np.arange(len(old.indptr) - 1, dtype=np.int64), np.diff(old.indptr)) * width + old.labels
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, place, -1).astype(np.int32)


def start_loader(
    ws: Workspace,
    start: Artifact,
    dataset: Dataset,
    plan: TrainConfig,
    numbers: Callable[[TrainConfig, Examples], AffinityParams] | None = None,
) -> Callable[[Fit], State]:
    """The function that reads the state of a fit from the model to start from: the same fit, else the smallest one.

    plan     the configuration of new rows, where the model is one of another version of the dataset
    numbers  the initial parameters of the model's affinity on `dataset`; None where another one is to be learned
    """
    fits = fits_of_model(start)

    def load(fit: Fit) -> State:
        state = load_state(start, fit if fit in fits else min(fits, key=len))
        if start.parents["dataset"] == dataset.path.name:
            return state
        own = numbers(plan, dataset.training(fit)) if numbers else NO_PARAMS
        return transfer(state, dataset_of(ws, start), dataset, replace(plan, dim=state.U.shape[1]), own)

    return load
