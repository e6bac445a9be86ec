"""`awe train-baseline`."""

from __future__ import annotations

from typing import Annotated

import typer

from awe_cli.commands import console
from awe_cli.commands.options import DEFAULT_WORKSPACE, QuietOption, WaitOption, WorkspaceOption

EXAMPLE = """
awe train-baseline popularity
awe train-baseline knn --neighbors wsabie
awe evaluate --model popularity --model wsabie
"""


def train_baseline(
    method: Annotated[str, typer.Argument(help="Which baseline: popularity or knn.", metavar="BASELINE")],
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the model.  (default: the baseline's)")
    ] = None,
    neighbors: Annotated[
        str | None, typer.Option("--neighbors", help="For knn: the neighbour table.  (default: the only one)")
    ] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    wait: WaitOption = False,
    quiet: QuietOption = False,
) -> None:
    """Fit a simple model that others should beat.

    popularity ranks labels by how many training examples have them, the same for everyone. knn ranks the
    labels of the nearest training examples in the embedding space of a model, by the table that build-knn
    made: the k-NN affinity without the embedding's own score.
    """
    from awe_cli.steps.train_baseline import train_baseline as step
    from awe_cli.workspace import Workspace

    model, fresh = step(Workspace(workspace), method, name=name, neighbors=neighbors, wait=wait)
    console.stored(f"models/{model.name}.json", model.digest, fresh)
    console.next_step(f"awe evaluate --model {model.name}")
