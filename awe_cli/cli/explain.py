"""`awe explain`."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import Annotated, Any

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
from awe_cli.config.predict import ExplainSettings

EXAMPLE = """
awe explain --model awe --id arcade-game
awe explain --model wsabie --id 17 --label "The Beatles" --parts 20
awe explain --model awe new-plays.csv --top-k 1
awe explain --model awe --id 17 --json | jq '.labels[0].parts[:5]'
"""

_SHOWN = 8  # parts of a score in the table


@settings_options(ExplainSettings)
def explain(
    model: Annotated[
        str,
        typer.Option("--model", "-m", autocompletion=model_names, help="Model whose scores are explained."),
    ],
    input: Annotated[
        str | None,
        typer.Argument(
            metavar="[INPUT|-]", help="New examples in the format that was prepared; - for stdin."
        ),
    ] = None,
    *,
    id: Annotated[
        list[str] | None, typer.Option("--id", help="Prepared person or example to explain; several times.")
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(
            "--label", "--item", "-l", help="Label whose score is explained; several times.  [the best]"
        ),
    ] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    **flags: object,
) -> None:
    """Show why a model ranks labels as it does: what each part adds to the score.

    Parts are the features of the example (the items of a history, words, columns), the neighbours that have the label
    where the affinity is k-NN, the affinities of a mixture, or the models of an ensemble. Their shares add up to the
    score that `awe predict` gives. A share of 0 is a feature that the affinity switches off for this label, one below 0
    speaks against it. With --json one object for one --id, a list for several.
    """
    from awe_cli.steps.explain import explain as step
    from awe_cli.workspace import Workspace

    settings = settings_from(ExplainSettings, "explain", workspace, flags).settings
    if not as_json and settings.parts is None:
        settings = replace(settings, parts=_SHOWN)
    explained = step(Workspace(workspace), model, id or (), input, label or (), settings)
    if as_json:
        console.print_json(explained[0] if len(id or ()) == 1 else explained)
        return
    for number, example in enumerate(explained):
        if number:
            console.print_result()
        _show(example)
    if explained:
        console.next_step(_further(model, input, explained[0]))


def _further(model: str, input: str | None, example: dict[str, Any]) -> str:
    """The command that goes further in: by the part of a sum of models that adds most, or all parts for machines."""
    parts = [part for entry in example["labels"][:1] for part in entry["parts"]]
    most = max(parts, key=lambda part: float(part["share"]), default=None)
    whom = shlex.quote(input) if input else f"--id {shlex.quote(str(example['id']))}"
    if most is None or most["kind"] != "model":
        return f"awe explain --model {model} {whom} --json"
    return f"awe explain --model {most['name']} {whom}"


def _show(example: dict[str, Any]) -> None:
    rows = [
        (
            entry["label"] if place == 0 else "",
            f"{entry['score']:.4g}" if place == 0 else "",
            f"{part['share']:+.4f}",
            part["name"] + (f" ({', '.join(part['words'])})" if part.get("words") else ""),
        )
        for entry in example["labels"]
        for place, part in enumerate(entry["parts"] or [{"share": 0.0, "name": "(nothing is known)"}])
    ]
    kinds = dict.fromkeys(part["kind"] for entry in example["labels"] for part in entry["parts"])
    console.table(str(example["id"]), ("label", "score", "share", " or ".join(kinds) or "part"), rows)
