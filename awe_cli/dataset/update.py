"""Which settings a later version of a dataset may have, and what is said of the changes that it brings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from awe_cli.errors import SettingsError

LINEAGE, INPUTS = "lineage", "inputs"
# What may differ from the version before: what was read, the relations of labels, and the decay of old interactions.
_MAY_DIFFER = frozenset(
    {LINEAGE, INPUTS, "label_file", "user_file", "isa", "similarity", "half_life", "weighted"}
)
_FIRST = ("user", "item")  # columns, in the order in which they are compared
_MUCH_GONE = 0.2  # share of what the version before had from which a loss is warned of


def without_lineage(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a manifest in the form JSON gives them, without which version it is."""
    return {name: value for name, value in _as_stored(settings).items() if name != LINEAGE}


def check_same_settings(now: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    """Raise SettingsError where a later version was asked for with other settings than the one before."""
    now, before = _comparable(now), _comparable(before)
    for name in dict.fromkeys([*before, *now]):
        if now.get(name) != before.get(name):
            raise SettingsError(
                f"--update: expected the settings of the version before, with {_words(name, before.get(name))}, "
                f"found {_words(name, now.get(name))}",
                hint="give prepare the options that it had, or leave out --update to begin anew",
            )


def update_notes(changes: Mapping[str, Any]) -> list[str]:
    """What came, went and changed, in words."""
    if not changes.get("previous"):
        return ["--update: there is no version before; this is the first"]
    counted = [
        f"{name} {', '.join(parts)}"
        for name, counts in changes.items()
        if isinstance(counts, Mapping) and (parts := [f"{n:,} {what}" for what, n in counts.items() if n])
    ]
    found = "; ".join(counted) or "nothing changed"
    return [f"version {changes['version']}, after {str(changes['previous'])[:12]}: {found}"]


def update_warnings(changes: Mapping[str, Any], sizes: Mapping[str, int]) -> list[str]:
    """Losses that look like a mistake, and splits that a column would have changed.

    sizes  how many people, items, … there are now
    """
    warnings = []
    for name, n in sizes.items():
        counts = changes.get(name, {})
        before = n - counts.get("added", 0) + counts.get("dropped", 0)
        if before and counts.get("dropped", 0) > _MUCH_GONE * before:
            warnings.append(
                f"--update: {counts['dropped']:,} of the {before:,} {name} of the version before are gone: "
                "the files must hold all of the data, not only what is new"
            )
    if changes.get("splits_kept"):
        warnings.append(
            f"--update: {changes['splits_kept']:,} rows are held out otherwise than before; they stay where they were"
        )
    return warnings


def _comparable(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by name, columns one by one; what may differ is left out."""
    given = {name: value for name, value in _as_stored(settings).items() if name not in _MAY_DIFFER}
    columns = given.pop("columns", {})
    columns = {
        f"column {name}": columns[name] for name in (*_FIRST, *columns) if name in columns and name != "time"
    }
    return {"task": given.pop("task", None), **columns, **given}


def _as_stored(settings: Mapping[str, Any]) -> dict[str, Any]:
    return dict(json.loads(json.dumps(dict(settings))))


def _words(name: str, value: Any) -> str:
    if isinstance(value, Mapping):  # such as the rule of the split: what is left open says nothing
        said = [
            f"{key.replace('_', '-')} {of}" for key, of in value.items() if of is not None and of is not False
        ]
        return f"{name.replace('_', ' ')}: {', '.join(said) or 'nothing'}"
    return f"{name.replace('_', ' ')} {json.dumps(value, ensure_ascii=False)}"
