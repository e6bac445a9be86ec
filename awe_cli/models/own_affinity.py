"""A user's own affinity: a type in a Python file, `--affinity path/to/file.py:Name`.

A model keeps a copy of the file, so that it can rank wherever it is: whoever opens such a model runs that copy, whose
sha256 is part of the model's digest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_type_hints

from awe_cli.affinity.catalog import with_floor
from awe_cli.errors import SettingsError, did_you_mean
from awe_cli.models.own_file import GUIDE, own_type, split
from awe_cli.workspace import Staging
from awe_cli.workspace.disk import file_digest

OWN = "own"
SOURCE = "affinity.py"
_LARGEST = 2**63 - 1  # that kernels and files hold
# Where a value that is wrong was found: the flag and the place.
_TOLD, _DEFAULT = ("--set", "for"), ("--affinity", "as the default of")
VARIANT = ("--affinity", "in `choices` for")


def _truth(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _whole(text: str) -> int:
    number = int(text)
    if abs(number) > _LARGEST:
        raise ValueError(text)
    return number


_PARAMETERS: dict[str, Callable[[str], Any]] = {
    "int": _whole,
    "float": _finite,
    "bool": _truth,
}


def own_parameters(affinity: str, told: Sequence[str] | None, floor: float | None) -> dict[str, Any]:
    """What a recipe says of "file.py:Name": the type, the digest of its file, its parameters.

    Raises MissingInputError where there is no file, SettingsError where it cannot be used.
    """
    path, name = split(affinity)
    values = values_of(own_type(path, name), told or ())
    return {**named(path, name), "name": OWN, "parameters": values, "floor": floor or 0.0}


def named(path: Path, name: str) -> dict[str, Any]:
    """How a recipe names a type of a file: wherever the file lies, another content is another affinity."""
    return {"type": name, "sha256": file_digest(path)}


def keep_copy(staging: Staging, source: Path | None) -> None:
    """Copy the file of a user's own affinity, where there is one, into an artifact."""
    if source is not None:
        staging.file(SOURCE).write_bytes(source.read_bytes())


def refuse_parameters(affinity: str, told: Sequence[str] | None) -> None:
    """Raise SettingsError where --set was told of an affinity that is no file's."""
    if told:
        raise SettingsError(
            f"--set: the affinity {affinity} is no file's",
            hint="it is for --affinity path/to/file.py:Name",
        )


def own_of(settings: dict[str, Any], path: Path) -> Any:
    """The affinity of the file."""
    return own_type(path, settings["type"])(**settings["parameters"])


def build_own(settings: dict[str, Any], path: Path) -> Any:
    """What the kernels take."""
    return with_floor(own_of(settings, path), settings)


def values_of(kind: Any, told: Sequence[str], place: tuple[str, str] = _TOLD) -> dict[str, Any]:
    """A value for each field: as told, name=value, else its default. Raises SettingsError, which says the place."""
    given = given_of(told)
    for name in given:
        if name not in kind._fields:
            known = ", ".join(kind._fields) or "no parameters"
            raise SettingsError(
                f"--set: {kind.__qualname__} has no parameter {name!r}; it knows {known}",
                hint=did_you_mean(name, kind._fields, "leave it out"),
            )
    return {name: _value(kind, name, given.get(name), place) for name in kind._fields}


def given_of(told: Sequence[str]) -> dict[str, str]:
    """Name → value of what was told."""
    return {name.strip(): value for name, _, value in (entry.partition("=") for entry in told)}


def _value(kind: Any, name: str, told: str | None, place: tuple[str, str]) -> Any:
    type_name, is_default = _type_name(kind, name), told is None and name in kind._field_defaults
    value = kind._field_defaults[name] if is_default else told
    text = "" if value is None else str(value).strip()
    try:
        return _PARAMETERS[type_name](text)
    except (KeyError, ValueError) as error:
        flag, whose = _DEFAULT if is_default else place
        raise SettingsError(
            f"{flag}: expected a value of type {type_name} {whose} {name} of {kind.__qualname__}, "
            f"found {text or 'none'}",
            hint=f"for example --set {name}=1",
        ) from error


def _type_name(kind: Any, name: str) -> str:
    """Of a field. Raises SettingsError for one that no parameter can have."""
    try:
        found = get_type_hints(kind).get(name, float)
    except NameError as error:  # an annotation that names nothing
        found = error
    type_name = getattr(found, "__name__", str(found))
    if type_name not in _PARAMETERS:
        raise SettingsError(
            f"--affinity: expected {', '.join(_PARAMETERS)} as the type of {name} of {kind.__qualname__}, "
            f"found {type_name}",
            hint=GUIDE,
        )
    return type_name
