"""`awe predict`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from awe_cli.commands import console
from awe_cli.commands.options import (
    DEFAULT_WORKSPACE,
    QuietOption,
    ThreadsOption,
    WaitOption,
    WorkspaceOption,
    settings_from,
    settings_options,
)
from awe_cli.config.predict import PredictSettings
from awe_cli.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from awe_cli.steps.predict import Predicted

EXAMPLE = """
awe predict --model awe --top-k 10 --output recommendations.parquet
zcat new-plays.csv.gz | awe predict --model awe - --top-k 5 --output - > recommendations.jsonl
"""


@settings_options(PredictSettings)
def predict(
    model: Annotated[str, typer.Option("--model", "-m", help="Model that ranks.")],
    input: Annotated[
        str | None,
        typer.Argument(
            metavar="[INPUT|-]",
            help="New examples in the format that was prepared; - for stdin.  [the prepared test examples]",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="File to write, - for stdout.  [stored under predictions/]"),
    ] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    threads: ThreadsOption = None,
    wait: WaitOption = False,
    quiet: QuietOption = False,
    **flags: object,
) -> None:
    """Write the best labels of each example: its id, label, rank and score, one row a label.

    For the prepared examples, or for new input: features, or the items that a person never seen before chose.
    What the model does not know is left out and counted.
    """
    from awe_cli.steps.predict import predict as step
    from awe_cli.workspace import Workspace

    settings = settings_from(PredictSettings, "predict", workspace, flags).settings
    target = _target(output, settings.format)
    made = step(
        Workspace(workspace), model, input, target, settings, threads=threads, wait=wait, watch=_watch
    )
    _report(made, output)


def _target(output: str | None, format: str | None) -> Path | IO[bytes] | None:
    if output is None:
        return None
    if output != "-":
        return Path(output)
    if format == "parquet" and sys.stdout.isatty():
        raise UsageError("Parquet is not for a terminal", hint="name a file with --output, or --format jsonl")
    return sys.stdout.buffer


def _watch(tables: Iterable[pa.Table]) -> Iterable[pa.Table]:
    return console.progress(
        tables, label="block", total=None, describe=lambda table: f"{table.num_rows:,} rows"
    )


def _report(made: Predicted, output: str | None) -> None:
    from awe_cli.report.predictions import sample_table

    counts = made.counts
    if counts.unknown:
        console.warn(f"{counts.unknown:,} entries of the input are unknown to the dataset and were left out")
    if counts.blank:
        console.warn(f"{counts.blank:,} examples have no known item: all of them are ranked alike")
    if made.artifact is not None:
        table = sample_table(made.id_name, made.sample)
        console.table(table.title, table.columns, table.rows)
        output = f"predictions/{made.artifact.name}.json"
    state = "wrote" if made.fresh else "up to date:"
    console.say(f"{state} {counts.rows:,} rows for {counts.examples:,} examples: {output}")
