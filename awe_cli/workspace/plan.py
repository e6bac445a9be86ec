"""What a step would do and why, in words: the answer of a dry run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from awe_cli.workspace.artifact import Recipe, is_digest
from awe_cli.workspace.room import Needs

_LONGEST = 60  # characters of a value
_SHORT = 12  # digits of a digest that people are shown
_INPUTS = "inputs"  # the setting that holds the digests of the files that were read
_NONE = object()


@dataclass(frozen=True)
class Plan:
    """What a step would make.

    target     the name's file ("models/awe.json"), or the file that would be written
    would_run  False where it is up to date
    reasons    why it would run
    needs      memory and disk that it would take at the least; None where that is not estimated
    """

    target: str
    would_run: bool
    reasons: tuple[str, ...] = ()
    needs: Needs | None = None


class Planned(Exception):  # noqa: N818 - no error: a dry run has come to its end
    """Raised in a workspace opened with `dry_run`, where a step knows what it would do and before it does it."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.plan = plan


def differences(now: Recipe, before: Recipe) -> list[str]:
    """What sets a recipe apart from the one before: inputs, parents, settings, in words."""
    found = []
    if now.version != before.version:
        found.append(f"the format changed: version {before.version}, now {now.version}")
    for role in dict.fromkeys([*before.parents, *now.parents]):
        old, new = before.parents.get(role, _NONE), now.parents.get(role, _NONE)
        if old != new:
            found.append(f"{role} changed: {_words(old)}, now {_words(new)}")
    old_settings, new_settings = _flat(before.settings), _flat(now.settings)
    for key in dict.fromkeys([*old_settings, *new_settings]):
        old, new = old_settings.get(key, _NONE), new_settings.get(key, _NONE)
        if old != new:
            name, _, number = key.partition(".")
            what = f"input {int(number) + 1}" if name == _INPUTS and number.isdigit() else f"setting {key}"
            found.append(f"{what} changed: {_words(old)}, now {_words(new)}")
    return found


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Every value under the names that lead to it, joined by dots; in the form that JSON gives values."""
    return dict(_walk("", json.loads(json.dumps(dict(settings)))))


def _walk(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict | list) and value:
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, one in pairs:
            yield from _walk(f"{name}.{key}" if name else str(key), one)
    else:
        yield name, value


def _words(value: Any) -> str:
    if value is _NONE:
        return "not there"
    if is_digest(value):
        return str(value)[:_SHORT]
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
