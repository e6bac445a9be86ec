"""What the settings of a retraining come to: what is refused, what is tried, and everything its recipe has."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from awe_cli.affinity.built import CLUSTER, find_built_affinity
from awe_cli.config.retrain import RetrainSettings
from awe_cli.errors import SettingsError
from awe_cli.metrics.catalog import criterion
from awe_cli.models.embeddings import load_result
from awe_cli.models.rankers import EMBEDDING
from awe_cli.training.plan import Plan
from awe_cli.workspace import Artifact

_EPOCHS = 8
_RATE = 1 / 3  # of the model's: U and V are good already
_POWERS = (1.0, 0.5)


def check(settings: RetrainSettings) -> None:
    """Raise SettingsError for an affinity that is not built, and for a floor where other labels are not scored."""
    find_built_affinity(settings.affinity)
    if settings.affinity == CLUSTER and settings.floor:
        raise SettingsError(
            f"--floor: the affinity cluster has none, found {settings.floor:g}",
            hint="with a floor every label would be scored; leave it out, or take --affinity hybrid-latent-rbf",
        )


def powers_to_try(settings: RetrainSettings) -> list[float]:
    """The powers of G to try: of clusters one, since G is 0 or 1."""
    if settings.power is not None:
        return [settings.power]
    return [1.0] if settings.affinity == CLUSTER else list(_POWERS)


def everything_told(settings: RetrainSettings, base: Artifact) -> dict[str, Any]:
    """Everything that decides what the model will be, as its recipe has it."""
    result = load_result(base)
    plan = Plan(**result["chosen"][result["stages"][-1]]["plan"])
    rate = plan.learning_rate * (_RATE if settings.warm else 1)
    epochs = settings.epochs if settings.epochs is not None else (_EPOCHS if settings.warm else plan.epochs)
    plan = replace(
        plan,
        epochs=epochs,
        learning_rate=settings.learning_rate or rate,
        margin=settings.margin or plan.margin,
    )
    return {
        "model_type": EMBEDDING,
        "affinity": {"name": settings.affinity, "power": settings.power, "floor": settings.floor},
        "loss": plan.loss,
        "warm": settings.warm,
        "plan": asdict(plan),
        "fits": base.settings["fits"],
        "patience": settings.patience,
        "metric": criterion(settings.metric or result["metric"]).name,
    }
