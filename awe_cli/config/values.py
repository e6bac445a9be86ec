"""What a setting may hold: one reading of text and of TOML, one check of ranges."""

from __future__ import annotations

import math
from typing import Any

from awe_cli.config.declare import Setting
from awe_cli.errors import SettingsError, did_you_mean

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
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, list | tuple):
        value = [value]
    return tuple(_read_one(setting, entry, where) for entry in value)


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
