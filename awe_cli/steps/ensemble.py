"""Combine models: weights chosen on validation, stored and used like a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from awe_cli.config.evaluate import EnsembleSettings
from awe_cli.dataset.dataset import RECOMMENDATION, Dataset
from awe_cli.engine.checkpoints import Checkpoints
from awe_cli.engine.dask import code_digest
from awe_cli.errors import SettingsError, UsageError
from awe_cli.matrices.matrix import slice_rows
from awe_cli.metrics.metrics import criterion
from awe_cli.models.load import ENSEMBLE, find_model, load_fit
from awe_cli.models.store import Fit, fits_of_model, open_dataset, store_result
from awe_cli.models.versions import require_dataset
from awe_cli.ranking.ensemble import BlendedWeights, OnSearch, Parts, blend_weights, standard_parts
from awe_cli.training.config import default_metric
from awe_cli.training.joint import validator_for
from awe_cli.workspace import Artifact, Recipe, Workspace
from awe_cli.workspace.checkpoints import DEFAULT_CHECKPOINTS, CheckpointSettings, open_checkpoints

VERSION = 2
_SEED = 0  # of the validation examples looked at, where there are very many


def ensemble(
    ws: Workspace,
    models: Sequence[str],
    settings: EnsembleSettings | None = None,
    *,
    name: str = ENSEMBLE,
    threads: int | None = None,
    wait: float = False,
    announce: Callable[[str], None] = lambda line: None,
    on_search: OnSearch = lambda done, most: None,
    checkpoints: CheckpointSettings = DEFAULT_CHECKPOINTS,
) -> tuple[Artifact, bool]:
    """Combine `models` linearly and publish the result as the model `name`.

    Weights are chosen on validation by the fits that have not seen it; equal ones are taken where there is no
    validation. Returns the model, and whether it was made now; its bytes do not depend on `threads`. `on_search` is
    that of `blend_weights`.

    Raises UsageError for fewer than two models, for one that would be made from itself and for another number
    of weights, DataError for models of another dataset, SettingsError where models have no fit in common.
    """
    settings = settings or EnsembleSettings()
    names = list(dict.fromkeys(part.strip() for entry in models for part in entry.split(",") if part.strip()))
    with ws.lock(wait=wait):
        stored = ws.find("dataset")
        dataset = open_dataset(stored)
        found = _find(ws, names, name, stored)
        resolved = _resolve(settings, dataset, found)
        parents = {f"model {number}": model.digest for number, model in enumerate(found, 1)}
        recipe = Recipe("model", VERSION, resolved, {"dataset": stored.digest, **parents})
        current = ws.current("model", name, recipe)
        if current is not None:
            return current, False
        with (
            ws.stage("model", recipe) as staging,
            open_checkpoints(ws.root, recipe, name, code_digest(), checkpoints) as kept,
        ):
            chosen = _weigh(ws, dataset, found, resolved, threads, announce, kept, on_search)
            store_result(
                staging,
                {
                    "models": names,
                    "weights": chosen.weights,
                    "metric": resolved["metric"],
                    "validation": chosen.validation,
                },
            )
            return staging.publish(name), True


def _find(ws: Workspace, names: list[str], name: str, dataset: Artifact) -> list[Artifact]:
    """The models, if they can be put together under this name."""
    if name in names:
        raise UsageError(
            f"the ensemble {name!r} cannot be made from itself", hint="give it another name with --name"
        )
    found = [find_model(ws, model) for model in names]
    for model in found:
        require_dataset(ws, model, dataset)
    distinct = {model.digest for model in found}
    if len(distinct) < max(2, len(names)):
        there = f"{len(names)} ({', '.join(names)})" if names else "none"
        same = ", some of them the same under two names" if len(names) > 1 else ""
        raise UsageError(
            f"expected two different models or more, found {there}{same}", hint="name them with --model"
        )
    if name in ws.names("model"):
        own = ws.find("model", name).digest
        if any(own in _ancestors(ws, model) for model in found):
            raise UsageError(
                f"the ensemble {name!r} cannot be made from itself: one of the models was made from it",
                hint="give it another name with --name",
            )
    return found


def _ancestors(ws: Workspace, model: Artifact) -> set[str]:
    """The digests of all that an ensemble was made from, however far back; none for another model."""
    if model.settings.get("model_type") != ENSEMBLE:
        return set()
    parts = {digest for role, digest in model.parents.items() if role != "dataset"}
    return parts.union(*(_ancestors(ws, ws.get("model", digest)) for digest in parts))


def _resolve(settings: EnsembleSettings, dataset: Dataset, models: list[Artifact]) -> dict[str, Any]:
    common = [list(fit) for fit in fits_of_model(models[0]) if all(fit in fits_of_model(m) for m in models)]
    if not common:
        raise SettingsError(
            "the models have no fit in common: they were fitted on different splits",
            hint="train them with the same --fit-on",
        )
    weights = settings.weights
    if weights is not None and (len(weights) != len(models) or not sum(weights)):
        raise UsageError(
            f"--weights: expected {len(models)} numbers, one for each model and not all 0, found "
            + ",".join(f"{weight:g}" for weight in weights),
            hint="leave it out to have them chosen on validation",
        )
    return {
        "model_type": ENSEMBLE,
        "fits": sorted(common, key=len),
        "weights": None if weights is None else list(weights),
        "metric": criterion(settings.metric or default_metric(dataset)).name,
    }


def _weigh(
    ws: Workspace,
    dataset: Dataset,
    models: list[Artifact],
    resolved: dict[str, Any],
    threads: int | None,
    announce: Callable[[str], None],
    checkpoints: Checkpoints,
    on_search: OnSearch,
) -> BlendedWeights:
    n, weights = len(models), resolved["weights"]
    if weights is not None:
        return BlendedWeights([weight / sum(weights) for weight in weights], None)
    fit: Fit = tuple(resolved["fits"][0])
    validator = validator_for(dataset, fit, resolved["metric"], _SEED, threads)
    if validator is None:
        announce("there is no validation to choose weights by: all models count alike")
        return BlendedWeights([1 / n] * n, None)
    announce("choosing weights on validation")
    rankers = [load_fit(ws, model, dataset, fit) for model in models]

    def parts(start: int, stop: int) -> Parts:
        x = slice_rows(validator.examples.x, start, stop)
        return standard_parts(rankers, x, own=dataset.task == RECOMMENDATION)

    return blend_weights(parts, n, validator, rankers[0].n_labels, checkpoints, on_search)
