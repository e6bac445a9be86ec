"""`awe run`."""

from __future__ import annotations

import contextlib
import dataclasses
import shlex
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from awe_cli.cli import console
from awe_cli.cli.options import (
    DEFAULT_WORKSPACE,
    DryRunOption,
    JsonOption,
    QuietOption,
    ThreadsOption,
    WaitOption,
    WorkspaceOption,
    settings_from,
    settings_options,
)
from awe_cli.config.predict import PredictSettings
from awe_cli.config.prepare import PrepareSettings
from awe_cli.config.recipe import RecipeSettings
from awe_cli.config.schema import as_arguments

if TYPE_CHECKING:
    from awe_cli.workspace import Workspace

EXAMPLE = """
awe run plays.parquet --user user --item artist
awe run pages.jsonl.gz --text body --labels tags --id url --budget 1h
awe run songs.csv --features 'mfcc*' --labels tags --label-separator ';' --output tags.csv
"""


@settings_options(of_others=(PrepareSettings, RecipeSettings))
def run(
    context: typer.Context,
    files: Annotated[
        list[str] | None, typer.Argument(metavar="[FILE...]", help="Files to read; - is stdin.")
    ] = None,
    *,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="File for the recommendations.  [stored under predictions/]"),
    ] = None,
    top_k: Annotated[int, typer.Option("--top-k", min=1, help="Labels for each example.")] = 10,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    threads: ThreadsOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    wait: WaitOption = 0,
    quiet: QuietOption = False,
    **flags: Any,
) -> None:
    """Prepare, learn the best known chain, evaluate and predict, in one go.

    It runs `awe prepare` with the options that are given here, the commands that `awe recipe` prints, popularity to
    compare with, and ends with the result in plain words and the recommendations for five. In recommendation everyone
    is ranked for, elsewhere what was held out. What is up to date is not made again, so that a run that was stopped
    goes on where it was. Settings of the single commands come from awe.toml and the environment.
    """
    from awe_cli.io.remote import target_of
    from awe_cli.prediction.output import check_output
    from awe_cli.prediction.rows import sample_table
    from awe_cli.steps.recipe import recipe
    from awe_cli.steps.run import POPULARITY, finish
    from awe_cli.workspace import Workspace

    ws = Workspace(workspace, dry_run=dry_run)
    settings = dataclasses.replace(
        settings_from(PredictSettings, "predict", workspace, {}).settings, top_k=top_k
    )
    target = None if output is None else target_of(output)
    if target is not None:
        check_output(settings.format, target)
    budget = settings_from(RecipeSettings, "recipe", workspace, {"budget": flags.pop("budget")}).settings
    budget.seconds  # noqa: B018 - what cannot be is refused before anything is read
    common = [*([f"--wait={wait}"] if wait else []), *(["-q"] if quiet else [])]
    before = _digests(ws)
    with console.as_part():
        prepare = ["prepare", *as_arguments(PrepareSettings, flags), *common]
        if dry_run:
            with _going_on("then the commands that `awe recipe` prints for it"):
                _call(context, [*prepare, "--dry-run", "--", *(files or [])])
        else:
            _call(context, [*prepare, "--", *(files or [])])
        common += ["--threads", str(threads)] if threads else []
        found = recipe(ws, budget)
        for note in found.notes:
            console.log(f"note: {note}")
        chain = [*(step.arguments for step in found.steps), ("train-baseline", POPULARITY)]
        for number, arguments in enumerate(chain, 1):
            if dry_run:
                left = (f"then {shlex.join(['awe', *later])}" for later in chain[number:])
                with _going_on(*left, "then awe evaluate and awe predict"):
                    _call(context, [*arguments, *common, "--dry-run"])
                continue
            console.log(f"[{number}/{len(chain)}] {shlex.join(['awe', *arguments])}")
            _call(context, [*arguments, *common])
    console.be_quiet(quiet)
    with ws.several_steps():
        made = finish(
            ws, settings, target, threads=threads, wait=wait, announce=lambda what: console.log(f"{what} …")
        )
    ws.would(
        ws.target("predictions", made.predicted.artifact.name) if made.predicted.artifact else output or ""
    )
    is_new = _digests(ws) != before
    if as_json:
        where = (
            {"output": output}
            if made.predicted.artifact is None
            else {"predictions": made.predicted.artifact.name}
        )
        console.print_json({
            "made": is_new,
            "commands": [["awe", *arguments] for arguments in chain],
            "notes": found.notes,
            "evaluation": made.document,
            **where,
            "sample": made.predicted.sample,
            "summary": made.summary,
        })  # fmt: skip
        return
    console.print_result()
    for line in made.summary:
        console.print_result("\n".join(textwrap.wrap(line, console.width(), break_on_hyphens=False)))
    console.print_result()
    console.show(sample_table(made.predicted.id_name, made.predicted.sample))
    if not is_new:
        console.log("up to date: neither the data nor a setting has changed since the last run")
    if output is not None:
        console.log(f"wrote {made.predicted.counts.rows:,} rows: {output}")
    else:
        console.next_step("awe predict --model best --top-k 10 --output recommendations.parquet")


def _call(context: typer.Context, arguments: Sequence[str]) -> None:
    """Run another command of the application in this process, in the same workspace."""
    application: Any = context.find_root().command
    named = shlex.split(console.with_workspace("awe"))[1:]
    with application.make_context("awe", [*named, *arguments]) as inner:
        application.invoke(inner)


@contextlib.contextmanager
def _going_on(*left: str) -> Iterator[None]:
    """Inside, a dry run that finds its result up to date only ends the block; one that would run tells what is left."""
    from awe_cli.workspace.plan import Planned

    try:
        yield
    except Planned as planned:
        if planned.plan.would_run:
            reasons = (*planned.plan.reasons, *left)
            raise Planned(dataclasses.replace(planned.plan, reasons=reasons)) from None


def _digests(ws: Workspace) -> dict[tuple[str, str | None], str]:
    """What every name of the workspace means."""
    names = [
        ("dataset", None),
        *(
            (kind, name)
            for kind in ("model", "neighbors", "metrics", "predictions")
            for name in ws.names(kind)
        ),
    ]
    found = {(kind, name): ws.pointer(kind, name) for kind, name in names}
    return {key: pointer.digest for key, pointer in found.items() if pointer}
