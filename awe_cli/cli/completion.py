"""What a shell offers where the name of something in the workspace, or one of a few words, is expected."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from awe_cli.workspace import Workspace

VARIABLE = "_AWE_COMPLETE"  # by which the scripts of typer ask
_NAMED = ("model", "neighbors", "affinity", "metrics", "predictions")


def model_names(context: typer.Context, incomplete: str) -> list[str]:
    """The models and aliases of the workspace; after a comma, what could follow in a list of them."""
    before, comma, _ = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in _workspace_of(context).names("model")]


def affinity_names(context: typer.Context) -> list[str]:
    """The affinities that the command takes: those that are learned, or those that are built."""
    from awe_cli.affinities.mixture import MIX
    from awe_cli.affinities.registry import CATALOG
    from awe_cli.affinities.spec import BUILT

    of_command = {"build-affinity": list(BUILT), "retrain": [*BUILT, MIX]}
    return of_command.get(str(context.info_name), list(CATALOG))


def artifact_names(context: typer.Context) -> list[str]:
    """The names of all artifacts of the workspace, as `awe describe` takes them."""
    ws = _workspace_of(context)
    dataset = ["dataset"] if ws.pointer("dataset", None) else []
    return [*dataset, *dict.fromkeys(name for kind in _NAMED for name in ws.names(kind))]


def words(choices: Iterable[Any]) -> Callable[[], list[str]]:
    """A function that offers these words."""
    offered = [str(choice) for choice in choices]
    return lambda: offered


def _workspace_of(context: Any) -> Workspace:
    """The workspace that the command line names, or that a command would take without."""
    from awe_cli.workspace import Workspace

    for params in (context.params, context.find_root().params):
        if params.get("workspace") is not None:
            return Workspace(Path(params["workspace"]))
    return Workspace(Path("workspace"))
