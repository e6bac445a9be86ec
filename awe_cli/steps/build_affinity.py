"""Build G of any affinity that is built from a model and then held fixed (AWE §3.1, §3.3)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, fields
from functools import partial
from typing import Any

from awe_cli.affinities.spec import KNN_APPROXIMATE, built_parameters, names_file, no_part
from awe_cli.builders.base import Choice, Source
from awe_cli.config.build import BuildAffinitySettings, BuildKnnSettings
from awe_cli.dataset.dataset import RECOMMENDATION, Dataset
from awe_cli.engine.checkpoints import Checkpoints, ResumableEngine, remember, remember_arrays
from awe_cli.engine.dask import code_digest
from awe_cli.engine.engine import Engine, open_engine
from awe_cli.errors import SettingsError
from awe_cli.metrics.metrics import criterion
from awe_cli.models.load import find_embedding
from awe_cli.models.needs import building_needs
from awe_cli.models.store import (
    Fit,
    dim_of,
    fit_name,
    fits_of_model,
    load_result,
    load_state,
    open_dataset,
    require_linear,
    store_result,
)
from awe_cli.models.tables import (
    AFFINITY,
    AFFINITY_VERSION,
    NEIGHBORS,
    ChosenBuilder,
    choose_builder,
    default_name,
    kind_of,
)
from awe_cli.neighbors.search import EXACT
from awe_cli.neighbors.space import usual_measure
from awe_cli.plugins.file import keep_copy, refuse_parameters
from awe_cli.steps.build_knn import build_knn
from awe_cli.training.joint import validator_for
from awe_cli.workspace import Artifact, Recipe, Staging, Workspace
from awe_cli.workspace.arrays import save_arrays
from awe_cli.workspace.checkpoints import DEFAULT_CHECKPOINTS, CheckpointSettings, open_checkpoints

# What the settings of building a G come to: what is refused, and everything its recipe has.

_BLOCK = 1024  # training examples worked on at a time


def check(settings: BuildAffinitySettings, scheduler: str | None) -> None:
    """Raise SettingsError for --set without a file, and for a file's affinity on a cluster: its code is not sent."""
    if not names_file(settings.affinity):
        refuse_parameters(settings.affinity, settings.plugin_parameters)
    elif scheduler is not None:
        raise SettingsError(
            f"--scheduler: {settings.affinity} is a file's affinity, whose code workers do not have, found {scheduler}",
            hint="leave it out: --threads shares its blocks out here",
        )


def knn_settings(settings: BuildAffinitySettings, given: dict[str, Any]) -> BuildKnnSettings:
    """The same for `build_knn`. Raises SettingsError for a parameter that knn does not have."""
    built_parameters(settings.affinity, given, own=True)
    approximate = settings.approximate or ("hnsw" if settings.affinity == KNN_APPROXIMATE else EXACT)
    if settings.affinity == KNN_APPROXIMATE and approximate == EXACT:
        raise SettingsError(
            "--approximate: expected hnsw, ivf or lsh for knn-approximate, found 'exact'",
            hint="--affinity knn searches exactly",
        )
    values = {field.name: getattr(settings, field.name) for field in fields(BuildKnnSettings)}
    return BuildKnnSettings(**{**values, "approximate": approximate, "folds": settings.folds or 0})


def parameters_given(settings: BuildAffinitySettings) -> dict[str, Any]:
    """Parameter → what was said, by the names of `awe affinities`; a λ_y that is no number is refused."""
    values = {name.rstrip("_"): value for name, value in asdict(settings).items()}
    apart = ("affinity", "metric", "plugin_parameters")
    given = {name: value for name, value in values.items() if name not in apart}
    if settings.lambda_y is not None:
        try:
            value = float(settings.lambda_y)
        except ValueError:
            value = math.nan
        if not value >= 0:
            raise SettingsError(
                f"--lambda-y: expected a number of at least 0, or inf, found {settings.lambda_y!r}",
                hint="inf is the limit in which labels count only where they are equal",
            )
        given["lambda_y"] = "inf" if math.isinf(value) else value
    return given


def resolve_parameters(
    settings: BuildAffinitySettings, given: dict[str, Any], dataset: Dataset, chosen: ChosenBuilder
) -> dict[str, Any]:
    """Every parameter: as given, else its default, the measure by the kind of x; None for those that are not used.

    Raises SettingsError for a parameter that the affinity does not have, or that plays no part.
    """
    found = built_parameters(settings.affinity, given, own=dataset.task == RECOMMENDATION)
    if "measure" in found:
        found["measure"] = found["measure"] or usual_measure(dense=dataset.dense)
    idle = chosen.builder.idle(found, dataset.y is not None)
    for name, why in idle.items():
        if given.get(name) is not None:
            raise no_part(name, why, given[name])
    return {name: None if name in idle else value for name, value in found.items()}


