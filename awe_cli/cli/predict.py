"""`awe predict`."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from awe_cli.cli import console
from awe_cli.cli.completion import model_names
from awe_cli.cli.options import (
    DEFAULT_WORKSPACE,
    AnywayOption,
    CheckpointOption,
    DryRunOption,
    EngineOption,
    FreshOption,
    JsonOption,
    QuietOption,
    SchedulerOption,
    ThreadsOption,
    WaitOption,
    WorkspaceOption,
    checkpoints_from,
    settings_from,
    settings_options,
)
from awe_cli.cli.progress import Shown, announce_compiling, showing_progress
from awe_cli.config.predict import PredictSettings
from awe_cli.errors import UsageError

if TYPE_CHECKING:
    from awe_cli.io.remote import RemoteFile
    from awe_cli.steps.predict import Predicted, PredictProgress


EXAMPLE = """
awe predict --model awe --top-k 10 --output recommendations.parquet
awe predict --model awe --id 17 --id 42 --output -
awe predict --model awe --ids customers.csv --allow in-stock.csv --deny recalled.txt --output tonight.csv
awe predict --model awe --split test --output run.trec
awe predict --model tagger new-pages.jsonl --threshold 0.5 --output tags.csv
awe predict --model ssi new-queries.csv --documents new-documents.csv --output -
awe predict --model items --label-file new-artists.parquet --output new-artists-for-all.parquet
awe predict --model awe --user-file new-customers.csv --output welcome.csv
awe predict --model wsabie --approximate hnsw --output tonight.parquet
awe predict --model items --diversity 0.3 --cap brand=2 --split test --output shelf.csv
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


UserFileOption = Annotated[
    str | None,
    typer.Option(
        "--user-file",
        help="File with features of new people, as prepared; who is not in INPUT is ranked for by them alone.",
    ),
]


IdOption = Annotated[
    list[str] | None, typer.Option("--id", help="A prepared person or example to rank for; several times.")
]
IdsOption = Annotated[
    str | None,
    typer.Option(
        "--ids", help="File of such ids: one a line, or a column of CSV, TSV, Parquet or JSON lines."
    ),
]
AllowOption = Annotated[
    str | None, typer.Option("--allow", help="File of labels, in the same forms: only these are recommended.")
]
DenyOption = Annotated[
    str | None, typer.Option("--deny", help="File of labels, in the same forms: these are never recommended.")
]


@settings_options(PredictSettings)
def predict(
    model: Annotated[
        str, typer.Option("--model", "-m", autocompletion=model_names, help="Model that ranks.")
    ],
    input: Annotated[
        str | None,
        typer.Argument(
            metavar="[INPUT|-]",
            help="New examples in the format that was prepared; - for stdin.  [all that was prepared]",
        ),
    ] = None,
    *,
    documents: DocumentsOption = None,
    user_file: UserFileOption = None,
    id: IdOption = None,
    ids: IdsOption = None,
    allow: AllowOption = None,
    deny: DenyOption = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="File to write, - for stdout.  [stored under predictions/]"),
    ] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    threads: ThreadsOption = None,
    engine: EngineOption = None,
    scheduler: SchedulerOption = None,
    fresh: FreshOption = False,
    checkpoint_every: CheckpointOption = None,
    dry_run: DryRunOption = False,
    anyway: AnywayOption = False,
    as_json: JsonOption = False,
    wait: WaitOption = 0,
    quiet: QuietOption = False,
    **flags: object,
) -> None:
    """Write the best labels of each example, one row a label.

    A row has the example's id, a label, its rank and its score, with --probabilities also its probability. Without
    INPUT, examples are all that were prepared: in recommendation everyone, and nothing is recommended that they have in
    train, valid or test. --split test has the history that `awe evaluate` leaves. New input is features, or the items
    that a person never seen before chose; a person with no known item gets the most popular ones, with `fallback` true.
    What the model does not know is left out and counted. Unknown ids in --ids, and labels in --allow and --deny, are
    counted; an unknown --id is an error.
    """
    from awe_cli.prediction.narrow import Only
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
    with showing_progress(describe, patiently=True) as on_progress:
        made = step(
            Workspace(workspace, dry_run=dry_run, anyway=anyway), model, input, target, settings,
            documents=documents, user_file=user_file, only=Only(id or (), ids, allow, deny), threads=threads,
            scheduler=scheduler, wait=wait, announce=console.log, on_progress=on_progress,
            checkpoints=checkpoints_from(fresh, checkpoint_every),
        )  # fmt: skip
    if settings.split is not None:
        console.log(
            f"--split {settings.split}: ranked as `awe evaluate` does, with the history that it leaves; "
            "without --split, everyone is ranked with all that is known"
        )
    _report(made, output, settings, as_json)
    if output != "-":
        console.next_step("awe status")


