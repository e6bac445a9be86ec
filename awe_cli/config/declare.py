"""How a setting is declared, and how the declaration is read back."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

REQUIRED = dataclasses.MISSING


def setting(
    default: Any = REQUIRED,
    *,
    help: str,
    min: float | None = None,
    max: float | None = None,
    above: float | None = None,
    below: float | None = None,
    choices: Sequence[Any] | None = None,
    auto: str | None = None,
    flag: str | None = None,
) -> Any:
    """A field of a settings class.

    help     one sentence for the command line and the reference
    min max  the least and the greatest value allowed; above and below exclude the value itself
    choices  the only values allowed
    auto     in words, what None leads to: "chosen from the data" where it is not said
    flag     the option's spelling where it is not --name or --name/--no-name: "--exact/--approximate"
    """
    limits = {"min": min, "max": max, "above": above, "below": below, "choices": choices}
    given = {key: value for key, value in limits.items() if value is not None}
    return dataclasses.field(default=default, metadata={**given, "help": help, "auto": auto, "flag": flag})


@dataclass(frozen=True)
class Setting:
    """One field of a settings class, as declared.

    type      int, float, str or bool: of the value, or of each entry where `many`
    many      the value is a tuple
    optional  None is allowed: chosen from the data
    default   REQUIRED where the user must give it
    """

    name: str
    type: type
    many: bool
    optional: bool
    default: Any
    metadata: typing.Mapping[str, Any]

    @property
    def flag(self) -> str:
        """The option on the command line: "--learning-rate"."""
        return str(self.metadata.get("flag") or f"--{self.name.replace('_', '-')}")

    @property
    def key(self) -> str:
        """What awe.toml and the environment call it: like the option, with "_" for "-"."""
        return self.flag.split("/")[0].removeprefix("--").replace("-", "_")

    @property
    def help(self) -> str:
        """One sentence."""
        return str(self.metadata.get("help", ""))

    @property
    def default_words(self) -> str | None:
        """The default as help shows it; None where there is none to show."""
        if self.default is REQUIRED:
            return None
        if self.default is None:
            return str(self.metadata.get("auto") or "chosen from the data")
        if self.many:
            return ",".join(str(entry) for entry in self.default) or str(self.metadata.get("auto") or "none")
        return str(self.default)


def settings_of(cls: type) -> list[Setting]:
    """The settings that a dataclass declares, in its order. Raises TypeError for a type we cannot read."""
    hints = typing.get_type_hints(cls)
    return [
        Setting(field.name, *_shape(hints[field.name]), default=field.default, metadata=field.metadata)
        for field in dataclasses.fields(cls)
    ]


def _shape(hint: Any) -> tuple[type, bool, bool]:
    """(type, many, optional) of a type hint."""
    optional = False
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        inner = [part for part in typing.get_args(hint) if part is not type(None)]
        optional, hint = len(inner) < len(typing.get_args(hint)), inner[0] if len(inner) == 1 else hint
    many = typing.get_origin(hint) is tuple and typing.get_args(hint)[1:] == (...,)
    entry = typing.get_args(hint)[0] if many else hint
    if entry not in (int, float, str, bool):
        raise TypeError(f"a setting cannot have the type {hint!r}")
    return entry, many, optional
