"""The initial U, V and AdaGrad accumulators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe_cli.core.arrays import copy, zeros
from awe_cli.core.epoch import State
from awe_cli.core.interface import AdagradState, AffinityParams, zero_adagrad_state
from awe_cli.dataset.dataset import Dataset
from awe_cli.training.config import SGD, TrainConfig

_ROUNDING = 1e-5  # relative rounding error of the norm of a row at the cap
FULL = 2.0**80  # an accumulator to which no squared gradient adds anything: a step is then rate · g / √FULL
_PARTS: dict[str, Any] = {"learned": AffinityParams, "memory": AdagradState}


def fresh_state(dataset: Dataset, plan: TrainConfig) -> State:
    """The initial state for a dataset."""
    described = dataset.described
    return initial_state(
        dataset.n_features, dataset.n_label_features, plan, described.identities if described else 0
    )


def initial_state(n_features: int, n_label_features: int, plan: TrainConfig, identities: int = 0) -> State:
    """U (n_features, d) and V (n_label_features, d) with mean 0, deviation initial_scale/√d, under the cap.

    One-hot labels are their own features. Where the configuration ties them, V is U. The last `identities` rows of V
    are the identities of described labels: they start at 0, so that one that is never stepped adds no noise.

    Source: WSABIE §3 "Training our models"; the scale is a setting because rare rows of sparse features
    never lose their random part.
    """
    draws = np.random.Generator(np.random.Philox(plan.seed))
    U, u_history = _random(draws, n_features, plan), np.zeros(n_features, np.float32)
    if plan.tie:
        return State(U, U, u_history, u_history)
    V = _random(draws, n_label_features, plan)
    V[n_label_features - identities :] = 0
    return State(U, V, u_history, np.zeros(n_label_features, np.float32))


def copy_state(state: State) -> State:
    """A copy of all arrays."""
    return state_of({name: copy(array) for name, array in arrays_of(state).items()})


def arrays_of(state: State) -> dict[str, NDArray[Any]]:
    """Every array by its name: "U", …, "learned.shared", …; where V is U, it has no name of its own."""
    arrays = {name: array for name, array in state._asdict().items() if not isinstance(array, tuple)}
    if state.V is state.U:
        del arrays["V"], arrays["v_history"]
    for part in _PARTS:
        arrays |= {f"{part}.{name}": array for name, array in getattr(state, part)._asdict().items()}
    return arrays


def state_of(arrays: Mapping[str, NDArray[Any]]) -> State:
    """The state that has these arrays."""
    fields: dict[str, Any] = {name: array for name, array in arrays.items() if "." not in name}
    fields = {"V": fields["U"], "v_history": fields["u_history"], **fields}
    fields |= {
        part: kind(**{name: arrays[f"{part}.{name}"] for name in kind._fields})
        for part, kind in _PARTS.items()
    }
    return State(**fields)


def under_cap(state: State, cap: float) -> State:
    """The state, changed in place: rows of U and V longer than `cap` are shortened to it.

    A model to start from may have had a larger cap, while steps shorten only the rows they change; and the score
    bounds (core/learn.py) assume that no row of V exceeds the cap.
    """
    for matrix in (state.U, state.V):
        norms = np.linalg.norm(matrix, axis=1)
        long = np.flatnonzero(norms > cap * (1 + _ROUNDING))
        matrix[long] *= (cap / norms[long])[:, None].astype(np.float32)
    return state


def prepare_for_steps(state: State, steps: str) -> State:
    """The state, changed in place: for SGD every accumulator is set to FULL, so that step lengths stay constant."""
    if steps == SGD:
        for memory in (state.u_history, state.v_history, *state.memory):
            memory[:] = FULL
    return state


def is_sgd_state(state: State) -> bool:
    """Whether a state was learned by SGD, so that it has no AdaGrad accumulators."""
    return bool(state.u_history.size) and float(state.u_history.max()) >= FULL


def with_learned(state: State, learned: AffinityParams) -> State:
    """The state with these parameters of an affinity, and empty accumulators for them."""
    return state._replace(learned=learned, memory=zero_adagrad_state(learned))


def _random(draws: np.random.Generator, rows: int, plan: TrainConfig) -> NDArray[np.float32]:
    matrix = zeros((rows, plan.dim), np.float32)
    draws.standard_normal(dtype=np.float32, out=matrix)
    matrix *= np.float32(plan.initial_scale / np.sqrt(plan.dim))
    norms = np.linalg.norm(matrix, axis=1, keepdims=True)
    matrix *= np.minimum(1, plan.norm_cap / np.maximum(norms, np.float32(1e-12))).astype(np.float32)
    return matrix
