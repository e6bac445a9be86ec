"""Reading neighbour tables: for training as arrays, for ranking as a lookup of any input."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from awe_cli.affinity.knn import Knn
from awe_cli.data.dataset import Dataset
from awe_cli.data.examples import Examples
from awe_cli.errors import MissingInputError
from awe_cli.neighbors.index import NeighborIndex
from awe_cli.neighbors.space import Space
from awe_cli.neighbors.table import parts_of
from awe_cli.ranking.embedding import Table
from awe_cli.steps.embeddings import Fit, fit_name, load_result, load_state
from awe_cli.workspace import Artifact, Workspace


@dataclass(frozen=True)
class Lookup:
    """What G of any input needs: an index of the training examples, k, λ."""

    index: NeighborIndex
    k: int
    lambda_: float


def find_table(ws: Workspace, name: str, model: Artifact) -> Artifact:
    """The neighbour table called `name`, built from this very model.

    Raises MissingInputError where there is none, or one built from another version of the model.
    """
    table = ws.find("neighbors", name)
    if table.parents["model"] != model.digest:
        raise MissingInputError(
            f"the neighbour table {name!r} is stale: it was built from the model "
            f"{table.parents['model'][:12]}, but {model.describe()} is {model.digest[:12]}",
            hint=f"build it again with `awe build-knn --model {model.name} --name {name}`",
        )
    return table


def open_index(ws: Workspace, table: Artifact, dataset: Dataset, fit: Fit) -> Lookup:
    """The lookup of a fit: the U that built the table, and the examples that it was learned from."""
    base = ws.get("model", table.parents["model"])
    result, told = load_result(table), table.settings
    space = Space(load_state(base, fit).U, told["measure"])
    index = NeighborIndex(space, dataset.training(fit), dataset.n_labels, approximate=told["approximate"])
    return Lookup(index, result["k"], result["lambda"][fit_name(fit)])


def open_lookup(ws: Workspace, table: Artifact, dataset: Dataset, fit: Fit) -> Table:
    """Rows of x → G (m, labels)."""
    lookup = open_index(ws, table, dataset, fit)
    return lambda x: lookup.index.table(x, lookup.k, lookup.lambda_)


def training_affinity(table: Artifact, examples: Examples, fit: Fit, power: float, floor: float) -> Knn:
    """G of the training examples of a fit, as the kernels take it."""
    stored = pq.read_table(table.file(f"neighbors-{fit_name(fit)}.parquet"), columns=["neighbors", "weights"])
    neighbors = _padded(stored["neighbors"], np.int32(-1))
    weights = _padded(stored["weights"], np.float32(0))
    labels = examples.positives
    return Knn(neighbors, weights, labels.indptr, labels.indices, parts_of(examples), power, floor)


def _padded(column: pa.ChunkedArray, filler: np.generic) -> NDArray:
    """A list column as a matrix, short rows filled up."""
    array = column.combine_chunks()
    lists = array.chunk(0) if isinstance(array, pa.ChunkedArray) else array
    lengths = np.diff(lists.offsets.to_numpy())
    out = np.full((len(lengths), int(lengths.max(initial=0))), filler)
    out[np.arange(out.shape[1]) < lengths[:, None]] = lists.flatten().to_numpy()
    return out
