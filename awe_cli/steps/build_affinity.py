"""Build G of any affinity that is built from a model and then held fixed (AWE §3.1, §3.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from awe_cli.building.builder import Choice, Source
from awe_cli.config.build_affinity import BuildAffinitySettings
from awe_cli.data.dataset import Dataset
from awe_cli.engine.engine import Engine, open_engine
from awe_cli.models.builders import ChosenBuilder, choose_builder
from awe_cli.models.embeddings import Fit, fit_name, load_state, store_result
from awe_cli.models.linear import require_linear
from awe_cli.models.opening import open_dataset
from awe_cli.models.own_affinity import keep_copy
from awe_cli.models.rankers import find_embedding
from awe_cli.models.tables import AFFINITY, AFFINITY_VERSION, NEIGHBORS, default_name, kind_of
from awe_cli.neighbors.search import BLOCK
from awe_cli.steps.build_affinity_told import (
    check,
    everything_told,
    knn_settings,
    parameters_given,
    parameters_told,
)
from awe_cli.steps.build_knn import build_knn
from awe_cli.training.joint import judge_of
from awe_cli.workspace import Artifact, Recipe, Staging, Workspace
from awe_cli.workspace.arrays import save_arrays

Announce = Callable[[str], None]


def build_affinity(
    ws: Workspace,
    model: str | None,
    settings: BuildAffinitySettings | None = None,
    *,
    name: str | None = None,
    threads: int | None = None,
    scheduler: str | None = None,
    block: int = BLOCK,
    wait: bool = False,
    announce: Announce = lambda line: None,
) -> tuple[Artifact, bool]:
    """Build G from an embedding model, and publish it as `name` (by default MODEL-AFFINITY, for knn MODEL).

    block      training examples worked on at a time; like `threads`, it never changes a byte
    scheduler  address of a Dask scheduler whose workers do so, in place of the threads; nor does that

    Returns what was built and whether it was built now. What is left open is chosen on validation by how well G · S
    ranks, with the fit that has not seen it. Raises SettingsError, MissingInputError, DataError.
    """
    settings = settings or BuildAffinitySettings()
    given = parameters_given(settings)
    check(settings, scheduler)
    if kind_of(settings.affinity) == NEIGHBORS:
        like = knn_settings(settings, given)
        return build_knn(
            ws, model, like, name=name, threads=threads, scheduler=scheduler, wait=wait, announce=announce
        )
    with ws.lock(wait=wait):
        stored = ws.find("dataset")
        dataset = open_dataset(stored)
        chosen = choose_builder(settings.affinity, settings.own_parameters)
        parameters = parameters_told(settings, given, dataset, chosen)
        base = require_linear(find_embedding(ws, model, stored))
        told = {**everything_told(settings, parameters, dataset, base), **chosen.told}
        recipe = Recipe(AFFINITY, AFFINITY_VERSION, told, {"dataset": stored.digest, "model": base.digest})
        name = name or default_name(settings.affinity, base)
        current = ws.current(AFFINITY, name, recipe)
        if current is not None:
            return current, False
        with open_engine(scheduler, threads) as engine, ws.stage(AFFINITY, recipe) as staging:
            work = _Work(dataset, base, chosen, told, threads, announce)
            keep_copy(staging, chosen.source)
            work.fill(staging, [tuple(fit) for fit in base.settings["fits"]], engine, block)
            return staging.publish(name), True


class _Work:
    """One building: what it is made from, and the choice that validation makes."""

    def __init__(
        self,
        dataset: Dataset,
        base: Artifact,
        chosen: ChosenBuilder,
        told: dict[str, Any],
        threads: int | None,
        announce: Announce,
    ) -> None:
        self._dataset, self._base, self._told = dataset, base, told
        self._threads, self._announce = threads, announce
        self.builder = chosen.builder
        self.parameters: dict[str, Any] = told["parameters"]

    def fill(self, staging: Staging, fits: list[Fit], engine: Engine, block: int) -> None:
        """Choose with the smallest fit, then write every fit."""
        choice, tried = self.choose(fits[0])
        found = {}
        for fit in fits:
            self._announce(f"building {self._told.get('type', self._told['affinity'])} on {'+'.join(fit)}")
            source = self.source(fit)
            arrays = self.builder.fit(self.parameters, source, choice)
            rows = self.builder.open(self.parameters, source, arrays).training(engine, block)
            save_arrays(staging.file(f"fit-{fit_name(fit)}.npz"), arrays)
            save_arrays(staging.file(f"rows-{fit_name(fit)}.npz"), rows._asdict())
            found[fit_name(fit)] = self.builder.describe(arrays)
        result = {"choice": choice, "tried": tried, "metric": self._told["metric"], "fits": found}
        store_result(staging, result)

    def source(self, fit: Fit) -> Source:
        """What a fit is built from."""
        state, examples = load_state(self._base, fit), self._dataset.training(fit)
        return Source(state, examples, self._told["measure"], self._threads)

    def choose(self, fit: Fit) -> tuple[Choice, list[dict[str, Any]]]:
        """The choice that ranks validation best, the first of equals; and all of them with their scores."""
        source = self.source(fit)
        choices = self.builder.choices(self.parameters, source)
        judge = judge_of(self._dataset, fit, self._told["metric"], 0, self._threads)
        if judge is None or len(choices) == 1:
            return choices[0], []
        self._announce("choosing on validation")
        tried = []
        for choice in choices:
            built = self.builder.open(
                self.parameters, source, self.builder.fit(self.parameters, source, choice)
            )
            tried.append(
                {**choice, "validation": judge(built.ranker(source.state, 1.0, 0.0, source.examples.y))}
            )
        best = max(range(len(tried)), key=lambda number: tried[number]["validation"])
        return choices[best], tried
