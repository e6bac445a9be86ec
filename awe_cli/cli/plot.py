"""`awe plot`."""

from __future__ import annotations

from typing import Annotated

import typer

from awe_cli.cli import console
from awe_cli.cli.completion import model_names, words
from awe_cli.cli.options import (
    DEFAULT_WORKSPACE,
    QuietOption,
    ThreadsOption,
    WaitOption,
    WorkspaceOption,
    settings_from,
    settings_options,
)
from awe_cli.cli.progress import announce_compiling
from awe_cli.config.report import FIGURES, PlotSettings

EXAMPLE = """
awe plot label-frequency -o tail.png
awe plot learning-curves --model wsabie -o curves.svg
awe plot search --model tuned -o search.svg
awe plot metrics --model popularity,wsabie,awe -o metrics.png
awe plot reliability --model awe,ease -o reliability.svg
awe plot label-map --model awe --map-labels 100 -o map.svg
"""


@settings_options(PlotSettings)
def plot(
    figure: Annotated[
        str,
        typer.Argument(metavar="FIGURE", autocompletion=words(FIGURES), help=f"One of {', '.join(FIGURES)}."),
    ],
    *,
    output: Annotated[
        str,
        typer.Option("--output", "-o", help="File to write, .png or .svg; one that is there is replaced."),
    ],
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            autocompletion=model_names,
            help="Model that is drawn; several times, or separated by commas.  [all of this dataset]",
        ),
    ] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    threads: ThreadsOption = None,
    wait: WaitOption = 0,
    quiet: QuietOption = False,
    **flags: object,
) -> None:
    """Write one figure of `awe report` as PNG or SVG.

    The long tail of the labels, learning curves, the search of `awe tune`, metrics with intervals, the same by label
    frequency, coverage and popularity, how reliable the probabilities of calibrated models are (awe calibrate), or the
    map of the labels in the space of the last embedding model that is named. Needs matplotlib:
    pip install 'awe-cli[report]'.
    """
    from awe_cli.io.remote import target_of
    from awe_cli.steps.report import plot as step
    from awe_cli.workspace import Workspace

    announce_compiling()
    settings = settings_from(PlotSettings, "plot", workspace, flags).settings
    warnings = step(
        Workspace(workspace),
        figure,
        target_of(output),
        model or (),
        settings,
        threads=threads,
        wait=wait,
        announce=console.log,
    )
    for warning in warnings:
        console.warn(warning)
    console.log(f"wrote {output}")
