"""Build G of the k-NN affinity (AWE eq. 9): the neighbours of every training example, weighted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from awe_cli.affinities.pointwise import Constant
from awe_cli.affinities.spec import no_part
from awe_cli.config.build import BuildKnnSettings
from awe_cli.core.epoch import State
from awe_cli.dataset.dataset import RECOMMENDATION, Dataset
from awe_cli.dataset.examples import Examples
from awe_cli.engine.checkpoints import NO_CHECKPOINTS, Checkpoints, ResumableEngine
from awe_cli.engine.dask import code_digest
from awe_cli.engine.engine import Engine, open_engine
from awe_cli.engine.local import available_threads
from awe_cli.errors import SettingsError
from awe_cli.metrics.metrics import criterion
from awe_cli.models.load import find_embedding
from awe_cli.models.needs import neighbor_needs
from awe_cli.models.store import (
    Fit,
    dim_of,
    fit_name,
    fits_of_model,
    load_result,
    load_state,
    open_dataset,
    store_result,
)
from awe_cli.models.tables import BOTH, EMBEDDING, INPUT, NEIGHBOR_SPACES, neighbor_space_of
from awe_cli.models.tables import KNN_VERSION as VERSION
from awe_cli.neighbors.choice import MULTIPLES, NeighborValidation, try_all
from awe_cli.neighbors.index import NeighborIndex, typical_squared, weigh
from awe_cli.neighbors.search import EXACT, Nearest
from awe_cli.neighbors.space import Space, usual_measure
from awe_cli.neighbors.table import among_others, leave_one_out, parts_of
from awe_cli.training.config import TrainConfig
from awe_cli.training.joint import validator_for
from awe_cli.training.state import fresh_state
from awe_cli.training.trainer import OnProgress, Trainer
from awe_cli.workspace import Artifact, Recipe, Staging, Workspace
from awe_cli.workspace.checkpoints import DEFAULT_CHECKPOINTS, CheckpointSettings, open_checkpoints
from awe_cli.workspace.fs import writing
from awe_cli.workspace.room import Needs

# The settings of a neighbour table: given ones, and those that validation chooses.

_KS = {RECOMMENDATION: (50, 100, 200), "annotation": (20, 50, 100, 200)}
_FEW_EXAMPLES = 50_000  # up to here every input is compared with every other without being asked to


@dataclass(frozen=True)
class Chosen:
    """What a table is made with: spaces, k, and λ as a multiple of 1/the typical squared distance, or as such."""

    space: str
    k: int
    multiple: float | None
    lambda_: float | None

    @property
    def places(self) -> tuple[str, ...]:
        """The spaces that are looked in."""
        return NEIGHBOR_SPACES[self.space]


def resolve_settings(settings: BuildKnnSettings, dataset: Dataset, metric: str) -> dict[str, Any]:
    """Everything that decides what the table will be, as its recipe has it; SettingsError for what plays no part.

    metric  that the model was chosen by
    """
    by_input = "neighbours are looked for by the input alone"
    if settings.space == INPUT and settings.folds:
        raise no_part("folds", by_input, settings.folds)
    if settings.space == INPUT and settings.approximate != EXACT and not dataset.dense:
        raise no_part("approximate", f"{by_input}, and bags are always measured", settings.approximate)
    return {
        **asdict(settings),
        "measure": settings.measure or usual_measure(dense=dataset.dense),
        "metric": criterion(settings.metric or metric).name,
    }


def check_folds(dataset: Dataset, fit: Fit, folds: int) -> None:
    """Raise SettingsError for a number of folds that cannot be."""
    examples = sum(dataset.splits.get(split, 0) for split in fit)
    if folds and not 2 <= folds <= examples:
        raise SettingsError(
            f"--folds: expected 0, or 2 to {examples:,}, the number of training examples; found {folds}",
            hint="0 leaves one out; 4 folds are a good start",
        )


def choose(
    dataset: Dataset,
    state: State,
    fit: Fit,
    resolved: dict[str, Any],
    engine: Engine,
    announce: Callable[[str], None] = lambda line: None,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
) -> tuple[Chosen, list[dict[str, Any]]]:
    """Spaces, k and λ, by validation where they are open and it can be asked; the first of equals.

    state   of the fit in which neighbours are looked for
    engine  looks for the neighbours of validation examples, and ranks by them
    """
    most = max(1, dataset.splits["train"] - 1)
    wanted = (resolved["k"],) if resolved["k"] else _KS[dataset.task]
    ks, spaces, fixed = (
        tuple(dict.fromkeys(min(k, most) for k in wanted)),
        _spaces(dataset, resolved),
        resolved["lambda_"],
    )
    if resolved["k"] and fixed is not None and len(spaces) == 1:
        return Chosen(spaces[0], ks[0], None, fixed), []
    validator = validator_for(dataset, fit, resolved["metric"], 0, None)
    if validator is None:
        return Chosen(spaces[0], ks[len(ks) // 2], MULTIPLES[1], fixed), []
    announce(f"choosing {'spaces, ' if len(spaces) > 1 else ''}k and λ on validation")
    examples = dataset.training(fit)
    places = {space: NEIGHBOR_SPACES[space] for space in spaces}
    indexes = {
        name: NeighborIndex(
            neighbor_space_of(name, state.U, resolved["measure"], dataset),
            examples, dataset.n_labels, approximate=resolved["approximate"],
        )
        for name in dict.fromkeys(name for names in places.values() for name in names)
    }  # fmt: skip
    held_out = NeighborValidation(indexes, validator, max(ks), engine)
    tried = try_all(held_out, state, places, ks, fixed, engine, checkpoints)
    best = max(tried, key=lambda choice: choice.validation)
    return Chosen(best.space, best.k, best.multiple, fixed), [asdict(choice) for choice in tried]


def _spaces(dataset: Dataset, resolved: dict[str, Any]) -> tuple[str, ...]:
    """What to try: nothing but the embedding where λ is given, which is for one space, or speed was asked for."""
    if resolved["space"]:
        return (resolved["space"],)
    few = dataset.task != RECOMMENDATION and dataset.splits["train"] <= _FEW_EXAMPLES
    if few and resolved["lambda_"] is None and resolved["approximate"] == EXACT:
        return (EMBEDDING, BOTH)
    return (EMBEDDING,)


# Cross-fitted neighbours: those of each fold are looked up with a U that has not seen its labels.
#
# Leave-one-out is not enough: U was learned from the labels of the very examples it is asked about, so that
# their neighbours look better than those of unseen examples.


def cross_fitted(
    dataset: Dataset, base: Artifact, examples: Examples, resolved: dict[str, Any], k: int, engine: Engine,
    trainer: Trainer,
) -> Nearest:  # fmt: skip
    """The k neighbours of every query of `examples`, in resolved["folds"] folds, with the plan of the model `base`.

    Folds are learned by `trainer`, in this process, and looked up by `engine`.
    Raises SettingsError where the model is not a linear one.
    """
    chosen = load_result(base).get("chosen", {}).get("constant")
    if chosen is None:
        raise SettingsError(
            f"--folds: expected a model with a constant affinity, found {base.describe()}",
            hint="the folds are learned as that model was: name one made by `awe train --affinity constant`",
        )
    plan, epochs = TrainConfig(**chosen["plan"]), chosen["epochs"]
    fold_of = np.random.Generator(np.random.Philox(plan.seed)).permutation(len(examples)) % resolved["folds"]
    parts = parts_of(examples)
    rows = np.full((len(examples), parts, k), -1, np.int32)
    squared = np.full((len(examples), parts, k), np.inf, np.float32)
    for fold in range(resolved["folds"]):
        inside, outside = np.flatnonzero(fold_of == fold), np.flatnonzero(fold_of != fold)
        others = examples.take(outside)
        learned = trainer.run(
            Constant(1.0), others, fresh_state(dataset, plan), plan,
            stage="fold", fit=f"all but fold {fold + 1}", stop_after=epochs,
        )  # fmt: skip
        space = Space(learned.state.U, resolved["measure"])
        found = among_others(
            space,
            others,
            outside,
            examples.take(inside),
            k,
            approximate=resolved["approximate"],
            engine=engine,
        )
        rows[inside] = found.rows.reshape(-1, parts, k)
        squared[inside] = found.squared.reshape(-1, parts, k)
    return Nearest(rows.reshape(-1, k), squared.reshape(-1, k))


def build_knn(
    ws: Workspace,
    model: str | None,
    settings: BuildKnnSettings | None = None,
    *,
    name: str | None = None,
    threads: int | None = None,
    scheduler: str | None = None,
    wait: float = False,
    announce: Callable[[str], None] = lambda line: None,
    on_progress: OnProgress = lambda progress: None,
    checkpoints: CheckpointSettings = DEFAULT_CHECKPOINTS,
) -> tuple[Artifact, bool]:
    """Build the neighbour table of an embedding model and publish it as `name` (by default the model's).

    scheduler  address of a Dask scheduler whose workers look for neighbours, in place of threads

    Returns the table and whether it was built now. Where nothing was said, spaces, k and λ are chosen on validation
    with the fit that has not seen it. `on_progress` hears of the epochs of folds. Raises
    SettingsError, MissingInputError, DataError.
    """
    settings = settings or BuildKnnSettings()
    with ws.lock(wait=wait):
        stored = ws.find("dataset")
        dataset = open_dataset(stored)
        base = find_embedding(ws, model, stored)
        resolved = resolve_settings(settings, dataset, load_result(base)["metric"])
        recipe = Recipe("neighbors", VERSION, resolved, {"dataset": stored.digest, "model": base.digest})
        name = base.name if name is None else name
        table = ws.current("neighbors", name, recipe, lambda: _needs(dataset, base, resolved))
        if table is not None:
            return table, False
        with (
            open_engine(scheduler, threads) as engine,
            ws.stage("neighbors", recipe) as staging,
            open_checkpoints(ws.root, recipe, name, code_digest(), checkpoints) as kept,
        ):
            fits = fits_of_model(base)
            check_folds(dataset, fits[0], resolved["folds"])
            chosen, tried = choose(
                dataset, load_state(base, fits[0], dataset), fits[0], resolved, engine, announce, kept
            )
            lambdas = {}
            for fit in fits:
                announce(f"neighbours among {'+'.join(fit)}")
                lambdas[fit_name(fit)] = _store_fit(
                    staging, dataset, base, fit, resolved, chosen,
                    threads=threads, engine=engine, on_progress=on_progress, checkpoints=kept,
                )  # fmt: skip
            asked = {"tried": tried, "metric": resolved["metric"]}
            store_result(staging, {"space": chosen.space, "k": chosen.k, "lambda": lambdas, **asked})
            return staging.publish(name), True


def _needs(dataset: Dataset, base: Artifact, resolved: dict[str, Any]) -> Needs:
    """What the table takes with the fewest neighbours that may be chosen."""
    fits = fits_of_model(base)
    wanted = resolved["k"] or min(_KS[dataset.task])
    k = min(wanted, max(1, dataset.splits["train"] - 1))
    return neighbor_needs(dataset, dim_of(base), fits, k)


def _store_fit(
    staging: Staging,
    dataset: Dataset,
    base: Artifact,
    fit: Fit,
    resolved: dict[str, Any],
    chosen: Chosen,
    *,
    threads: int | None,
    engine: Engine,
    on_progress: OnProgress,
    checkpoints: Checkpoints,
) -> dict[str, float]:
    """Write the table of one fit; return λ of each space."""
    examples, state = dataset.training(fit), load_state(base, fit, dataset)
    found: dict[str, Nearest] = {}
    engine = ResumableEngine(engine, checkpoints, f"neighbours among {'+'.join(fit)}")
    for name in chosen.places:
        if name == EMBEDDING and resolved["folds"] > 1:
            trainer = Trainer(
                threads=threads or available_threads(), on_progress=on_progress, checkpoints=checkpoints,
                name=f"folds of {'+'.join(fit)}",
            )  # fmt: skip
            found[name] = cross_fitted(dataset, base, examples, resolved, chosen.k, engine, trainer)
        else:
            place = neighbor_space_of(name, state.U, resolved["measure"], dataset)
            found[name] = leave_one_out(
                place, examples, chosen.k, approximate=resolved["approximate"], engine=engine
            )
    lambdas = {name: lambda_of(chosen, nearest) for name, nearest in found.items()}
    weights = [weigh(nearest, lambdas[name]) / np.float32(len(found)) for name, nearest in found.items()]
    _write(staging, fit, examples, list(found.values()), weights)
    return lambdas


def lambda_of(chosen: Chosen, nearest: Nearest) -> float:
    """λ for the squared distances of the training examples to their neighbours."""
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
    path = staging.file(f"neighbors-{fit_name(fit)}.parquet")
    with writing(path):
        pq.write_table(pa.table(columns), path, row_group_size=16384)
