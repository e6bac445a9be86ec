"""Which builder makes a G: one of the catalog, or that of a type in a user's file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from awe_cli.affinity.built import OWN_BUILT, find_built_affinity
from awe_cli.affinity.told import names_file
from awe_cli.building.builder import Builder
from awe_cli.building.catalog import BUILDERS
from awe_cli.models import own_affinity, own_file
from awe_cli.models.own_built import OwnBuilder, parameters_of_built
from awe_cli.workspace import Artifact


@dataclass(frozen=True)
class ChosenBuilder:
    """What `awe build-affinity` was told.

    told     what a recipe says of it beside `parameters`, those that the catalog knows
    source   the file of a user's own affinity
    """

    builder: Builder
    told: dict[str, Any]
    source: Path | None = None


def choose_builder(affinity: str, own_parameters: Sequence[str] | None) -> ChosenBuilder:
    """The builder of an affinity that is named as in the catalog or as path/to/file.py:Name.

    Raises SettingsError for what cannot be, MissingInputError for a file that is not there.
    """
    told = as_recorded(affinity)
    if not names_file(affinity):
        return ChosenBuilder(BUILDERS[affinity], told)
    source, name = own_file.split(affinity)
    kind = own_file.built_type(source, name)
    values = parameters_of_built(kind, own_parameters)
    return ChosenBuilder(OwnBuilder(kind, values), {**told, "own": values}, source)


def builder_of(built: Artifact) -> Builder:
    """The builder of a G that is stored: of a user's own affinity from the copy of its file."""
    told = built.settings
    if told["affinity"] != OWN_BUILT:
        return BUILDERS[told["affinity"]]
    return OwnBuilder(own_file.built_type(built.file(own_affinity.SOURCE), told["type"]), told["own"])


def as_recorded(affinity: str) -> dict[str, Any]:
    """How the recipe of a G names its affinity. Raises as `choose_builder`."""
    if not names_file(affinity):
        return {"affinity": find_built_affinity(affinity).name}
    source, name = own_file.split(affinity)
    own_file.built_type(source, name)
    return {"affinity": OWN_BUILT, **own_affinity.named(source, name)}


def called(affinity: str) -> str:
    """What a G of the affinity is called after the model, where nobody names it."""
    return own_file.split(affinity)[1].lower() if names_file(affinity) else affinity
