"""Which models G may be built from and multiplied with: those whose U and V were learned for Ux·V_y."""

from __future__ import annotations

from awe_cli.affinity.built import BUILT, OWN_BUILT
from awe_cli.affinity.catalog import CONSTANT
from awe_cli.affinity.mixture import MIX
from awe_cli.errors import SettingsError
from awe_cli.models.embeddings import load_result
from awe_cli.workspace import Artifact


def is_linear(model: Artifact) -> bool:
    """Whether U and V of an embedding model were learned for the score Ux·V_y, or for it times a G that is built."""
    told = load_result(model)["affinity"]
    return all(
        part["name"] in (*BUILT, OWN_BUILT, CONSTANT, MIX) for part in (told, *told.get("members", ()))
    )


def require_linear(model: Artifact) -> Artifact:
    """`model`, if Ux·V_y is what its U and V were learned for. Raises SettingsError.

    Only such a score is to be multiplied with a G that is built (AWE §3.3): another affinity that was learned with
    U and V would be left out of the product without a word.
    """
    if is_linear(model):
        return model
    name = load_result(model)["affinity"]["name"]
    raise SettingsError(
        f"{model.describe()}: expected a model with a constant affinity to multiply G with, found {name}: "
        "without it its U and V do not rank as they were learned to",
        hint="name a model that `awe train --affinity constant` or `awe retrain` made",
    )
