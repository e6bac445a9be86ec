"""One pass over the examples, block by block: learn, then update."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe_cli.kernels.dispatch import kernel
from awe_cli.kernels.learn import learn_block
from awe_cli.kernels.rows import row_length
from awe_cli.kernels.update import update_block


class State(NamedTuple):
    """What training changes: the embeddings, and what AdaGrad remembers of each row."""

    U: NDArray[np.float32]  # (features, d)
    V: NDArray[np.float32]  # (labels, d)
    u_history: NDArray[np.float32]  # (features,)
    v_history: NDArray[np.float32]  # (labels,)


@kernel
def share_out(into, n, load):
    """Give each of the n examples of a block to the worker with the fewest positives so far."""
    load[:] = 0
    for e in range(n):
        least = 0
        for w in range(1, load.shape[0]):
            if load[w] < load[least]:
                least = w
        into.worker[e] = least
        load[least] += into.record_start[e + 1] - into.record_start[e]


@kernel
def run_epoch(affinity, loss, rows, task, state, order, block, scales, rates, cap, into, scratch, workers):
    """One epoch; the rate goes linearly from rates[0] to rates[1].

    Returns (loss, positives, violators, trials) summed over the epoch.
    """
    total, positives, violators, trials = 0.0, 0, 0, 0
    n = order.shape[0]
    load = np.zeros(workers, np.int64)
    for start in range(0, n, block):
        examples = order[start : min(start + block, n)]
        records, features = 0, 0
        for e in range(examples.shape[0]):
            into.record_start[e] = records
            into.feature_start[e] = features
            records += task.indptr[examples[e] + 1] - task.indptr[examples[e]]
            features += row_length(rows, examples[e])
        into.record_start[examples.shape[0]] = records
        into.feature_start[examples.shape[0]] = features
        share_out(into, examples.shape[0], load)
        rate = np.float32(rates[0] + (rates[1] - rates[0]) * start / n)
        learn_block(
            affinity, loss, rows, task, state.U, state.V, examples, start, scales, into, scratch, workers
        )
        update_block(into, rows, examples, records, state, rate, cap, scratch.z, workers)
        positives += records
        for e in range(examples.shape[0]):
            total += into.loss[e]
            violators += into.violators[e]
            trials += into.trials[e]
    return total, positives, violators, trials
