"""`awe predict`."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from awe_cli.cli import console
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
from awe_cli.config.predict import PredictSettings
from awe_cli.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from awe_cli.steps.predict import Predicted

_BETWEEN_LINES = 10.0  # seconds

EXAMPLE = """
awe predict --model awe --top-k 10 --output recommendations.parquet
awe predict --model ssi new-queries.csv --documents new-documents.csv --output -
awe predict --model items --label-file new-artists.parquet --output new-artists-for-all.parquet
zcat new-plays.csv.gz | awe predict --model awe - --top-k 5 --output - > recommendations.jsonl
"""


DocumentsOption = Annotated[
    str | None,
    typer.Option(
        "--documents",
        "--label-file",
        help="File of other documents, or items, to rank, in the format that was prepared.",
    ),
]


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
    documents: DocumentsOption = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="File to write, - for stdout.  [stored under predictions/]"),
    ] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
    wait: WaitOption = False,
    quiet: QuietOption = False,
    **flags: object,
) -> None:
    """Write the best labels of each example, one row a label.

    A row has the example's id, a label, its rank and its score. Examples are the prepared ones, or new
    input: features, or the items that a person never seen before chose. What the model does not know is left
    out and counted.
    """
    from awe_cli.steps.predict import predict as step
    from awe_cli.workspace import Workspace

    announce_compiling()
    settings = settings_from(PredictSettings, "predict", workspace, flags).settings
    if as_json and output == "-":
        raise UsageError(
            "--json and --output - both write to standard output",
            hint="leave out --json, or name a file with --output",
        )
    target = _target(output, settings.format)
    made = step(
        Workspace(workspace), model, input, target, settings,
        documents=documents, threads=threads, wait=wait, on_progress=_on_rows,
    )  # fmt: skip
    _report(made, output, as_json)


def _target(output: str | None, format: str | None) -> Path | IO[bytes] | None:
    if output is None:
        return None
    if output != "-":
        return Path(output)
    if format == "parquet" and sys.stdout.isatty():
        raise UsageError("Parquet is not for a terminal", hint="name a file with --output, or --format jsonl")
    return sys.stdout.buffer


def _on_rows(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Pass the rows on; say how many there are so far, now and then."""
    rows, spoken = 0, time.monotonic()
    for table in tables:
        rows += table.num_rows
        if time.monotonic() - spoken >= _BETWEEN_LINES:
            console.log(f"{rows:,} rows so far …")
            spoken = time.monotonic()
        yield table


def _report(made: Predicted, output: str | None, as_json: bool) -> None:
    from awe_cli.prediction.rows import sample_table

    counts = made.counts
    if made.own:
        console.warn(
            "the model was fitted on these very examples (a neighbour of each is the example itself): "
            "they do not show how it ranks others"
        )
    if counts.unknown:
        console.warn(f"unknown to the dataset, and left out: {counts.unknown:,} entries of the input")
    if counts.blank:
        console.warn(
            f"without a known item, and ranked alike: {counts.blank:,} of {counts.examples:,} examples"
        )
    if as_json:
        _print_json(made, output)
    if made.artifact is not None:
        table = sample_table(made.id_name, made.sample)
        console.show(table, to_stderr=as_json)
        if counts.examples > len(made.sample):
            console.log(f"… and {counts.examples - len(made.sample):,} more examples")
        console.stored(f"predictions/{made.artifact.name}.json", made.artifact.digest, made.fresh)
    else:
        console.log(f"wrote {counts.rows:,} rows for {counts.examples:,} examples: {output}")


def _print_json(made: Predicted, output: str | None) -> None:
    """What was counted, where the rows are, and the first examples."""
    where = {"output": output}
    if made.artifact is not None:
        where = {"predictions": made.artifact.name, "digest": made.artifact.digest}
    console.print_json(
        {
            **where,
            "made": made.fresh,
            **dataclasses.asdict(made.counts),
            "id": made.id_name,
            "sample": made.sample,
        }
    )
