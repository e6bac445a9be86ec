"""Reading built affinities of any kind: as arrays for training, as a lookup of any input for ranking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from awe_cli.affinities.spec import (
    KNN,
    KNN_APPROXIMATE,
    PLUGIN_BUILT,
    find_built_affinity,
    how_to_build,
    names_file,
)
from awe_cli.affinities.table import Knn
from awe_cli.builders.base import Builder, Queries, Source
from awe_cli.builders.knn import BuiltKnn
from awe_cli.builders.mixture import AffinityIndex
from awe_cli.builders.registry import BUILDERS
from awe_cli.core.epoch import State
from awe_cli.dataset.dataset import Dataset
from awe_cli.dataset.examples import Examples
from awe_cli.dataset.new_documents import OtherDocuments
from awe_cli.dataset.storage import read_table
from awe_cli.errors import MissingInputError
from awe_cli.models.store import RESULT, Fit, fit_name, load_result, load_state
from awe_cli.neighbors.index import NeighborIndex
from awe_cli.neighbors.space import InputSpace, NeighborSpace, Space, constant_of
from awe_cli.neighbors.table import parts_of
from awe_cli.plugins import file
from awe_cli.plugins.built import PluginBuilder, parameters_of_built
from awe_cli.workspace import Artifact, Workspace
from awe_cli.workspace.arrays import load_arrays
from awe_cli.workspace.artifact import KINDS, check_name, decoding

# The builder of an affinity: one of the registry, or that of a type in the user's file.


@dataclass(frozen=True)
class ChosenBuilder:
    """The builder that the settings of `awe build-affinity` choose.

    resolved  its settings in a recipe, beside those that the registry knows
    source    the user's file, for a type in a file
    """

    builder: Builder
    resolved: dict[str, Any]
    source: Path | None = None


def choose_builder(affinity: str, plugin_parameters: Sequence[str] | None) -> ChosenBuilder:
    """The builder of an affinity, named as in the registry or as path/to/file.py:Name.

    Raises SettingsError for invalid settings, MissingInputError for a missing file.
    """
    resolved = as_recorded(affinity)
    if not names_file(affinity):
        return ChosenBuilder(BUILDERS[affinity], resolved)
    source, name = file.split(affinity)
    kind = file.built_type(source, name)
    values = parameters_of_built(kind, plugin_parameters)
    return ChosenBuilder(PluginBuilder(kind, values), {**resolved, "own": values}, source)


def builder_of(built: Artifact) -> Builder:
    """The builder of a stored G; for a type in a file it is read from the copy in the artifact."""
    resolved = built.settings
    if resolved["affinity"] != PLUGIN_BUILT:
        return BUILDERS[resolved["affinity"]]
    return PluginBuilder(file.built_type(built.file(file.SOURCE), resolved["type"]), resolved["own"])


def as_recorded(affinity: str) -> dict[str, Any]:
    """The affinity as the recipe of a G names it. Raises as `choose_builder`."""
    if not names_file(affinity):
        return {"affinity": find_built_affinity(affinity).name}
    source, name = file.split(affinity)
    file.built_type(source, name)
    return {"affinity": PLUGIN_BUILT, **file.named(source, name)}


def name_suffix(affinity: str) -> str:
    """The part of the default name of a G after that of the model."""
    return file.split(affinity)[1].lower() if names_file(affinity) else affinity


# The spaces in which the neighbours of a table are searched.

EMBEDDING, INPUT, BOTH = "embedding", "input", "both"
# The spaces of each choice: G is the mean over them.
NEIGHBOR_SPACES: dict[str, tuple[str, ...]] = {
    EMBEDDING: (EMBEDDING,),
    INPUT: (INPUT,),
    BOTH: (EMBEDDING, INPUT),
}


def neighbor_space_of(name: str, U: NDArray[np.float32], measure: str, dataset: Dataset) -> NeighborSpace:
    """The embedding of U (features, d), or the input as `input-knn` compares it."""
    if name == INPUT:
        return InputSpace(dataset.n_features, constant_of(dataset))
    return Space(U, measure)


NEIGHBORS, AFFINITY = (
    "neighbors",
    "affinity",
)  # kinds of artifact, and their roles among the parents of a model
KNN_VERSION, AFFINITY_VERSION = 3, 2


def kind_of(affinity: str) -> str:
    """The kind of artifact that holds a built affinity."""
    return NEIGHBORS if affinity in (KNN, KNN_APPROXIMATE) else AFFINITY


def default_name(affinity: str, model: Artifact) -> str:
    """The default name of a built affinity: for knn that of the model."""
    return str(model.name) if kind_of(affinity) == NEIGHBORS else f"{model.name}-{name_suffix(affinity)}"


def find_built(ws: Workspace, affinity: str, name: str | None, model: Artifact) -> Artifact:
    """The G called `name` (by default as `default_name` has it), built from this very model.

    Raises MissingInputError where there is none, or one of another affinity, or of another version of the model,
    SettingsError for an invalid name, and for a type in a file that is not built.
    """
    recorded, kind = as_recorded(affinity), kind_of(affinity)
    name = default_name(affinity, model) if name is None else name
    noun, command = KINDS[kind].noun, f"{how_to_build(affinity, model.name)} --name {check_name(name)}"
    if name not in ws.names(kind):
        raise MissingInputError(
            f"the affinity {affinity} of {model.describe()} is not built: there is no {noun} named {name!r}; "
            f"there: {', '.join(ws.names(kind)) or 'none'}",
            hint=f"build it with `{command}`",
        )
    built = ws.find(kind, name)
    if kind == AFFINITY:
        _check_affinity(built, affinity, recorded, command)
    if built.parents["model"] != model.digest:
        raise MissingInputError(
            f"the {noun} {name!r} is stale: it was built from the model "
            f"{built.parents['model'][:12]}, but {model.describe()} is {model.digest[:12]}",
            hint=f"build it again with `{command}`",
        )
    return built


def _check_affinity(built: Artifact, affinity: str, recorded: Mapping[str, Any], command: str) -> None:
    """Raise MissingInputError where `built` is of another affinity, or of another version of the user's file."""
    if {key: built.settings.get(key) for key in recorded} == recorded:
        return
    found = built.settings.get("type", built.settings["affinity"])
    if found == recorded.get("type"):
        found = f"{found} of another version of the file"
    raise MissingInputError(
        f"expected {built.name!r} to be a built {affinity}, found {found}",
        hint=f"build it with `{command}`",
    )


