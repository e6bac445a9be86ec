"""Which models rank labels by an inner product alone, such as Ux·V_y."""

from __future__ import annotations

from typing import Any

from awe_cli.affinities.registry import build_affinity
from awe_cli.affinities.spec import BUILT, KNN, KNN_APPROXIMATE, PLUGIN_BUILT
from awe_cli.errors import SettingsError
from awe_cli.models.load import EMBEDDING
from awe_cli.models.products import FACTORED
from awe_cli.models.store import load_result
from awe_cli.plugins import file
from awe_cli.ranking.embedding import keeps_order
from awe_cli.workspace import Artifact, Workspace


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


def search_refusal(ws: Workspace, model: Artifact) -> SettingsError | None:
    """Why the best labels of a model cannot be found in an index of inner products; None where they can."""
    kind = str(model.settings.get("model_type"))
    if kind in FACTORED:
        return None
    if kind == EMBEDDING and load_result(model)["affinity"]["name"] in (KNN, KNN_APPROXIMATE):
        return None  # but for the labels of its neighbours, which are few
    reason = other_order(model) if kind == EMBEDDING else f"{kind} has no point for each label"
    if reason is None:
        return None
    others = f"{', '.join(FACTORED[:-1])} or {FACTORED[-1]}"
    return SettingsError(
        f"--approximate: expected a model that ranks by an inner product, or by that and knn, found "
        f"{model.describe()}: {reason}",
        hint=f"take {linear_model(ws, model)}, or the baseline {others}; or leave out --approximate",
    )


def linear_model(ws: Workspace, model: Artifact) -> str:
    """The model that another was made from, in words, where its name is left; else how to train one."""
    parent = ws.name_of("model", model.parents.get("model", ""))
    return f"{parent}, which it was made from" if parent else "a model of `awe train --affinity constant`"


def _keeps_order(resolved: dict[str, Any], model: Artifact) -> bool:
    if resolved["name"] == file.OWN:
        affinity = file.build_plugin(resolved, model.file(file.SOURCE))
    else:
        affinity = build_affinity(resolved)
    return keeps_order(affinity)
