"""This run in the record of its workspace: when it started, and how it ended. Recording never fails a step."""

from __future__ import annotations

import errno
import os
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from awe_cli.cli import console
from awe_cli.errors import AweError

if TYPE_CHECKING:
    from awe_cli.workspace.runs import Run

# Commands that only show what is there are not recorded.
RECORDED = frozenset(
    {
        "prepare", "train", "build-knn", "build-affinity", "retrain", "evaluate", "predict", "train-baseline",
        "ensemble", "promote", "rollback", "gc",
    }
)  # fmt: skip


@dataclass
class _Recorder:
    """One run: of which process there is one at a time.

    root  the workspace; None until the command has begun
    """

    arguments: Sequence[str] = ()
    begun: float = field(default_factory=time.monotonic)
    root: Path | None = None
    run: Run | None = None


_this = _Recorder()


def start(arguments: Sequence[str]) -> None:
    """A run with these arguments starts; nothing is written yet."""
    global _this  # noqa: PLW0603 - one process runs one command
    _this = _Recorder(arguments)
    console.forget_error()


def begin(step: str, workspace: Path) -> None:
    """The command is known: write down that it runs, where there is a workspace already."""
    if step not in RECORDED:
        return
    from awe_cli.workspace.runs import new_run

    _this.run, _this.root = new_run(shlex.join(["awe", *_this.arguments]), step), Path(workspace)
    _write(_this.run)


def end(code: int) -> None:
    """Write down how the run ended, with the error that the user was told."""
    if _this.run is not None:
        _write(
            _this.run.finished(code, time.monotonic() - _this.begun, console.last_error() if code else None)
        )
        _this.run = None


def _write(run: Run) -> None:
    from awe_cli.workspace.runs import record_run

    if _this.root is None or not os.path.isdir(_this.root):
        return
    try:
        record_run(_this.root, run)
    except (OSError, AweError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        number = cause.errno if isinstance(cause, OSError) else None
        if number not in (errno.EACCES, errno.EPERM, errno.EROFS):  # who may only read leaves no record
            console.warn(f"this run is not in the record of runs: {getattr(error, 'message', error)}")
        _this.root = None