def built_of(ws: Workspace, model: Artifact) -> list[Artifact]:
    """Every built G among the parents of a model, in the order given to `as_parents`."""
    kinds = {role: role.partition(" ")[0] for role in model.parents}
    roles = [role for role, kind in kinds.items() if kind in (NEIGHBORS, AFFINITY)]
    roles.sort(key=lambda role: int(role.partition(" ")[2] or 0))
    return [ws.get(kinds[role], model.parents[role]) for role in roles]


def as_parents(tables: Sequence[Artifact]) -> dict[str, str]:
    """Role → digest of every built G of a model: "neighbors" of the only one, "neighbors 1" of the first of several."""
    if len(tables) == 1:
        return {tables[0].kind: tables[0].digest}
    return {f"{table.kind} {number}": table.digest for number, table in enumerate(tables, 1)}


def open_built(
    ws: Workspace, built: Artifact, dataset: Dataset, fit: Fit, threads: int | None = None
) -> AffinityIndex:
    """G of a fit, with the U that it was built from, and the training examples of that U.

    With other documents the training examples keep the labels that were prepared, and G is wanted for the others.
    """
    state = load_state(ws.get("model", built.parents["model"]), fit, dataset)
    others = None
    if isinstance(dataset, OtherDocuments):
        dataset, others = dataset.prepared, dataset.y
    examples, resolved = dataset.training(fit), built.settings
    if built.kind == AFFINITY:
        built.expect_version(AFFINITY_VERSION)
        arrays = load_arrays(built.file(f"fit-{fit_name(fit)}.npz"))
        source = Source(state, examples, resolved["measure"], threads, others)
        return builder_of(built).open(resolved["parameters"], source, arrays)
    built.expect_version(KNN_VERSION)
    result = load_result(built)
    with decoding(built.file(RESULT), "the choices of a table of neighbours"):
        k, spaces = result["k"], NEIGHBOR_SPACES[result["space"]]
        lambdas = {name: float(result["lambda"][fit_name(fit)][name]) for name in spaces}
        if type(k) is not int or k < 1 or not np.isfinite(list(lambdas.values())).all():
            raise ValueError(f"k = {k!r} and λ = {lambdas}")
    indexes = {name: _index(built, name, state, examples, dataset) for name in spaces}
    return BuiltKnn(indexes, k, lambdas)


