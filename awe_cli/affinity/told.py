"""What was told of an affinity, refused where nothing of that name is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from awe_cli.errors import SettingsError, did_you_mean


def names_file(name: str) -> bool:
    """Whether the name of an affinity is that of a Python file, with or without a type in it."""
    return ".py:" in name or name.endswith(".py")


def unknown_affinity(name: str, expected: str, known: Iterable[str], otherwise: str | None) -> SettingsError:
    """The error for an affinity that is not among the known ones."""
    known = list(known)
    return SettingsError(
        f"--affinity: expected {expected} {', '.join(known)}, found {name!r}",
        hint=did_you_mean(name, known, otherwise),
    )


def check_told(
    name: str, told: Mapping[str, Any], known: Iterable[str], owners: Mapping[str, Iterable[str]]
) -> None:
    """Raise SettingsError for a parameter that was told and is not known to the affinity called `name`.

    owners  other affinities and the parameters that these know
    """
    known = list(dict.fromkeys(known))
    for parameter, value in told.items():
        if value is not None and parameter not in known:
            theirs = [owner for owner, parameters in owners.items() if parameter in parameters]
            raise SettingsError(
                f"{_flag(parameter)}: the affinity {name} has none; it knows "
                f"{', '.join(map(_flag, known)) or 'no parameters'}",
                hint=f"it is for --affinity {', '.join(theirs)}; leave it out" if theirs else "leave it out",
            )


def no_part(parameter: str, where: str, value: object) -> SettingsError:
    """The error for a parameter that was told and plays no part beside the others."""
    return SettingsError(
        f"{_flag(parameter)}: it plays no part where {where}, found {value}", hint="leave it out"
    )


def _flag(parameter: str) -> str:
    return f"--{parameter.replace('_', '-')}"
