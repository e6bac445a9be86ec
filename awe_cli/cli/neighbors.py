"""`awe neighbors`."""

from __future__ import annotations

from typing import Annotated

import typer

from awe_cli.cli import console
from awe_cli.cli.options import (
    DEFAULT_WORKSPACE,
    JsonOption,
    QuietOption,
    WorkspaceOption,
    settings_from,
    settings_options,
)
from awe_cli.config.predict import NeighborsSettings

EXAMPLE = """
awe neighbors --label libgl1
awe neighbors --model wsabie --label dolphin --label "blue whale" --top-k 5 --json
"""


@settings_options(NeighborsSettings)
def neighbors(
    label: Annotated[list[str], typer.Option("--label", "-l", help="Label to start from; several times.")],
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="Model of train or retrain.  (default: the only one)"),
    ] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    **flags: object,
) -> None:
    """Show which labels lie near a label in the embedding space.

    By the cosine of their rows of V, with the number of examples that have each: what the model takes for
    alike. Synonyms, spellings and things that are chosen together should be near.
    """
    from awe_cli.steps.neighbors import neighbors as step
    from awe_cli.workspace import Workspace

    settings = settings_from(NeighborsSettings, "neighbors", workspace, flags).settings
    document = step(Workspace(workspace), label, model, settings)
    if as_json:
        console.print_json(document)
        return
    for number, entry in enumerate(document["labels"]):
        if number:
            console.print_result()
        title = f"{entry['label']} ({entry['count']:,} examples), in {document['model']}"
        rows = [(other["label"], other["cosine"], f"{other['count']:,}") for other in entry["neighbors"]]
        console.table(title, ("near", "cosine", "examples"), rows)
    console.next_step(f"awe evaluate --model {document['model']}")
