"""All affinities, as data."""

from __future__ import annotations

from typing import Any

from awe_cli.affinities.registry import CATALOG, defaults_of
from awe_cli.affinities.spec import BUILT, Entry, how_to_build
from awe_cli.dataset.dataset import ANNOTATION, RECOMMENDATION

_TRAINED = "awe train --affinity {0}"
_BUILT = "{1}, then awe retrain --affinity {0}"


def affinities() -> list[dict[str, Any]]:
    """One entry an affinity: name, equation, source, parameters, floor, learned, command, when.

    A parameter has a default for each task; None is chosen on validation. `floor` is the command that takes --floor,
    None where a constant cannot be added.
    """
    return [_described(entry) for entry in (*CATALOG.values(), *BUILT.values())]


def _described(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "equation": entry.equation,
        "source": entry.source,
        "parameters": {
            name: {RECOMMENDATION: default(True), ANNOTATION: default(False)}
            for name, default in defaults_of(entry).items()
        },
        "floor": ("awe retrain" if entry.built else "awe train") if entry.floor else None,
        "learned": entry.learned,
        "command": (_BUILT if entry.built else _TRAINED).format(entry.name, how_to_build(entry.name)),
        "when": entry.when,
    }
