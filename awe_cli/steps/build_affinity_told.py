"""What the settings of building a G come to: what is refused, and everything its recipe has."""

from __future__ import annotations

import math
from dataclasses import asdict, fields
from typing import Any

from awe_cli.affinity.built import KNN_APPROXIMATE, built_parameters
from awe_cli.affinity.told import names_file, no_part
from awe_cli.config.build_affinity import BuildAffinitySettings
from awe_cli.config.build_knn import BuildKnnSettings
from awe_cli.data.dataset import RECOMMENDATION, Dataset
from awe_cli.errors import SettingsError
from awe_cli.metrics.catalog import criterion
from awe_cli.models.builders import ChosenBuilder
from awe_cli.models.embeddings import load_result
from awe_cli.models.own_affinity import refuse_parameters
from awe_cli.neighbors.search import EXACT
from awe_cli.neighbors.space import usual_measure
from awe_cli.workspace import Artifact


def check(settings: BuildAffinitySettings, scheduler: str | None) -> None:
    """Raise SettingsError for --set without a file, and for a file's affinity on a cluster: its code is not sent."""
    if not names_file(settings.affinity):
        refuse_parameters(settings.affinity, settings.own_parameters)
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
    apart = ("affinity", "metric", "own_parameters")
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


def parameters_told(
    settings: BuildAffinitySettings, given: dict[str, Any], dataset: Dataset, chosen: ChosenBuilder
) -> dict[str, Any]:
    """Every parameter: as told, else its default, the measure by the kind of x; None for those that play no part.

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


def everything_told(
    settings: BuildAffinitySettings, parameters: dict[str, Any], dataset: Dataset, base: Artifact
) -> dict[str, Any]:
    """Everything that decides what G will be, beside which affinity it is, as its recipe has it."""
    measure = parameters.get("measure") or usual_measure(dense=dataset.dense)
    metric = criterion(settings.metric or load_result(base)["metric"]).name
    return {"measure": measure, "metric": metric, "parameters": parameters}
