"""`awe report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from awe_cli.cli import console
from awe_cli.cli.completion import model_names
from awe_cli.cli.options import (
    DEFAULT_WORKSPACE,
    JsonOption,
    QuietOption,
    ThreadsOption,
    WaitOption,
    WorkspaceOption,
    settings_from,
    settings_options,
)
from awe_cli.cli.progress import announce_compiling
from awe_cli.config.report import ReportSettings

EXAMPLE = """
awe report -o report.html
awe report --model popularity,wsabie,awe -o report.html
awe report --model awe --id alice --id bob --label "The Beatles" -o alice.html
awe report --model awe --split valid --json -o report.html | jq .evaluation.intervals
"""


@settings_options(ReportSettings)
def report(
    *,
    output: Annotated[
        str, typer.Option("--output", "-o", help="HTML file to write; one that is there is replaced.")
    ],
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            autocompletion=model_names,
            help="Model to report, the one that matters most last; several times, or separated by commas.  "
            "[all of this dataset: baselines, embeddings, ensembles, each by when it was made]",
        ),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(
            "--label", "--item", "-l", help="Label whose neighbours are shown; several times.  [a few]"
        ),
    ] = None,
    id: Annotated[
        list[str] | None,
        typer.Option("--id", "--user", help="Person or example that is explained; several times.  [some]"),
    ] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
    wait: WaitOption = 0,
    quiet: QuietOption = False,
    **flags: object,
) -> None:
    """Write all that is known of the dataset and its models as one HTML file.

    A portrait of the dataset, learning curves, metrics with intervals, also by label frequency, coverage and popularity
    bias, a map of the labels, neighbours, explained examples, lineage and commands. The file needs no network, can be
    read on a phone, and is light or dark as its reader is. Models are judged as by `awe evaluate`, and the result is
    kept under metrics/. The map and the neighbours are those of the last embedding model that is named; examples are
    explained by it and by the last model. Needs matplotlib: pip install 'awe-cli[report]'.
    """
    from awe_cli.io.remote import target_of
    from awe_cli.steps.report import report as step
    from awe_cli.workspace import Workspace

    announce_compiling()
    target = target_of(output)
    settings = settings_from(ReportSettings, "report", workspace, flags).settings
    document = step(
        Workspace(workspace), target, model or (), settings, labels=label or (), ids=id or (), threads=threads,
        wait=wait, announce=console.log,
    )  # fmt: skip
    for warning in document["warnings"]:
        console.warn(warning)
    if as_json:
        console.print_json(document)
    is_file = isinstance(target, Path) and target.is_file()
    size = f", {console.bytes_in_words(Path(output).stat().st_size)}" if is_file else ""
    console.log(f"wrote {output}{size}: open it in a browser")
