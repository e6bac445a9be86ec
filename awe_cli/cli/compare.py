"""`awe compare`."""

from __future__ import annotations

from typing import Annotated

import typer

from awe_cli.cli import console
from awe_cli.cli.completion import model_names
from awe_cli.cli.evaluate import describe
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
from awe_cli.cli.progress import announce_compiling, showing_progress
from awe_cli.config.evaluate import CompareSettings

EXAMPLE = """
awe compare wsabie awe
awe compare popularity wsabie awe --metric ndcg,recall --at 10 --by label-frequency
awe compare in-use tonight --split valid --differ-by recall@10 --examples 20 --json
"""


@settings_options(CompareSettings)
def compare(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL OTHER…",
            autocompletion=model_names,
            help="Two models or more; the others are compared with the first.",
        ),
    ],
    *,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
    wait: WaitOption = 0,
    quiet: QuietOption = False,
    **flags: object,
) -> None:
    """Compare models on held-out examples, and show where they differ.

    Metrics side by side and their differences from the first with paired bootstrap intervals, as awe evaluate measures
    them; on how many examples each is better, worse and as good, with --by also in each stratum; and the examples that
    each ranks better and worse by most, with the labels that were wanted and the best ones of both. What was measured
    is stored under metrics/.
    """
    from awe_cli.report.tables import comparison
    from awe_cli.report.wins import differ_tables, wins_tables
    from awe_cli.steps.compare import compare as step
    from awe_cli.workspace import Workspace

    announce_compiling()
    settings = settings_from(CompareSettings, "compare", workspace, flags).settings
    with showing_progress(describe, patiently=True) as on_progress:
        document, artifact, fresh = step(
            Workspace(workspace), models, settings, threads=threads, wait=wait,
            announce=lambda name: console.log(f"judging {name} …"), on_progress=on_progress,
        )  # fmt: skip
    for warning in document["warnings"]:
        console.warn(warning)
    if as_json:
        console.print_json(document)
    else:
        for number, table in enumerate(
            [*comparison(document), *wins_tables(document), *differ_tables(document)]
        ):
            if number:
                console.print_result()
            console.show(table)
    console.stored(f"metrics/{artifact.name}.json", artifact.digest, fresh)
    best = list(document["models"])[-1]
    console.next_step(f"awe predict --model {best} --top-k 10 --output predictions.parquet")
