"""What the settings of a retraining come to: what is refused, what is tried, and everything its recipe has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from awe_cli.affinity.built import BUILT, CLUSTER, OWN_BUILT, find_built_affinity
from awe_cli.affinity.catalog import ALL_MEMBERS, check_known, parameters_of
from awe_cli.affinity.mixture import MIX, Member, read_members
from awe_cli.affinity.told import names_file
from awe_cli.config.affinity import AffinitySettings
from awe_cli.config.retrain import RetrainSettings
from awe_cli.data.dataset import RECOMMENDATION, Dataset
from awe_cli.errors import SettingsError
from awe_cli.metrics.catalog import criterion
from awe_cli.models.embeddings import load_result
from awe_cli.models.numbers import named_by_content
from awe_cli.models.rankers import EMBEDDING
from awe_cli.models.tables import find_built
from awe_cli.training.plan import Plan
from awe_cli.workspace import Artifact, Workspace

_EPOCHS = 8
_RATE = 1 / 3  # of the model's: U and V are good already
_POWERS = (1.0, 0.5)


def check(settings: RetrainSettings) -> None:
    """Raise SettingsError for an affinity that is not built, and for a floor where other labels are not scored."""
    if settings.affinity == MIX:
        return
    entry = find_built_affinity(settings.affinity)
    check_known(settings.affinity, _parameters(settings), [])
    if settings.floor and not entry.floor:
        raise SettingsError(
            f"--floor: the affinity {entry.name} has none, found {settings.floor:g}",
            hint="with a floor every label would be scored; leave it out, or take --affinity mix "
            f"--mix {entry.name},constant",
        )


def _parameters(settings: RetrainSettings) -> dict[str, Any]:
    """What was told of affinities that are learned, and of mixtures: parameter → value, or None."""
    return {field.name: getattr(settings, field.name) for field in fields(AffinitySettings)}


def parameters_told(settings: RetrainSettings, dataset: Dataset, built: str | None) -> dict[str, Any]:
    """The parameters of the affinity, as the recipe has them. Raises SettingsError for those that cannot be."""
    name = OWN_BUILT if names_file(settings.affinity) else settings.affinity
    plain = {"name": name, "power": settings.power, "floor": settings.floor}
    if settings.affinity != MIX:
        return plain
    members = members_told(settings)
    if built is not None:
        raise SettingsError(
            f"--built: expected the names of several G beside the members of a mix, found {built!r}",
            hint=f"for example --mix {members[0].affinity}={built},constant",
        )
    own = dataset.task == RECOMMENDATION
    parameters = parameters_of(MIX, _parameters(settings), own=own, members=ALL_MEMBERS)
    return {**named_by_content(parameters, dataset), **plain}


def members_told(settings: RetrainSettings) -> list[Member]:
    """The members of a mixture. Raises SettingsError where none of them is built."""
    members = read_members(settings.mix, ALL_MEMBERS)
    if all(member.affinity not in BUILT for member in members):
        raise SettingsError(
            f"--mix: expected one that is built among {', '.join(str(member) for member in members)}, found none",
            hint="without one there is nothing to hold fixed: `awe train --affinity mix --mix …` learns it, with "
            "--mix-weights and --learn-mix as here",
        )
    return members


def built_members(settings: RetrainSettings, built: str | None) -> list[Member]:
    """What is built of the affinity: itself, with G called `built`, or some members of the mixture."""
    if settings.affinity != MIX:
        return [Member(settings.affinity, built)]
    return [member for member in members_told(settings) if member.affinity in BUILT]


def find_tables(
    ws: Workspace, settings: RetrainSettings, built: str | None, base: Artifact
) -> list[Artifact]:
    """G of what is built, in the order of the members. Raises MissingInputError, as `find_built`."""
    return [find_built(ws, member.affinity, member.built, base) for member in built_members(settings, built)]


def powers_to_try(settings: RetrainSettings) -> list[float]:
    """The powers of G to try: of clusters one, since G is 0 or 1."""
    if settings.power is not None:
        return [settings.power]
    return [1.0] if settings.affinity == CLUSTER else list(_POWERS)


def everything_told(settings: RetrainSettings, base: Artifact, affinity: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that decides what the model will be, as its recipe has it; `affinity`: its parameters."""
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
        "affinity": dict(affinity),
        "loss": plan.loss,
        "warm": settings.warm,
        "plan": asdict(plan),
        "fits": base.settings["fits"],
        "patience": settings.patience,
        "metric": criterion(settings.metric or result["metric"]).name,
    }