def embedded(ws: Workspace, table: Artifact, dataset: Dataset, fit: Fit) -> NeighborIndex:
    """The training examples of a fit in the embedding space that a table of neighbours was built from."""
    state = load_state(ws.get("model", table.parents["model"]), fit, dataset)
    return _index(table.expect_version(KNN_VERSION), EMBEDDING, state, dataset.training(fit), dataset)


def _index(table: Artifact, name: str, state: State, examples: Examples, dataset: Dataset) -> NeighborIndex:
    resolved = table.settings
    place = neighbor_space_of(name, state.U, resolved["measure"], dataset)
    return NeighborIndex(place, examples, dataset.n_labels, approximate=resolved["approximate"])


def training_table(
    built: Artifact, examples: Examples, fit: Fit, power: float, floor: float = 0.0, start: int = 0
) -> Knn:
    """G of the training examples of a fit, as the kernels take it; its table begins at `start` of g."""
    rows = len(examples) * parts_of(examples)
    if built.kind == AFFINITY:
        path = built.file(f"rows-{fit_name(fit)}.npz")
        with decoding(path, "the rows of a built affinity"):
            queries = Queries(**load_arrays(path))
            _check_rows(queries.lists, queries.weights, rows, len(queries.indptr) - 1)
            _check_lists(queries)
        return Knn(*queries, parts_of(examples), power, floor, start)
    path = built.file(f"neighbors-{fit_name(fit)}.parquet")
    with decoding(path, "a table of neighbours"):
        stored = read_table(path, ["neighbors", "weights"])
        neighbors = _padded(stored["neighbors"], np.int32(-1))
        weights = _padded(stored["weights"], np.float32(0))
        _check_rows(neighbors, weights, rows, len(examples))
    labels = examples.positives
    return Knn(neighbors, weights, labels.indptr, labels.indices, parts_of(examples), power, floor, start)


def _check_rows(places: NDArray[np.int32], weights: NDArray[np.float32], rows: int, n: int) -> None:
    """Raise ValueError where an index is outside of the `n` lists, or a weight is no number."""
    if places.ndim != 2 or places.shape != weights.shape or len(places) != rows:
        raise ValueError(f"{rows} rows were expected, of places {places.shape} and weights {weights.shape}")
    if places.size and not -1 <= places.min() <= places.max() < n:
        raise ValueError(f"places go from {places.min()} to {places.max()}, expected -1 to {n - 1}")
    if not np.isfinite(weights).all():
        raise ValueError("weights are not finite numbers")


def _check_lists(queries: Queries) -> None:
    """Raise ValueError where the bounds of the lists of labels are not ascending, or a label is negative."""
    indptr, labels = queries.indptr, queries.labels
    if indptr.ndim != 1 or labels.ndim != 1 or not len(indptr):
        raise ValueError(f"lists with the shapes {indptr.shape} and {labels.shape}")
    if indptr[0] != 0 or indptr[-1] != len(labels) or (np.diff(indptr) < 0).any():
        raise ValueError(f"the bounds of the lists are not ascending from 0 to {len(labels)}")
    if len(labels) and labels.min() < 0:
        raise ValueError(f"a list holds the label {labels.min()}")


def _padded(column: pa.ChunkedArray, filler: np.generic) -> NDArray:
    """A list column as a matrix; short rows are padded."""
    array = column.combine_chunks()
    lists = array.chunk(0) if isinstance(array, pa.ChunkedArray) else array
    lengths = np.diff(lists.offsets.to_numpy())
    out = np.full((len(lengths), int(lengths.max(initial=0))), filler)
    out[np.arange(out.shape[1]) < lengths[:, None]] = lists.flatten().to_numpy()
    return out
