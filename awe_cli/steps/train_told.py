"""What the settings of a training come to: where it starts, what is refused, and everything its recipe has."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from awe_cli.affinity.mixture import chooses_weights
from awe_cli.config.train import TrainSettings
from awe_cli.data.dataset import Dataset
from awe_cli.errors import SettingsError
from awe_cli.loss.catalog import check_loss
from awe_cli.metrics.catalog import criterion
from awe_cli.models.chosen_affinity import ChosenAffinity
from awe_cli.models.embeddings import Fit, load_state
from awe_cli.models.rankers import EMBEDDING, find_embedding
from awe_cli.training.plan import ADAGRAD, SGD, Plan
from awe_cli.training.recipes import default_metric, feature_plan, linear_plans
from awe_cli.training.state import is_full
from awe_cli.workspace import Artifact, Workspace

LINEAR, SCRATCH = "linear", "scratch"


def find_start(ws: Workspace, settings: TrainSettings, dataset: Artifact) -> Artifact | None:
    """The model to start from, where one is named."""
    if settings.start in (None, LINEAR, SCRATCH):
        return None
    return find_embedding(ws, str(settings.start), dataset)


def as_it_began(settings: TrainSettings, start: Artifact | None) -> TrainSettings:
    """The settings with the dimension and the steps of the model to start from. Raises SettingsError for other ones."""
    if start is None:
        return settings
    state = load_state(start, tuple(start.settings["fits"][0]))
    dim, plain = state.U.shape[1], is_full(state)
    if plain and settings.steps == ADAGRAD:
        raise SettingsError(
            f"--steps: expected {SGD}, the steps of {start.describe()} to start from, found {ADAGRAD}",
            hint=f"leave --steps out: {ADAGRAD} cannot go on from steps that nobody counted",
        )
    if settings.dim not in (None, dim):
        raise SettingsError(
            f"--dim: expected {dim}, the dimension of {start.describe()} to start from, found {settings.dim}",
            hint="leave --dim out, or start from a model of that dimension",
        )
    return replace(settings, dim=dim, steps=SGD if plain else settings.steps)


def everything_told(
    settings: TrainSettings, affinity: ChosenAffinity, dataset: Dataset, start: Artifact | None
) -> dict[str, Any]:
    """Everything that decides what the model will be, as its recipe has it.

    Raises SettingsError for a loss, a metric or splits that cannot be, and where a mixture whose weights are to be
    chosen would start from random U and V.
    """
    check_loss(settings.loss, asdict(settings))
    metric = criterion(settings.metric or default_metric(dataset)).name
    plans, is_linear = _plans(settings, dataset), not affinity.linear
    first = "model" if start else (settings.start or (SCRATCH if is_linear else LINEAR))
    if first == SCRATCH and chooses_weights(affinity.parameters):
        raise SettingsError(
            "--start: expected linear or the name of a model, by whose U and V --mix-weights chooses on validation, "
            f"found {SCRATCH}",
            hint="leave out --start, or --mix-weights: random U and V say nothing of which member ranks well",
        )
    return {
        "model_type": EMBEDDING,
        "affinity": affinity.parameters,
        "loss": settings.loss,
        "start": SCRATCH if is_linear and first == LINEAR else first,
        "plans": [asdict(plan) for plan in (plans[:-1] if is_linear else plans)],
        "fits": [list(fit) for fit in _fits_of(dataset, settings.fit_on)],
        "patience": settings.patience,
        "metric": metric,
    }


def _plans(settings: TrainSettings, dataset: Dataset) -> list[Plan]:
    """The plans to try for a linear model, and last the one for an affinity of features."""
    told = {name: value for name, value in asdict(settings).items() if value is not None}
    linear = linear_plans(dataset, told)
    return [*linear, feature_plan(settings.affinity, linear[0], told)]


def _fits_of(dataset: Dataset, fit_on: Fit | None) -> list[Fit]:
    """The fits to make: one that leaves valid out, to choose by, and one on all that was asked for.

    Raises SettingsError for splits that have no examples.
    """
    there = ("train", "valid") if dataset.splits.get("valid") else ("train",)
    wanted = tuple(split for split in ("train", "valid") if split in (fit_on or there))
    if "train" not in wanted or not set(wanted) <= set(there):
        raise SettingsError(
            f"--fit-on: expected train{' or train,valid' if len(there) > 1 else ''}, found {','.join(fit_on or ())}",
            hint="these are the splits of the dataset that a model may learn from",
        )
    return [("train",), wanted] if wanted != ("train",) else [wanted]
