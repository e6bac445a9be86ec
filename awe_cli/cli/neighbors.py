"""`awe neighbors`."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from awe_cli.cli import console
from awe_cli.cli.completion import model_names
from awe_cli.cli.options import (
    DEFAULT_WORKSPACE,
    JsonOption,
    QuietOption,
    WorkspaceOption,
    settings_from,
    settings_options,
)
from awe_cli.config.predict import NeighborsSettings
from awe_cli.errors import UsageError

EXAMPLE = """
awe neighbors --label libgl1
awe neighbors --of users --id 17
awe neighbors --model wsabie --of features --feature paddle
awe neighbors --model wsabie --label dolphin --label "blue whale" --top-k 5 --json
"""

_OPTIONS = {"labels": "--label", "users": "--id", "features": "--feature"}


@settings_options(NeighborsSettings)
def neighbors(
    *,
    label: Annotated[
        list[str] | None,
        typer.Option("--label", "--item", "-l", help="Label to start from; several times."),
    ] = None,
    id: Annotated[
        list[str] | None,
        typer.Option("--id", "--user", help="Person or example to start from; several times."),
    ] = None,
    feature: Annotated[
        list[str] | None, typer.Option("--feature", help="Feature to start from; several times.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            autocompletion=model_names,
            help="Model of train or retrain.  (default: the only one)",
        ),
    ] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    **flags: object,
) -> None:
    """Show which labels, people or features lie near one in the embedding space.

    By cosine: of rows of V for labels, with the number of examples that have each; of rows of U for features; of Ux for
    people and examples, with the number of items or features that each has. That is what the model takes for alike:
    synonyms, spellings, things that are chosen together and people who choose alike should be near.
    """
    from awe_cli.steps.neighbors import neighbors as step
    from awe_cli.workspace import Workspace

    settings = settings_from(NeighborsSettings, "neighbors", workspace, flags).settings
    named = {"labels": label or [], "users": id or [], "features": feature or []}
    used = [of for of, names in named.items() if names]
    of = {"items": "labels", None: used[0] if used else "labels"}.get(settings.of, str(settings.of))
    if used not in ([], [of]):
        raise UsageError(
            f"--of {of}: expected its names with {_OPTIONS[of]} alone, found "
            + " and ".join(_OPTIONS[other] for other in used),
            hint="leave out --of, and name things of one kind",
        )
    document = step(Workspace(workspace), named[of], model, replace(settings, of=of))
    noun = _OPTIONS[of].removeprefix("--")
    unit = "entries" if of == "users" else "examples"
    if as_json:
        console.print_json(document)
        return
    for number, entry in enumerate(document[of]):
        if number:
            console.print_result()
        title = f"{entry[noun]} ({entry['count']:,} {unit}), in {document['model']}"
        rows = [(other[noun], other["cosine"], f"{other['count']:,}") for other in entry["neighbors"]]
        console.table(title, ("near", "cosine", unit), rows)
    console.next_step(f"awe evaluate --model {document['model']}")
