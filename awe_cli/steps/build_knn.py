"""Build G of the k-NN affinity (AWE eq. 9): the neighbours of every training example, weighted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from awe_cli.config.build_knn import BuildKnnSettings
from awe_cli.data.dataset import Dataset
from awe_cli.data.examples import Examples
from awe_cli.engine.engine import Engine, open_engine
from awe_cli.models.embeddings import Fit, fit_name, load_state, store_result
from awe_cli.models.opening import open_dataset
from awe_cli.models.places import EMBEDDING, place_of
from awe_cli.models.rankers import find_embedding
from awe_cli.models.tables import KNN_VERSION as VERSION
from awe_cli.neighbors.search import Nearest
from awe_cli.neighbors.table import leave_one_out, parts_of
from awe_cli.neighbors.weights import typical_squared, weigh
from awe_cli.steps.choose_knn import Chosen, check_folds, choose, everything_told
from awe_cli.steps.cross_fit import cross_fitted
from awe_cli.training.fitting import Watch
from awe_cli.workspace import Artifact, Recipe, Staging, Workspace


def build_knn(
    ws: Workspace,
    model: str | None,
    settings: BuildKnnSettings | None = None,
    *,
    name: str | None = None,
    threads: int | None = None,
    scheduler: str | None = None,
    wait: bool = False,
    announce: Callable[[str], None] = lambda line: None,
    watch: Watch = lambda progress: None,
) -> tuple[Artifact, bool]:
    """Build the neighbour table of an embedding model and publish it as `name` (by default the model's).

    scheduler  address of a Dask scheduler whose workers look for neighbours, in place of threads

    Returns the table and whether it was built now. Where nothing was said, spaces, k and λ are chosen on validation
    with the fit that has not seen it. `watch` hears of the epochs of folds. Raises
    SettingsError, MissingInputError, DataError.
    """
    settings = settings or BuildKnnSettings()
    with ws.lock(wait=wait):
        stored = ws.find("dataset")
        dataset = open_dataset(stored)
        base = find_embedding(ws, model, stored)
        told = everything_told(settings, dataset, base)
        recipe = Recipe("neighbors", VERSION, told, {"dataset": stored.digest, "model": base.digest})
        table = ws.current("neighbors", name or base.name, recipe)
        if table is not None:
            return table, False
        with open_engine(scheduler, threads) as engine, ws.stage("neighbors", recipe) as staging:
            fits = [tuple(fit) for fit in base.settings["fits"]]
            check_folds(dataset, fits[0], told["folds"])
            chosen, tried = choose(dataset, base, fits[0], told, threads, announce)
            lambdas = {}
            for fit in fits:
                announce(f"neighbours among {'+'.join(fit)}")
                lambdas[fit_name(fit)] = _store_fit(
                    staging, dataset, base, fit, told, chosen, threads, engine, watch
                )
            asked = {"tried": tried, "metric": told["metric"]}
            store_result(staging, {"space": chosen.space, "k": chosen.k, "lambda": lambdas, **asked})
            return staging.publish(name or base.name), True


def _store_fit(
    staging: Staging,
    dataset: Dataset,
    base: Artifact,
    fit: Fit,
    told: dict[str, Any],
    chosen: Chosen,
    threads: int | None,
    engine: Engine,
    watch: Watch,
) -> dict[str, float]:
    """Write the table of one fit; return λ of each space."""
    examples, state = dataset.training(fit), load_state(base, fit)
    found: dict[str, Nearest] = {}
    for name in chosen.places:
        if name == EMBEDDING and told["folds"] > 1:
            found[name] = cross_fitted(dataset, base, examples, told, chosen.k, threads, engine, watch)
        else:
            place = place_of(name, state.U, told["measure"], dataset)
            found[name] = leave_one_out(
                place, examples, chosen.k, approximate=told["approximate"], engine=engine
            )
    lambdas = {name: _lambda(chosen, nearest) for name, nearest in found.items()}
    weights = [weigh(nearest, lambdas[name]) / np.float32(len(found)) for name, nearest in found.items()]
    _write(staging, fit, examples, list(found.values()), weights)
    return lambdas


def _lambda(chosen: Chosen, nearest: Nearest) -> float:
    if chosen.lambda_ is not None:
        return chosen.lambda_
    return (chosen.multiple or 1.0) / typical_squared(nearest)


def _write(
    staging: Staging, fit: Fit, examples: Examples, found: list[Nearest], weighed: list[NDArray[np.float32]]
) -> None:
    """One row a query: id, part, its neighbours (rows of the training examples), distances² and weights."""
    rows = np.hstack([nearest.rows for nearest in found])
    squared, weights = np.hstack([nearest.squared for nearest in found]), np.hstack(weighed)
    parts, known = parts_of(examples), rows >= 0
    offsets = np.concatenate([[0], np.cumsum(known.sum(axis=1))]).astype(np.int64)
    columns = {
        "id": examples.ids.take(pa.array(np.repeat(np.arange(len(examples)), parts))),
        "part": pa.array(np.tile(np.arange(parts, dtype=np.int8), len(examples))),
    }
    for name, values in {"neighbors": rows, "squared": squared, "weights": weights}.items():
        columns[name] = pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(values[known]))
    pq.write_table(
        pa.table(columns), staging.file(f"neighbors-{fit_name(fit)}.parquet"), row_group_size=16384
    )
