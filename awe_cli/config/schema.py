"""How a setting is declared, what it may hold, and how the declaration is read back."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from awe_cli.errors import SettingsError, did_you_mean

# How a setting is declared, and how the declaration is read back.

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
    panel: str | None = None,
) -> Any:
    """A field of a settings class.

    help     one sentence for the command line and the reference
    min max  the least and the greatest value allowed; above and below exclude the value itself
    choices  the only values allowed
    auto     in words, what None leads to: "chosen from the data" where it is not said
    flag     the option's spelling where it is not --name or --name/--no-name: "--exact/--approximate"
    panel    the heading that help lists the option under; without one it is among those that people need first
    """
    limits = {"min": min, "max": max, "above": above, "below": below, "choices": choices}
    given = {key: value for key, value in limits.items() if value is not None}
    return dataclasses.field(
        default=default, metadata={**given, "help": help, "auto": auto, "flag": flag, "panel": panel}
    )


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
    def panel(self) -> str | None:
        """The heading that help lists the option under; None for those that people need first."""
        panel: str | None = self.metadata.get("panel")
        return panel

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


def as_arguments(cls: type, values: typing.Mapping[str, Any]) -> list[str]:
    """The options of the settings that have a value, as they are typed: ["--dim", "64", "--no-bias"].

    values  field → value, or its text; None and absent ones are left out
    """
    arguments: list[str] = []
    for setting in settings_of(cls):
        value = values.get(setting.name)
        if value is None:
            continue
        on, _, off = setting.flag.partition("/")
        if setting.type is bool:
            arguments.append(on if value else off or f"--no-{on.removeprefix('--')}")
            continue
        text = ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
        arguments += [f"{on}={text}"] if text.startswith("-") else [on, text]
    return arguments


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


# What a setting may hold: one reading of text and of TOML, one check of ranges.

_LARGEST = 2**63 - 1  # that kernels and files hold
_TRUTH = {"true": True, "yes": True, "on": True, "1": True}
_TRUTH |= {"false": False, "no": False, "off": False, "0": False}
_NOUNS: dict[type, str] = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


def read_value(setting: Setting, value: Any, where: str) -> Any:
    """`value` (text, or already typed) as the setting's type and within its range.

    `where` names the source in messages. Raises SettingsError saying what was expected and found.
    """
    if value is None or (setting.optional and value == "auto"):
        if setting.optional:
            return None
        raise _refusal(setting, value, where)
    if not setting.many:
        return _read_one(setting, value, where)
    entries = [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
    if not isinstance(entries, list | tuple):
        entries = [entries]
    if not entries and setting.default != ():
        raise _refusal(setting, value, where)
    return tuple(_read_one(setting, entry, where) for entry in entries)


def expectation(setting: Setting) -> str:
    """In words, what the setting may hold: "a whole number of at least 1"."""
    limits = setting.metadata
    if "choices" in limits:
        words = "one of " + ", ".join(str(choice) for choice in limits["choices"])
    else:
        words = _NOUNS[setting.type]
    bounds = {"min": "at least", "above": "more than", "max": "at most", "below": "less than"}
    ranges = [f"{text} {limits[key]:g}" for key, text in bounds.items() if key in limits]
    words += f" of {' and '.join(ranges)}" if ranges else ""
    return f"{words}, or several separated by commas" if setting.many else words


def _read_one(setting: Setting, value: Any, where: str) -> Any:
    try:
        read = _convert(setting.type, value)
    except ValueError:
        raise _refusal(setting, value, where) from None
    if isinstance(read, int) and abs(read) > _LARGEST:
        raise SettingsError(
            f"{where}: expected a whole number of at most {_LARGEST}, found {value}",
            hint=setting.help or None,
        )
    if not _within(setting, read):
        raise _refusal(setting, value, where)
    return read


def _convert(kind: type, value: Any) -> Any:
    """`value` as `kind`; ValueError where that would change its meaning."""
    if isinstance(value, str):
        text = value.strip()
        if kind is bool:
            if text.lower() not in _TRUTH:
                raise ValueError
            return _TRUTH[text.lower()]
        return _finite(kind(text)) if kind is not str else value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        raise ValueError
    return _finite(value)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError
    return value


def _within(setting: Setting, value: Any) -> bool:
    limits = setting.metadata
    return (
        ("choices" not in limits or value in limits["choices"])
        and ("min" not in limits or value >= limits["min"])
        and ("max" not in limits or value <= limits["max"])
        and ("above" not in limits or value > limits["above"])
        and ("below" not in limits or value < limits["below"])
    )


def _refusal(setting: Setting, value: Any, where: str) -> SettingsError:
    choices = [str(choice) for choice in setting.metadata.get("choices", ())]
    hint = did_you_mean(str(value), choices, setting.help or None)
    return SettingsError(f"{where}: expected {expectation(setting)}, found {value!r}", hint=hint)
