"""This run: its place in the record of the workspace, its log, and the warnings that cron has heard already.

None of these ever fails a step.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import os
import secrets
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from awe_cli.cli import console
from awe_cli.cli.log import JSON, TEXT, Log, asked_before_parsing
from awe_cli.config import resolve
from awe_cli.config.log import LogSettings
from awe_cli.errors import AweError

if TYPE_CHECKING:
    from awe_cli.workspace.runs import Run

# Commands that only show what is there are not recorded.
RECORDED = frozenset(
    {
        "prepare", "train", "build-knn", "build-affinity", "retrain", "evaluate", "compare", "predict",
        "train-baseline", "ensemble", "calibrate", "export", "report", "run", "tune", "promote", "rollback", "gc",
    }
)  # fmt: skip


@dataclass
class _Recorder:
    """One run, of which a process has one at a time.

    root    the workspace; None until the command has begun
    before  the warnings of the run before; None where every warning is told
    warned  those of this run
    has_warned  whether the user was told that the record cannot be written
    """

    arguments: Sequence[str] = ()
    begun: float = field(default_factory=time.monotonic)
    id: str = ""
    root: Path | None = None
    run: Run | None = None
    before: frozenset[str] | None = None
    warned: dict[str, None] = field(default_factory=dict)
    has_warned: bool = False

    @property
    def command(self) -> str:
        """The command as it was typed."""
        return shlex.join(["awe", *self.arguments])


_this = _Recorder()


def start(arguments: Sequence[str]) -> None:
    """A run with these arguments starts; nothing is written yet."""
    global _this  # noqa: PLW0603 - one process runs one command
    now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%S")
    _this = _Recorder(arguments, id=f"{now}-{secrets.token_hex(3)}")
    console.forget_error()
    console.remember_warnings(None)
    asked = asked_before_parsing(list(arguments), os.environ.get("AWE_LOG_FORMAT"))
    console.log_to(_log(asked, None, None) if asked == JSON and not os.environ.get("AWE_LOG_FILE") else None)


def begin(step: str, workspace: Path, log: Mapping[str, Any], *, is_recorded: bool = True) -> None:
    """The command is known: open its log, and write down that it runs where there is a workspace already.

    log          format and file, as given with options; None where they were not
    is_recorded  False for a dry run, which writes nothing

    Raises SettingsError, MissingInputError for an awe.toml, or a variable, that cannot be.
    """
    if is_recorded and step in RECORDED:
        _begin_record(step, Path(workspace))
    console.log_to(_log(*_log_settings(step, Path(workspace), log), step))


def _begin_record(step: str, workspace: Path) -> None:
    from awe_cli.workspace.runs import new_run

    _this.root = workspace
    if console.is_quiet() and not sys.stderr.isatty():
        from awe_cli.workspace.warned import warned_before

        _this.before = warned_before(_this.root, _this.command)
        console.remember_warnings(_warned_before)
    _this.run = new_run(_this.id, _this.command, step)
    _write(_this.run)


def _log_settings(step: str, workspace: Path, given: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Format and file. Commands that need no awe.toml do not fail for one that cannot be read."""
    try:
        settings = resolve(LogSettings, "log", given, os.environ, workspace / "awe.toml").settings
    except AweError:
        if step in RECORDED - {"gc", "rollback"}:
            raise
        settings = resolve(LogSettings, "log", given, os.environ, Path(os.devnull) / "awe.toml").settings
    return settings.format, settings.file


def end(code: int) -> None:
    """Write down how the run ended, with the error that the user was told, and what it warned of."""
    seconds = time.monotonic() - _this.begun
    if _this.run is not None:
        _write(_this.run.finished(code, seconds, console.last_error() if code else None))
        _this.run = None
    if _this.before is not None and _this.root is not None:
        from awe_cli.workspace.warned import remember_warned

        # What a run that failed had no time to say is still known.
        known = [*_this.warned, *(() if code == 0 else sorted(_this.before - _this.warned.keys()))]
        with contextlib.suppress(OSError, AweError):
            remember_warned(_this.root, _this.command, known)
        _this.before = None
    console.remember_warnings(None)
    console.ended(code, seconds)
    console.log_to(None)


def _log(format: str | None, file: str | None, step: str | None) -> Log | None:
    """The log that was asked for; None for plain text on standard error."""
    path = Path(file) if file and file != "-" else None
    if path is None and format != JSON:
        return None
    return Log(format or TEXT, path, run=_this.id, step=step, lost=console.warn)


def _warned_before(warning: str) -> bool:
    """Note a warning; whether it is new, compared with the run before."""
    from awe_cli.workspace.warned import digest_of_text

    digest = digest_of_text(warning)
    _this.warned.setdefault(digest)
    return _this.before is None or digest not in _this.before


def _write(run: Run) -> None:
    from awe_cli.workspace.runs import record_run

    if _this.root is None or not os.path.isdir(_this.root):
        return
    try:
        record_run(_this.root, run)
    except (OSError, AweError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        number = cause.errno if isinstance(cause, OSError) else None
        may_only_read = number in (errno.EACCES, errno.EPERM, errno.EROFS)  # who does leaves no record
        if not may_only_read and not _this.has_warned:
            console.warn(f"this run is not in the record of runs: {getattr(error, 'message', error)}")
            _this.has_warned = True
