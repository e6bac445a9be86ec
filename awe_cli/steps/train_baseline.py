"""Fit a baseline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from awe_cli.baselines.neighbors import InputKnn
from awe_cli.baselines.registry import find_baseline
from awe_cli.config.baselines import SETTINGS
from awe_cli.dataset.dataset import Dataset
from awe_cli.engine.checkpoints import Checkpoints, remember_arrays
from awe_cli.engine.dask import code_digest
from awe_cli.engine.engine import Engine, open_engine
from awe_cli.errors import SettingsError
from awe_cli.metrics.metrics import criterion
from awe_cli.models.load import BASELINE_VERSION, KNN, baseline_facts, find_embedding, what_it_sees
from awe_cli.models.store import Fit, fit_name, open_dataset, store_result
from awe_cli.models.versions import require_same_version
from awe_cli.steps.train import fits_like, fits_of
from awe_cli.training.config import default_metric
from awe_cli.training.joint import validator_for
from awe_cli.workspace import Artifact, Recipe, Staging, Workspace
from awe_cli.workspace.arrays import save_arrays
from awe_cli.workspace.checkpoints import DEFAULT_CHECKPOINTS, CheckpointSettings, open_checkpoints

_SEED = 0  # of the validation examples looked at, where there are very many


@dataclass(frozen=True)
class _ResolvedBaseline:
    """What decides a baseline: its settings and what it is made from."""

    settings: dict[str, Any]
    parents: dict[str, str]


@dataclass(frozen=True)
class _Shared:
    """Who does the work: threads of this process, and an engine, which may be those threads or a cluster; who hears."""

    threads: int | None
    engine: Engine
    announce: Callable[[str], None]
    warn: Callable[[str], None]


def train_baseline(
    ws: Workspace,
    method: str,
    settings: Any = None,
    *,
    name: str | None = None,
    threads: int | None = None,
    scheduler: str | None = None,
    wait: float = False,
    announce: Callable[[str], None] = lambda line: None,
    warn: Callable[[str], None] = lambda line: None,
    checkpoints: CheckpointSettings = DEFAULT_CHECKPOINTS,
) -> tuple[Artifact, bool]:
    """Fit the baseline `method` on the dataset and publish it as the model `name` (by default the method's).

    settings   an instance of config.train_baseline.SETTINGS[method], by default as it comes
    scheduler  address of a Dask scheduler whose workers choose k and λ of k-NN; other baselines are fitted here

    What is left open is chosen on validation by the fit that has not seen it, and used for all fits. Returns
    the model, and whether it was made now rather than up to date; its bytes do not depend on `threads`.

    Raises UsageError for a method that is not there, MissingInputError for a table, a model or a library that is not,
    SettingsError where the dataset is too large for the method or the model is no embedding, DataError where it has
    what the method cannot.
    """
    baseline = find_baseline(method)
    settings = settings if settings is not None else SETTINGS[method]()
    if not isinstance(settings, SETTINGS[method]):
        raise SettingsError(f"expected {SETTINGS[method].__name__} for {method}, found {settings!r}")
    name = method if name is None else name
    with ws.lock(wait=wait):
        stored = ws.find("dataset")
        dataset = what_it_sees(method, open_dataset(stored))
        resolved = _resolve(ws, method, settings, dataset, stored)
        recipe = Recipe(
            "model", BASELINE_VERSION, resolved.settings, {"dataset": stored.digest, **resolved.parents}
        )
        model = ws.current("model", name, recipe)
        if model is not None:
            return model, False
        baseline.check(resolved.settings["told"], dataset)
        if scheduler is not None and not isinstance(baseline, InputKnn):
            announce(f"{method} is fitted in this process: --scheduler is for baselines of k-NN")
            scheduler = None
        with (
            open_engine(scheduler, threads) as engine,
            ws.stage("model", recipe) as staging,
            open_checkpoints(ws.root, recipe, name, code_digest(), checkpoints) as kept,
        ):
            _fill(staging, ws, resolved, dataset, _Shared(threads, engine, announce, warn), kept)
            return staging.publish(name), True


def _resolve(
    ws: Workspace, method: str, settings: Any, dataset: Dataset, stored: Artifact
) -> _ResolvedBaseline:
    resolved = asdict(settings)
    fit_on = resolved.pop("fit_on")
    parents: dict[str, str] = {}
    if method == KNN:  # in the space of the model that the table was built from
        table = ws.find("neighbors", resolved.pop("neighbors"))
        require_same_version(ws, table, stored)
        parents = {"neighbors": table.digest}
        fits = fits_like(ws.get("model", table.parents["model"]), fit_on)
    elif "model" in resolved and (named := resolved.pop("model")) is not None:
        model = find_embedding(ws, named, stored)
        parents, fits = {"model": model.digest}, fits_like(model, fit_on)
    else:
        fits = fits_of(dataset, fit_on)
    if "metric" in resolved:
        resolved["metric"] = criterion(resolved["metric"] or default_metric(dataset)).name
    return _ResolvedBaseline(
        {"model_type": method, "fits": [list(fit) for fit in fits], "told": resolved}, parents
    )


def _fill(
    staging: Staging,
    ws: Workspace,
    resolved: _ResolvedBaseline,
    dataset: Dataset,
    shared: _Shared,
    checkpoints: Checkpoints,
) -> None:
    """Choose with the smallest fit, then write every fit."""
    baseline = find_baseline(resolved.settings["model_type"])
    fits: list[Fit] = [tuple(fit) for fit in resolved.settings["fits"]]
    facts = baseline_facts(ws, resolved.parents, dataset, fits[0], shared.threads)
    facts = replace(facts, shared_out=shared.engine)
    metric = resolved.settings["told"].get("metric")
    validator = validator_for(dataset, fits[0], metric, _SEED, shared.threads) if metric else None
    chosen = baseline.choose(resolved.settings["told"], facts, validator, shared.announce, checkpoints)
    for fit in fits:
        shared.announce(f"fitting on {'+'.join(fit)}")
        if fit != fits[0]:
            facts = baseline_facts(ws, resolved.parents, dataset, fit, shared.threads)
        arrays = chosen.arrays if fit == fits[0] else None
        if arrays is None:
            arrays = remember_arrays(
                checkpoints, f"fit-{fit_name(fit)}", partial(baseline.fit, facts, chosen.choice)
            )
        save_arrays(staging.file(f"fit-{fit_name(fit)}.npz"), arrays)
        if fit == fits[-1]:  # once for all fits: the last has the most examples
            for words in baseline.warnings(chosen.choice, arrays):
                shared.warn(words)
    store_result(staging, {"choice": chosen.choice, "tried": chosen.tried, "metric": metric})
