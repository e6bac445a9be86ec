"""The label side of a run, as the kernels take it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe_cli.data.aligned import zeros
from awe_cli.data.bags import row_sums
from awe_cli.data.matrix import Dense, Rows, n_rows
from awe_cli.kernels.epoch import State
from awe_cli.kernels.frozen import frozen
from awe_cli.kernels.labels import Described, OneHot
from awe_cli.kernels.sums import Sums
from awe_cli.ranking.embedding import longest_row


def label_side(y: Rows | None, state: State) -> tuple[Any, NDArray[np.float32]]:
    """What labels are, and W, room for their rows: V itself where they are one-hot.

    y  (labels, label features), None for one-hot labels
    """
    if y is None:
        return OneHot(len(state.V)), state.V
    W = zeros((n_rows(y), state.V.shape[1]), np.float32)
    changed = np.zeros(len(state.V), np.int64)
    return Described(frozen(y), changed, _reach(y), longest_row(y), state.V is state.U), W


def room_for_sums(
    side: Any, labels: NDArray[np.int64], starts: NDArray[np.int64], dim: int, width: int
) -> Sums:
    """Room for the sums of any block. The system gives memory only to the rows that its labels name.

    labels  (examples,) the most labels that have gradients, in the order of training
    starts  where blocks begin
    """
    most = np.minimum(len(side.changed), side.longest * labels) if isinstance(side, Described) else 0 * labels
    n = int(np.add.reduceat(most, starts).max(initial=0))
    return Sums(
        row=zeros(n, np.int64),
        by_row=zeros((n, dim), np.float32),
        by_hat=zeros((n, width), np.float32),
        squared=zeros((n, 2), np.float32),
        used=np.zeros(int(np.diff([*starts, len(labels)]).max(initial=0)), np.int64),
    )


def slots_of(side: Any) -> NDArray[np.int32]:
    """Which sum is that of a row of V: none yet."""
    return np.full(len(side.changed) if isinstance(side, Described) else 0, -1, np.int32)


def _reach(y: Rows) -> float:
    """max_y Σ_j |y_j|."""
    if isinstance(y, Dense):
        return float(np.abs(y.values).sum(axis=1).max(initial=0))
    return float(row_sums(y.indptr, np.abs(y.values)).max(initial=0))
