"""Which embedding models rank labels by the inner product Ux·V_y alone."""

from __future__ import annotations

from typing import Any

from awe_cli.affinities.registry import build_affinity
from awe_cli.affinities.spec import BUILT, PLUGIN_BUILT
from awe_cli.core.interface import is_monotone, n_tables
from awe_cli.models.store import load_result
from awe_cli.plugins import file
from awe_cli.workspace import Artifact


def other_order(model: Artifact) -> str | None:
    """Why an embedding model ranks in another order than Ux·V_y; None where it does not.

    Where f is a function of Ux·V_y alone that never falls, the order is the same: what f makes equal is in the order
    of Ux·V_y.
    """
    resolved = load_result(model)["affinity"]
    name = str(resolved["name"])
    parts = [str(part["name"]) for part in (resolved, *resolved.get("members", ()))]
    built = [part for part in parts if part in (*BUILT, PLUGIN_BUILT)]
    if built:
        what = name if built == [name] else f"{name} (with {', '.join(built)})"
        return f"its affinity {what} multiplies Ux·V_y by a G that was built from training examples"
    if _keeps_order(resolved, model):
        return None
    return f"its affinity {name} weighs Ux·V_y, or its parts, differently for each label"


def _keeps_order(resolved: dict[str, Any], model: Artifact) -> bool:
    if resolved["name"] == file.OWN:
        affinity = file.build_plugin(resolved, model.file(file.SOURCE))
    else:
        affinity = build_affinity(resolved)
    return bool(is_monotone(affinity)) and n_tables(affinity) == 0
