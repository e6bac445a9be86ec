"""A user's own affinity: a type in a Python file, `--affinity path/to/file.py:Name`.

A model keeps a copy of the file, so that it can rank wherever it is: whoever opens such a model runs that copy, whose
sha256 is part of the model's digest.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_type_hints

from awe_cli.affinity.catalog import with_floor
from awe_cli.errors import SettingsError
from awe_cli.models.own_file import own_type, split

OWN = "own"
SOURCE = "affinity.py"


def _truth(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


_PARAMETERS: dict[str, Callable[[str], Any]] = {
    "int": int,
    "float": _finite,
    "bool": _truth,
}


def own_parameters(affinity: str, told: Sequence[str] | None, floor: float | None) -> dict[str, Any]:
    """What a recipe says of "file.py:Name": the type, the digest of its file, its parameters.

    Raises MissingInputError where there is no file, SettingsError where it cannot be used.
    """
    path, name = split(affinity)
    kind = own_type(path, name)
    values = dict(zip(kind._fields, _values(kind, told or ()), strict=True))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"name": OWN, "type": name, "sha256": digest, "parameters": values, "floor": floor or 0.0}


def own_of(settings: dict[str, Any], path: Path) -> Any:
    """The affinity of the file."""
    return own_type(path, settings["type"])(**settings["parameters"])


def build_own(settings: dict[str, Any], path: Path) -> Any:
    """What the kernels take."""
    return with_floor(own_of(settings, path), settings)


def _values(kind: Any, told: Sequence[str]) -> list[Any]:
    """A value for each field: as told, else its default."""
    given = dict(entry.partition("=")[::2] for entry in told)
    unknown = [name for name in given if name.strip() not in kind._fields]
    if unknown:
        known = ", ".join(kind._fields) or "no parameters"
        raise SettingsError(f"--set: {kind.__qualname__} has no parameter {unknown[0]!r}; it knows {known}")
    return [_value(kind, name, given.get(name)) for name in kind._fields]


def _value(kind: Any, name: str, text: str | None) -> Any:
    hint = get_type_hints(kind).get(name, float)
    if text is None and name in kind._field_defaults:
        return kind._field_defaults[name]
    try:
        return _PARAMETERS[hint.__name__](str(text).strip())
    except (KeyError, ValueError) as error:
        expected = (
            f"a value of type {hint.__name__}" if hint.__name__ in _PARAMETERS else "int, float or bool"
        )
        raise SettingsError(
            f"--set: expected {expected} for {name} of {kind.__qualname__}, found {text or 'none'}",
            hint=f"for example --set {name}=1",
        ) from error
