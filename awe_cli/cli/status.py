"""`awe status`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from awe_cli.cli import console
from awe_cli.cli.completion import model_names
from awe_cli.cli.console import bytes_in_words
from awe_cli.cli.options import DEFAULT_WORKSPACE, JsonOption, QuietOption, WorkspaceOption
from awe_cli.cli.run_record import RECORDED
from awe_cli.errors import StaleError, UsageError

if TYPE_CHECKING:
    from awe_cli.steps.status import Entry
    from awe_cli.workspace import Workspace
    from awe_cli.workspace.runs import Run

EXAMPLE = """
awe status
awe status --verify --json
awe status --runs 20
awe status --max-age 26h --step predict -q
awe status --max-age 2d --model champion
"""
_LAST = 5  # runs that are shown below the artifacts


def status(
    *,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    verify: Annotated[bool, typer.Option("--verify", help="Read every file and check its sha256.")] = False,
    runs: Annotated[
        int | None,
        typer.Option(
            "--runs", min=1, metavar="<int>", help="Show the last runs, so many of them, and nothing else."
        ),
    ] = None,
    max_age: Annotated[
        str | None,
        typer.Option(
            "--max-age",
            metavar="DURATION",
            help="End with code 69 where the newest successful run is older than this, as 90m, 26h or 2d.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            autocompletion=model_names,
            help="With --max-age: ask since when this model or alias means what it means, instead.",
        ),
    ] = None,
    step: Annotated[
        str | None, typer.Option("--step", help="With --max-age or --runs: runs of this command only.")
    ] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Show what is in the workspace, what is stale, and what ran.

    Names, sizes, and what each artifact was made from. An artifact is stale where it was made from a dataset
    or model that has been replaced since. Below are the last runs of commands that write: when, how long, the exit
    code and the error. --max-age is for a monitor: it reads the record of runs, and no artifact.
    """
    from awe_cli.steps.freshness import check_step
    from awe_cli.workspace import Workspace

    if max_age is None and (model is not None or (step is not None and runs is None)):
        raise UsageError(
            "--model and --step say what --max-age is asked of, and it is not there", hint="add --max-age 26h"
        )
    check_step(step, RECORDED)
    ws = Workspace(workspace)
    if max_age is not None:
        _show_freshness(ws, max_age, step, model, as_json)
        if runs is None:
            return
    if runs is not None:
        _show_runs(ws, runs, step, as_json)
        return
    _show_artifacts(ws, verify, as_json)


def _show_freshness(ws: Workspace, max_age: str, step: str | None, model: str | None, as_json: bool) -> None:
    from awe_cli.steps.freshness import check_freshness, read_duration

    seconds = read_duration(max_age, "--max-age")
    try:
        lines = check_freshness(ws, seconds, step=step, model=model)
    except StaleError as error:
        if as_json:
            console.print_json({"fresh": False, "found": [error.message]})
        raise
    if as_json:
        console.print_json({"fresh": True, "found": lines})
    for line in lines if not as_json else ():
        console.print_result(f"fresh: {line}")


def _show_runs(ws: Workspace, number: int, step: str | None, as_json: bool) -> None:
    import dataclasses

    from awe_cli.steps.freshness import known_runs

    last = known_runs(ws, step)[-number:]
    if as_json:
        console.print_json([{**dataclasses.asdict(run), "state": run.state} for run in last])
    else:
        _table_of_runs(last)


def _table_of_runs(runs: Sequence[Run]) -> None:
    from awe_cli.steps.freshness import age_in_words

    rows = [
        (
            run.started[:16].replace("T", " "),
            run.step,
            "" if run.seconds is None else age_in_words(run.seconds),
            run.state if run.code is None else run.code,
            run.error or "",
        )
        for run in runs
    ]
    console.table("", ("run (UTC)", "step", "took", "code", "error"), rows, keys=2)


def _show_artifacts(ws: Workspace, verify: bool, as_json: bool) -> None:
    import dataclasses

    from awe_cli.errors import CorruptArtifactError, MissingInputError
    from awe_cli.steps.freshness import known_runs
    from awe_cli.steps.status import status as step

    entries = step(ws, verify=verify)
    if as_json:
        console.print_json([dataclasses.asdict(entry) for entry in entries])
    else:
        if entries:
            console.table(
                "", ("kind", "name", "size", "made (UTC)", "from", "state"), map(_row, entries), keys=2
            )
        else:
            console.print_result(f"nothing is prepared yet in {ws.root}")
        last = known_runs(ws)[-_LAST:]
        if last:
            console.print_result()
            _table_of_runs(last)
    for state, error in (("corrupt", CorruptArtifactError), ("unreadable", MissingInputError)):
        broken = [entry for entry in entries if entry.state == state]
        if broken:
            raise error(broken[0].reason, hint=broken[0].hint)
    if not entries:
        console.next_step("awe describe FILE")


def _row(entry: Entry) -> tuple[object, ...]:
    return (
        entry.kind,
        entry.name,
        bytes_in_words(entry.size),
        (entry.created or "")[:16].replace("T", " "),
        ", ".join(dict.fromkeys(entry.parents.values())),
        f"{entry.state}: {entry.reason}" if entry.reason else entry.state,
    )
