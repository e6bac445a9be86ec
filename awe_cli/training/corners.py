"""A point at which an index that is too large shows: an example of the first and the last feature.

Labels are then asked for at both ends, too, and where features describe them these have the first and the last one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from awe_cli.data.matrix import Bags, Dense, Rows, n_rows
from awe_cli.kernels.epoch import State
from awe_cli.kernels.interface import Case, Slopes
from awe_cli.kernels.labels import features_of
from awe_cli.ranking.embedding import label_rows
from awe_cli.training.epochs import room_for_chains
from awe_cli.training.label_side import label_side, room_for_sums, slots_of


def corner(state: State, y: Rows | None, x: float) -> tuple[Case, Slopes]:
    """The example, as an affinity without tables sees it, and its gradients, which are zeros.

    y  (labels, label features) what describes labels; None where they are one-hot
    x  the value of both features
    """
    learned, dim = state.learned, state.U.shape[1]
    indices = _ends(len(state.U))
    values = np.full(len(indices), x, np.float32)
    y = None if y is None else _described_by_ends(y, len(state.V))
    side, _ = label_side(y, state)
    bag = Bags(np.array([0, len(indices)]), indices, values)
    chains = room_for_chains(learned, bag, len(indices), len(state.V))
    case = Case(
        0, indices, values, state.U, label_rows(y, state.V), features_of(side), state.V, values @ state.U[indices],
        np.zeros(0, np.float32), np.zeros(len(indices), np.float32), learned, chains,
    )  # fmt: skip
    v, v_hat = np.zeros(dim, np.float32), np.zeros(learned.V_hat.shape[1], np.float32)
    return case, Slopes(
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
        sums=room_for_sums(side, np.array([2]), np.array([0]), dim, len(v_hat)),
    )


def _ends(n: int) -> NDArray[np.int32]:
    return np.unique([0, n - 1]).astype(np.int32)


def _described_by_ends(y: Rows, width: int) -> Rows:
    """As many labels, of which the first and the last have the first and the last feature of `width`."""
    ends = _ends(width)
    if isinstance(y, Dense):
        return Dense(ends, y.values[:, ends])
    described, lengths = _ends(n_rows(y)), np.zeros(n_rows(y), np.int64)
    lengths[described] = len(ends)
    indices = np.tile(ends, len(described))
    return Bags(np.append(0, np.cumsum(lengths)), indices, np.ones(len(indices), np.float32))
