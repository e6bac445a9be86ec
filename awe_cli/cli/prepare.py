"""`awe prepare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from awe_cli.cli import console
from awe_cli.cli.options import (
    DEFAULT_WORKSPACE,
    DryRunOption,
    EngineOption,
    FreshOption,
    JsonOption,
    QuietOption,
    SchedulerOption,
    WaitOption,
    WorkspaceOption,
    checkpoints_from,
    settings_from,
    settings_options,
)
from awe_cli.config.prepare import DriftSettings, PrepareSettings

EXAMPLE = """
awe prepare plays.parquet --user user --item artist --weight plays --holdout 5
awe prepare songs.csv --features 'mfcc*' --labels tags --label-separator ';' --test-fraction 0.2
awe prepare pages.jsonl.gz --text body --labels tags --id url --split split
awe prepare Eurlex_train.txt --sparse indices:values --labels labels
awe prepare plays.parquet --user user --item artist --label-file artists.parquet --label-sparse tags
awe prepare plays.parquet --user user --item artist --user-file users.csv --user-categories country,age
awe prepare plays/ --user user --item artist --scheduler tcp://10.0.0.5:8786
awe prepare plays.parquet --user user --item artist --update --fail-on-drift --drift-counts 0.2
awe prepare --queries queries.csv --documents docs.jsonl --relevance pairs.csv --document-text body
"""


@settings_options(PrepareSettings, DriftSettings)
def prepare(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="[FILE...]", help="Files to read; - is stdin.")
    ] = None,
    *,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    engine: EngineOption = None,
    scheduler: SchedulerOption = None,
    fresh: FreshOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    wait: WaitOption = 0,
    quiet: QuietOption = False,
    **flags: Any,
) -> None:
    """Read files into a dataset.

    Interactions have --user and --item; annotated examples have --labels, and --features, --sparse or
    --text; retrieval has --queries, --documents and --relevance, or is a folder in the form of BEIR. What describes
    items or labels themselves comes with --label-file. Files are Parquet, CSV and other delimited text, JSON lines,
    libsvm/XMC, TREC, fastText or Annif text, recognised by their contents; text may be packed (gz, zst, bz2, xz, zip).
    A folder stands for its files. Held-out data comes from a split column, or is drawn
    by --holdout, --holdout-last or --test-fraction.

    Where a dataset of the same columns is replaced, the two are compared, and what is beyond the limits is warned of:
    counts, new people and items, mean weight, rows left out. --fail-on-drift ends with code 65 then, and the dataset
    before stays.
    """
    from awe_cli.steps.prepare import prepare as step
    from awe_cli.workspace import Workspace

    resolved = settings_from(PrepareSettings, "prepare", workspace, flags, [DriftSettings])
    drift = settings_from(DriftSettings, "prepare", workspace, flags, [PrepareSettings]).settings
    given = frozenset(name for name in resolved.sources if resolved.given(name))
    ws = Workspace(Path(workspace), dry_run=dry_run)
    summary, artifact, made = step(
        ws, files or [], resolved.settings,
        given=given, drift=drift, scheduler=scheduler, wait=wait, announce=console.log,
        checkpoints=checkpoints_from(fresh, None),
    )  # fmt: skip
    with_workspace = "awe train --affinity constant --name wsabie"
    if as_json:
        console.print_json(
            {
                "dataset": artifact.digest,
                "made": made,
                "skipped_rows": 0,
                **summary,
                "next": console.with_workspace(with_workspace),
            }
        )
    _report(summary)
    console.stored("dataset.json", artifact.digest, made)
    console.next_step(with_workspace)


def _report(summary: dict[str, Any]) -> None:
    """The counts, notes and warnings."""
    for line in _counts(summary):
        console.log(line)
    quantiles = {
        name.replace("_", " "): summary[name]
        for name in (
            "items_per_person",
            "people_per_item",
            "labels_per_example",
            "examples_per_label",
            "features_per_example",
        )
        if summary.get(name)
    }
    columns = ("", *next(iter(quantiles.values()), {}))
    rows = [(name, *(f"{n:,}" for n in values.values())) for name, values in quantiles.items()]
    console.table("", columns, rows, to_stderr=True)
    sizes = summary["sizes"]
    names = list(sizes["train"])
    console.table(
        "", ("split", *names), [(s, *(f"{sizes[s][n]:,}" for n in names)) for s in sizes], to_stderr=True
    )
    for note in summary["notes"]:
        console.log(f"note: {note}")
    for warning in summary["warnings"]:
        console.warn(warning)


def _counts(summary: dict[str, Any]) -> list[str]:
    if summary["task"] == "recommendation":
        what = ("people", "items", "interactions")
    elif summary["task"] == "retrieval":
        return [
            f"retrieval: {summary['examples']:,} queries, {summary['documents']:,} documents, "
            f"{summary['label_features']:,} document features, {summary['pairs']:,} pairs "
            f"({summary['not_relevant']:,} not relevant)"
        ]
    else:
        what = ("examples", "labels", "features")
    counted = ", ".join(f"{summary[name]:,} {name}" for name in what)
    lines = [f"{summary['task']}: {counted} (density {100 * summary['density']:.3g} %)"]
    if "described" in summary:
        alone = "and their own identity" if summary["identity"] else "and nothing else"
        lines.append(
            f"{summary['described']:,} {what[1]} described by {summary['label_features']:,} features {alone}, "
            f"{summary['described_never_chosen']:,} of them never chosen"
        )
    return lines