def _target(output: str | None, format: str | None) -> Path | RemoteFile | IO[bytes] | None:
    from awe_cli.io.remote import target_of

    if output is None:
        return None
    if output != "-":
        return target_of(output)
    if format == "parquet" and sys.stdout.isatty():
        raise UsageError("Parquet is not for a terminal", hint="name a file with --output, or --format jsonl")
    return sys.stdout.buffer


def describe(progress: PredictProgress) -> Shown:
    """How far predictions are, in words."""
    return Shown("predict", progress.examples, progress.total, f"{progress.rows:,} rows")


def _report(made: Predicted, output: str | None, settings: PredictSettings, as_json: bool) -> None:
    from awe_cli.prediction.rows import sample_table

    counts = made.counts
    if made.own:
        console.warn(
            "the model was fitted on these very examples, or on some of them (a neighbour of each is the "
            "example itself): they do not show how it ranks others"
        )
    if counts.unknown:
        console.warn(f"unknown to the dataset, and left out: {counts.unknown:,} entries of the input")
    for note in made.notes:
        console.warn(note)
    if counts.unweighted:
        console.warn("the input has no column of weights: each item counts 1")
    if counts.fallback:
        console.warn(
            f"without a known item, and given the most popular ones (fallback): {counts.fallback:,} of "
            f"{counts.examples:,} people"
        )
    if counts.measured:
        before, after = (total / counts.measured for total in (counts.ndcg_by_score, counts.ndcg_reranked))
        console.log(
            f"re-ranking: ndcg@{settings.top_k} {before:.4f} → {after:.4f} over {counts.measured:,} "
            f"{made.nouns} of the split"
        )
    _say_how_good_the_search_was(made, settings.top_k)
    if settings.threshold:
        console.log(
            f"labels left out, less probable than {settings.threshold:g}: {counts.improbable:,}; {made.nouns} "
            f"without a label: {counts.nothing:,}"
        )
    else:
        _warn_of_short_lists(made, settings.top_k)
    if counts.blank > counts.fallback:
        console.warn(
            f"without a known item, and ranked alike: {counts.blank:,} of {counts.examples:,} examples"
        )
    if counts.unscored:
        console.warn(
            f"labels that are new since the model was trained, never recommended by it: {counts.unscored:,} "
            "(`awe train --start` learns them)"
        )
    if as_json:
        _print_json(made, output)
    if made.artifact is not None:
        table = sample_table(made.id_name, made.sample)
        console.show(table, to_stderr=as_json)
        _say_how_many_more(made)
        console.stored(f"predictions/{made.artifact.name}.json", made.artifact.digest, made.fresh)
    else:
        if output != "-":
            console.show(sample_table(made.id_name, made.sample), to_stderr=True)
            _say_how_many_more(made)
        console.log(f"wrote {counts.rows:,} rows for {counts.examples:,} examples: {output}")


def _say_how_good_the_search_was(made: Predicted, k: int) -> None:
    counts, search = made.counts, made.search
    if search is None:
        return
    recall = "no lists to measure recall on"
    if counts.recalled:
        mean = counts.recall / counts.recalled
        recall = f"recall@{k} {mean:.4f}, of {counts.recalled:,} {made.nouns} ranked exactly, too"
    console.log(f"approximate search ({search.method}, effort {search.effort:,}): {recall}")
    if counts.exact:
        console.log(
            f"ranked exactly, as candidates ran out or nothing is known of them: {counts.exact:,} {made.nouns}"
        )


def _say_how_many_more(made: Predicted) -> None:
    if made.counts.examples > len(made.sample):
        console.log(f"… and {made.counts.examples - len(made.sample):,} more examples")


def _warn_of_short_lists(made: Predicted, top_k: int) -> None:
    """Who got fewer labels than asked for, and who got none."""
    counts = made.counts
    some = counts.fewer - counts.nothing
    if some:
        noun = made.noun if some == 1 else made.nouns
        console.warn(f"{some:,} {noun} got fewer than {top_k:,} labels: no more candidates are left")
    if counts.nothing == 1:
        console.warn(f"1 {made.noun} has every item: nothing left to recommend")
    elif counts.nothing:
        console.warn(f"{counts.nothing:,} {made.nouns} have every item: nothing left to recommend")


def _search_document(made: Predicted) -> dict[str, object]:
    """The approximate search and its recall, the mean over some examples; null where every label was scored."""
    counts, search = made.counts, made.search
    recall = counts.recall / counts.recalled if counts.recalled else None
    return {
        "recall": recall,
        "approximate": None if search is None else dataclasses.asdict(search),
    }


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
            **_search_document(made),
            "id": made.id_name,
            "sample": made.sample,
        }
    )
