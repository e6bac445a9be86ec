"""`awe doctor`."""

from __future__ import annotations

import textwrap
import time
from typing import Annotated

import typer

from awe_cli.cli import console
from awe_cli.cli.options import DEFAULT_WORKSPACE, JsonOption, QuietOption, WorkspaceOption
from awe_cli.cli.progress import announce_compiling

EXAMPLE = """
awe doctor
awe doctor --no-self-test --json
awe -w /srv/rank/workspace doctor -q
"""
_NAME = 18  # columns


def doctor(
    *,
    self_test: Annotated[
        bool,
        typer.Option(
            "--self-test/--no-self-test", help="Run the whole chain on a tiny dataset in a temporary folder."
        ),
    ] = True,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Check that awe can work on this machine.

    Versions, threads, the processor's vector instructions, the folder of compiled kernels, memory and disk; then a
    self-test of about ten seconds, in which a first run compiles kernels for a minute more: every step from prepare to
    predict, models compared with popularity, scores with numpy, and the bytes of a model for 1 and 2 threads. The
    last line says whether all is well; where a check fails, the exit code is that of its error, never 0.
    """
    from awe_cli.steps.doctor import doctor as step
    from awe_cli.steps.doctor import failure
    from awe_cli.workspace import Workspace

    announce_compiling()
    began, checks = time.perf_counter(), []
    for check in step(Workspace(workspace), self_test=self_test, announce=console.log):
        checks.append(check)
        if not as_json:
            _show(check.name, check.state, check.found, check.hint)
    error = failure(checks)
    seconds = time.perf_counter() - began
    if as_json:
        found = [
            {"name": one.name, "state": one.state, "found": one.found, "hint": one.hint}
            | ({"error": one.error.exit_code} if one.state == "failed" else {})
            for one in checks
        ]
        console.print_json({"well": error is None, "seconds": round(seconds, 1), "checks": found})
    if error is not None:
        raise error from error.__cause__
    warnings = sum(check.state == "warning" for check in checks)
    if not as_json:
        more = f", {warnings} warning{'s' if warnings > 1 else ''}" if warnings else ""
        console.print_result(f"all is well: {len(checks)} checks in {seconds:.1f} s{more}")


def _show(name: str, state: str, found: str, hint: str) -> None:
    """One check in lines that fit the terminal."""
    mark = "" if state == "ok" else f"{state}: "
    for place, text in enumerate(filter(None, (f"{mark}{found}", hint))):
        room = console.width() - _NAME - (2 if place else 0)
        lines = textwrap.wrap(text, max(40, room), break_on_hyphens=False)
        for number, line in enumerate(lines):
            head = name if place == number == 0 else ""
            console.print_result(f"{head:<{_NAME}}{'  ' if place else ''}{line}".rstrip())