def resolve_settings(
    settings: BuildAffinitySettings, parameters: dict[str, Any], dataset: Dataset, base: Artifact
) -> dict[str, Any]:
    """Everything that decides what G will be, beside which affinity it is, as its recipe has it."""
    measure = parameters.get("measure") or usual_measure(dense=dataset.dense)
    metric = criterion(settings.metric or load_result(base)["metric"]).name
    return {"measure": measure, "metric": metric, "parameters": parameters}


Announce = Callable[[str], None]


def build_affinity(
    ws: Workspace,
    model: str | None,
    settings: BuildAffinitySettings | None = None,
    *,
    name: str | None = None,
    threads: int | None = None,
    scheduler: str | None = None,
    block: int = _BLOCK,
    wait: float = False,
    announce: Announce = lambda line: None,
    checkpoints: CheckpointSettings = DEFAULT_CHECKPOINTS,
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
            ws, model, like, name=name, threads=threads, scheduler=scheduler, wait=wait, announce=announce,
            checkpoints=checkpoints,
        )  # fmt: skip
    with ws.lock(wait=wait):
        stored = ws.find("dataset")
        dataset = open_dataset(stored)
        chosen = choose_builder(settings.affinity, settings.plugin_parameters)
        parameters = resolve_parameters(settings, given, dataset, chosen)
        base = require_linear(find_embedding(ws, model, stored))
        resolved = {**resolve_settings(settings, parameters, dataset, base), **chosen.resolved}
        recipe = Recipe(
            AFFINITY, AFFINITY_VERSION, resolved, {"dataset": stored.digest, "model": base.digest}
        )
        name, fits = default_name(settings.affinity, base) if name is None else name, fits_of_model(base)
        current = ws.current(AFFINITY, name, recipe, lambda: building_needs(dataset, dim_of(base), fits))
        if current is not None:
            return current, False
        with (
            open_engine(scheduler, threads) as engine,
            ws.stage(AFFINITY, recipe) as staging,
            open_checkpoints(ws.root, recipe, name, code_digest(), checkpoints) as kept,
        ):
            work = _Work(dataset, base, chosen, resolved, threads, announce, kept)
            keep_copy(staging, chosen.source)
            work.fill(staging, fits_of_model(base), engine, block)
            return staging.publish(name), True


class _Work:
    """One building: what it is made from, and the choice that validation makes."""

    def __init__(
        self,
        dataset: Dataset,
        base: Artifact,
        chosen: ChosenBuilder,
        resolved: dict[str, Any],
        threads: int | None,
        announce: Announce,
        checkpoints: Checkpoints,
    ) -> None:
        self._checkpoints = checkpoints
        self._dataset, self._base, self._resolve = dataset, base, resolved
        self._threads, self._announce = threads, announce
        self.builder = chosen.builder
        self.parameters: dict[str, Any] = resolved["parameters"]

    def fill(self, staging: Staging, fits: list[Fit], engine: Engine, block: int) -> None:
        """Choose with the smallest fit, then write every fit."""
        choice, tried = self.choose(fits[0])
        found = {}
        for fit in fits:
            self._announce(
                f"building {self._resolve.get('type', self._resolve['affinity'])} on {'+'.join(fit)}"
            )
            source = self.source(fit)
            arrays = remember_arrays(
                self._checkpoints,
                f"fit-{fit_name(fit)}",
                partial(self.builder.fit, self.parameters, source, choice),
            )
            shared_out = ResumableEngine(engine, self._checkpoints, f"rows of {'+'.join(fit)} by {block}")
            rows = self.builder.open(self.parameters, source, arrays).training(shared_out, block)
            save_arrays(staging.file(f"fit-{fit_name(fit)}.npz"), arrays)
            save_arrays(staging.file(f"rows-{fit_name(fit)}.npz"), rows._asdict())
            found[fit_name(fit)] = self.builder.describe(arrays)
        result = {"choice": choice, "tried": tried, "metric": self._resolve["metric"], "fits": found}
        store_result(staging, result)

    def source(self, fit: Fit) -> Source:
        """What a fit is built from."""
        state, examples = load_state(self._base, fit, self._dataset), self._dataset.training(fit)
        return Source(state, examples, self._resolve["measure"], self._threads)

    def choose(self, fit: Fit) -> tuple[Choice, list[dict[str, Any]]]:
        """The choice that ranks validation best, the first of equals; and all of them with their scores."""
        source = self.source(fit)
        choices = self.builder.choices(self.parameters, source)
        validator = validator_for(self._dataset, fit, self._resolve["metric"], 0, self._threads)
        if validator is None or len(choices) == 1:
            return choices[0], []
        self._announce("choosing on validation")
        tried = []
        for number, choice in enumerate(choices):

            def validation(choice: Choice = choice) -> float:
                arrays = self.builder.fit(self.parameters, source, choice)
                built = self.builder.open(self.parameters, source, arrays)
                return validator(built.ranker(source.state, 1.0, 0.0, source.examples.y))

            score = remember(self._checkpoints, f"choice-{number}", validation)
            tried.append({**choice, "validation": score})
        best = max(range(len(tried)), key=lambda number: tried[number]["validation"])
        return choices[best], tried
