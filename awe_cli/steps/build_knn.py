"""Build G of the k-NN affinity (AWE eq. 9): the neighbours of every training example, weighted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from awe_cli.config.build_knn import BuildKnnSettings
from awe_cli.data.dataset import RECOMMENDATION, Dataset
from awe_cli.data.examples import Examples
from awe_cli.errors import SettingsError
from awe_cli.kernels.epoch import State
from awe_cli.metrics.catalog import criterion
from awe_cli.models.embeddings import Fit, fit_name, load_result, load_state, store_result
from awe_cli.models.opening import open_dataset
from awe_cli.models.rankers import find_embedding
from awe_cli.models.tables import KNN_VERSION as VERSION
from awe_cli.neighbors.choice import MULTIPLES, HeldOut, try_all
from awe_cli.neighbors.index import NeighborIndex
from awe_cli.neighbors.search import Nearest
from awe_cli.neighbors.space import COSINE, EUCLIDEAN, Space
from awe_cli.neighbors.table import leave_one_out, parts_of
from awe_cli.neighbors.weights import typical_squared, weigh
from awe_cli.steps.cross_fit import cross_fitted
from awe_cli.training.fitting import Watch
from awe_cli.training.joint import judge_of
from awe_cli.workspace import Artifact, Recipe, Staging, Workspace

_KS = {RECOMMENDATION: (50, 100, 200), "annotation": (20, 50, 100, 200)}


@dataclass(frozen=True)
class Chosen:
    """What a table is made with: k, and λ as a multiple of 1/the typical squared distance, or as such."""

    k: int
    multiple: float | None
    lambda_: float | None


def build_knn(
    ws: Workspace,
    model: str | None,
    settings: BuildKnnSettings | None = None,
    *,
    name: str | None = None,
    threads: int | None = None,
    wait: bool = False,
    announce: Callable[[str], None] = lambda line: None,
    watch: Watch = lambda progress: None,
) -> tuple[Artifact, bool]:
    """Build the neighbour table of an embedding model and publish it as `name` (by default the model's).

    Returns the table and whether it was built now. Where nothing was said, k and λ are chosen on validation
    with the fit that has not seen it. `watch` hears of the epochs of folds. Raises
    SettingsError, MissingInputError, DataError.
    """
    settings = settings or BuildKnnSettings()
    with ws.lock(wait=wait):
        stored = ws.find("dataset")
        dataset = open_dataset(stored)
        base = find_embedding(ws, model, stored)
        told = _told(settings, dataset, base)
        recipe = Recipe("neighbors", VERSION, told, {"dataset": stored.digest, "model": base.digest})
        table = ws.current("neighbors", name or base.name, recipe)
        if table is not None:
            return table, False
        with ws.stage("neighbors", recipe) as staging:
            fits = [tuple(fit) for fit in base.settings["fits"]]
            _check_folds(dataset, fits[0], told["folds"])
            chosen, tried = _choose(dataset, base, fits[0], told, threads, announce)
            lambdas = {}
            for fit in fits:
                announce(f"neighbours among {'+'.join(fit)}")
                lambdas[fit_name(fit)] = _store_fit(staging, dataset, base, fit, told, chosen, threads, watch)
            store_result(
                staging, {"k": chosen.k, "lambda": lambdas, "tried": tried, "metric": told["metric"]}
            )
            return staging.publish(name or base.name), True


def _told(settings: BuildKnnSettings, dataset: Dataset, base: Artifact) -> dict[str, Any]:
    return {
        **asdict(settings),
        "measure": settings.measure or (EUCLIDEAN if dataset.dense else COSINE),
        "metric": criterion(settings.metric or load_result(base)["metric"]).name,
    }


def _check_folds(dataset: Dataset, fit: Fit, folds: int) -> None:
    """Raise SettingsError for a number of folds that cannot be."""
    examples = sum(dataset.splits.get(split, 0) for split in fit)
    if folds and not 2 <= folds <= examples:
        raise SettingsError(
            f"--folds: expected 0, or 2 to {examples:,}, the number of training examples; found {folds}",
            hint="0 leaves one out; 4 folds are a good start",
        )


def _choose(
    dataset: Dataset, base: Artifact, fit: Fit, told: dict[str, Any], threads: int | None, announce: Any
) -> tuple[Chosen, list[dict[str, Any]]]:
    """k and λ, by validation where they are open and it can be asked."""
    most = max(1, dataset.splits["train"] - 1)
    ks = (
        (min(told["k"], most),)
        if told["k"]
        else tuple(dict.fromkeys(min(k, most) for k in _KS[dataset.task]))
    )
    if told["k"] and told["lambda_"] is not None:
        return Chosen(ks[0], None, told["lambda_"]), []
    judge = judge_of(dataset, fit, told["metric"], 0, threads)
    if judge is None:
        return Chosen(ks[len(ks) // 2], MULTIPLES[1], told["lambda_"]), []
    announce("choosing k and λ on validation")
    state, examples = load_state(base, fit), dataset.training(fit)
    index = NeighborIndex(
        Space(state.U, told["measure"]), examples, dataset.n_labels, approximate=told["approximate"]
    )
    held_out = HeldOut(index, judge, max(ks), threads)
    fixed = told["lambda_"]
    multiples = MULTIPLES if fixed is None else (fixed * held_out.typical,)
    tried = try_all(held_out, state, ks, multiples)
    best = max(tried, key=lambda choice: choice.validation)
    lambda_ = best.multiple / held_out.typical if fixed is None else fixed
    return Chosen(best.k, best.multiple, lambda_), [asdict(choice) for choice in tried]


def _store_fit(
    staging: Staging,
    dataset: Dataset,
    base: Artifact,
    fit: Fit,
    told: dict[str, Any],
    chosen: Chosen,
    threads: int | None,
    watch: Watch,
) -> float:
    """Write the table of one fit; return its λ."""
    examples, state = dataset.training(fit), load_state(base, fit)
    nearest = _neighbours(dataset, base, examples, state, chosen.k, told, threads, watch)
    lambda_ = chosen.lambda_
    if lambda_ is None:
        lambda_ = (chosen.multiple or 1.0) / typical_squared(nearest)
    _write(staging, fit, examples, nearest, lambda_)
    return lambda_


def _neighbours(
    dataset: Dataset,
    base: Artifact,
    examples: Examples,
    state: State,
    k: int,
    told: dict[str, Any],
    threads: int | None,
    watch: Watch,
) -> Nearest:
    space = Space(state.U, told["measure"])
    if told["folds"] > 1:
        return cross_fitted(dataset, base, examples, told, k, threads, watch)
    return leave_one_out(space, examples, k, approximate=told["approximate"], threads=threads)


def _write(staging: Staging, fit: Fit, examples: Examples, nearest: Nearest, lambda_: float) -> None:
    """One row a query: id, part, its neighbours (rows of the training examples), distances² and weights."""
    parts = parts_of(examples)
    known = nearest.rows >= 0
    offsets = np.concatenate([[0], np.cumsum(known.sum(axis=1))]).astype(np.int64)
    weights = weigh(nearest, lambda_)
    columns = {
        "id": examples.ids.take(pa.array(np.repeat(np.arange(len(examples)), parts))),
        "part": pa.array(np.tile(np.arange(parts, dtype=np.int8), len(examples))),
    }
    for name, values in {"neighbors": nearest.rows, "squared": nearest.squared, "weights": weights}.items():
        columns[name] = pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(values[known]))
    pq.write_table(
        pa.table(columns), staging.file(f"neighbors-{fit_name(fit)}.parquet"), row_group_size=16384
    )
