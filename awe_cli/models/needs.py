"""How much memory and disk a step needs at the least, from the sizes of the dataset, dimensions and counts."""

from __future__ import annotations

from collections.abc import Sequence

from awe_cli.dataset import storage
from awe_cli.dataset.dataset import RECOMMENDATION, Dataset
from awe_cli.workspace.room import Needs

# Measured (docs/workspace.md#before-long-work): a process that has done next to nothing holds about 200 MB, of its
# libraries and kernels; training holds the matrix twice while it is scaled, and U and V two and a half times.
PROCESS = 200_000_000  # bytes
_MATRICES = 2
_STATES = 2.5
_ENTRY = 8  # bytes of an index and a value
_WEIGHED = 12  # bytes of a neighbour: its number, distance and weight
_STORED_NEIGHBOR = 8  # bytes on disk, where numbers of neighbours are packed
_STORED_ROW = {"parquet": 5, "csv": 10, "tsv": 10, "trec": 16, "jsonl": 30}  # bytes of a recommended label


def matrix_bytes(dataset: Dataset, splits: Sequence[str]) -> int:
    """The training matrix in memory: the entries of x, their offsets and, in annotation, the lists of labels."""
    rows, _, entries = storage.count_entries(dataset.path / storage.EXAMPLES)
    if dataset.task == RECOMMENDATION:
        return _ENTRY * (rows + sum(entries.get(split, 0) for split in splits))
    x = 4 * entries["x"] if dataset.dense else _ENTRY * entries.get("x_indices", 0)
    return x + 4 * entries.get("labels", 0) + _ENTRY * rows


def state_bytes(dataset: Dataset, dim: int) -> int:
    """U, V and the accumulators of AdaGrad."""
    return 4 * (dataset.n_features + dataset.n_label_features) * (dim + 1)


def training_needs(
    dataset: Dataset, dim: int, fits: Sequence[Sequence[str]], window: int | None = None, shards: int = 1
) -> Needs:
    """What learning needs: matrix and states in memory; a state a fit on disk, and one for the checkpoint.

    window  the most entries of the matrix in memory, where it is read in windows
    shards  that learn apart, of which each gives a state in every epoch; the mean of these has momentum
    """
    state = state_bytes(dataset, dim)
    matrix = matrix_bytes(dataset, max(fits, key=len))
    if window is not None:
        matrix = min(matrix, _ENTRY * window)
    momentum = 1 if shards > 1 else 0
    states = _STATES + (shards + momentum if shards > 1 else 0)
    memory = PROCESS + _MATRICES * matrix + states * state
    return Needs(int(memory), state * (len(fits) + 1 + momentum), state)


def building_needs(dataset: Dataset, dim: int, fits: Sequence[Sequence[str]]) -> Needs:
    """What building G needs beside G itself: the matrix, U and V, in memory."""
    memory = PROCESS + matrix_bytes(dataset, max(fits, key=len)) + state_bytes(dataset, dim)
    return Needs(memory)


def neighbor_needs(dataset: Dataset, dim: int, fits: Sequence[Sequence[str]], neighbors: int) -> Needs:
    """What a table of neighbours needs: `neighbors` of each query."""
    queries = storage.count_entries(dataset.path / storage.EXAMPLES)[0] * (
        4 if dataset.task == RECOMMENDATION else 1
    )
    table = queries * neighbors * _STORED_NEIGHBOR
    memory = building_needs(dataset, dim, fits).memory + queries * neighbors * _WEIGHED
    return Needs(memory, table * len(fits), table)


def prediction_needs(examples: int, top_k: int, format: str) -> Needs:
    """What the rows of predictions need on disk; memory does not grow with them."""
    rows = examples * top_k * _STORED_ROW.get(format, min(_STORED_ROW.values()))
    return Needs(0, rows, rows)
