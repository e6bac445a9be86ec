"""Fit a baseline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from awe_cli.baselines.catalog import find_baseline
from awe_cli.config.train_baseline import SETTINGS
from awe_cli.data.dataset import Dataset
from awe_cli.errors import SettingsError
from awe_cli.metrics.catalog import criterion
from awe_cli.models.embeddings import Fit, fit_name, store_result
from awe_cli.models.opening import open_dataset
from awe_cli.models.rankers import BASELINE_VERSION, KNN, baseline_facts
from awe_cli.training.joint import judge_of
from awe_cli.training.recipes import default_metric
from awe_cli.workspace import Artifact, Recipe, Staging, Workspace
from awe_cli.workspace.arrays import save_arrays

_SEED = 0  # of the validation examples looked at, where there are very many


@dataclass(frozen=True)
class _Told:
    """What decides a baseline: its settings and what it is made from."""

    settings: dict[str, Any]
    parents: dict[str, str]


def train_baseline(
    ws: Workspace,
    method: str,
    settings: Any = None,
    *,
    name: str | None = None,
    threads: int | None = None,
    wait: bool = False,
    announce: Callable[[str], None] = lambda line: None,
) -> tuple[Artifact, bool]:
    """Fit the baseline `method` on the dataset and publish it as the model `name` (by default the method's).

    settings  an instance of config.train_baseline.SETTINGS[method], by default as it comes

    What is left open is chosen on validation by the fit that has not seen it, and used for all fits. Returns
    the model, and whether it was made now rather than up to date; its bytes do not depend on `threads`.

    Raises UsageError for a method that is not there, MissingInputError for a table or a library that is not,
    SettingsError where the dataset is too large for the method, DataError where it has what the method cannot.
    """
    baseline = find_baseline(method)
    settings = settings if settings is not None else SETTINGS[method]()
    if not isinstance(settings, SETTINGS[method]):
        raise SettingsError(f"expected {SETTINGS[method].__name__} for {method}, found {settings!r}")
    name = name or method
    with ws.lock(wait=wait):
        stored = ws.find("dataset")
        dataset = open_dataset(stored)
        told = _told(ws, method, settings, dataset)
        recipe = Recipe("model", BASELINE_VERSION, told.settings, {"dataset": stored.digest, **told.parents})
        model = ws.current("model", name, recipe)
        if model is not None:
            return model, False
        baseline.check(told.settings["told"], dataset)
        with ws.stage("model", recipe) as staging:
            _fill(staging, ws, told, dataset, threads, announce)
            return staging.publish(name), True


def _told(ws: Workspace, method: str, settings: Any, dataset: Dataset) -> _Told:
    told = asdict(settings)
    parents: dict[str, str] = {}
    fits = [["train"], ["train", "valid"]] if dataset.splits.get("valid") else [["train"]]
    if method == KNN:  # in the space of the model that the table was built from
        table = ws.find("neighbors", told.pop("neighbors"))
        parents = {"neighbors": table.digest}
        fits = ws.get("model", table.parents["model"]).settings["fits"]
    if "metric" in told:
        told["metric"] = criterion(told["metric"] or default_metric(dataset)).name
    return _Told({"model_type": method, "fits": fits, "told": told}, parents)


def _fill(
    staging: Staging,
    ws: Workspace,
    told: _Told,
    dataset: Dataset,
    threads: int | None,
    announce: Callable[[str], None],
) -> None:
    """Choose with the smallest fit, then write every fit."""
    baseline = find_baseline(told.settings["model_type"])
    fits: list[Fit] = [tuple(fit) for fit in told.settings["fits"]]
    facts = baseline_facts(ws, told.parents, dataset, fits[0], threads)
    metric = told.settings["told"].get("metric")
    judge = judge_of(dataset, fits[0], metric, _SEED, threads) if metric else None
    chosen = baseline.choose(told.settings["told"], facts, judge, announce)
    for fit in fits:
        announce(f"fitting on {'+'.join(fit)}")
        if fit != fits[0]:
            facts = baseline_facts(ws, told.parents, dataset, fit, threads)
        made = chosen.arrays if fit == fits[0] else None
        save_arrays(staging.file(f"fit-{fit_name(fit)}.npz"), made or baseline.fit(facts, chosen.choice))
    store_result(staging, {"choice": chosen.choice, "tried": chosen.tried, "metric": metric})
