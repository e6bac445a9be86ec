"""What ran in a workspace and how it ended: runs.jsonl, one line a run, the newest last.

The file is replaced as a whole, so that a reader finds the old lines or the new ones. It keeps the last MOST_RUNS
runs, and the newest successful one of every step. Lines that cannot be read are left out: the record is there for
monitors and never worth failing a step.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from awe_cli.workspace.fs import read_small, replace_file

RUNS = "runs.jsonl"
MOST_RUNS = 500
_LONGEST = 500  # characters of a command or an error
_PATIENCE = 10.0  # seconds to wait for another process that writes the record

RUNNING, DONE, FAILED, VANISHED = "running", "done", "failed", "vanished"


@dataclass(frozen=True)
class Run:
    """One run of a command.

    id       unique; the log has it too
    command  as it was typed, cut after 500 characters
    step     name of the command: "train"
    started  UTC, ISO 8601; `ended` likewise, None as long as the run has not said that it ended
    process  process id and when the system started that process, so that a later process of the same id is told apart
    code     exit code; None as long as it has not ended
    seconds  that it took
    error    first line of its error message
    """

    id: str
    command: str
    step: str
    started: str
    process: str
    ended: str | None = None
    code: int | None = None
    seconds: float | None = None
    error: str | None = None

    @property
    def state(self) -> str:
        """done, failed, running, or vanished: it never said how it ended, and its process is gone."""
        if self.code is not None:
            return FAILED if self.code else DONE
        return RUNNING if _process(self.process.partition(" ")[0]) == self.process else VANISHED

    def finished(self, code: int, seconds: float, error: str | None) -> Run:
        """The same run, over at this second."""
        line = error.strip().partition("\n")[0][:_LONGEST] if error else None
        return dataclasses.replace(self, ended=_now(), code=code, seconds=round(seconds, 3), error=line)


def new_run(id: str, command: str, step: str) -> Run:
    """A run of this process that starts now."""
    process = _process(str(os.getpid())) or str(os.getpid())
    return Run(id, command[:_LONGEST], step, _now(), process)


def record_run(root: Path, run: Run) -> None:
    """Add a run to the record of the workspace `root`, or replace what is written of it. Raises OSError, WriteError."""

    def content() -> bytes:
        others = [other for other in read_runs(root) if other.id != run.id]
        return b"".join(_encode(one) for one in _bounded([*others, run]))

    rewrite(root / RUNS, content)


def rewrite(path: Path, content: Callable[[], bytes]) -> None:
    """Replace a file by what `content` makes, in one instant, while no other process does. Raises OSError, WriteError.

    The lock is one on the folder, so that it leaves no file, and is waited for ten seconds. What a killed process
    was writing for the same file is removed.
    """
    draft = path.with_name(f".{path.name}.new")
    with _alone(path.parent):
        draft.unlink(missing_ok=True)
        try:
            replace_file(path, content())
        finally:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)


def read_runs(root: Path) -> list[Run]:
    """The runs that are known, oldest first; none where there is no record or it cannot be read."""
    try:
        lines = read_small(root / RUNS).splitlines()
    except (OSError, ValueError):
        return []
    return [run for line in lines if (run := _decode(line)) is not None]


def newest_success(runs: list[Run], step: str | None = None) -> Run | None:
    """The newest run that ended with code 0, of one step or of any that makes something."""
    wanted = [
        run for run in runs if run.code == 0 and (run.step == step if step else run.step not in TIDYING)
    ]
    return max(wanted, key=lambda run: run.ended or "", default=None)


TIDYING = ("gc", "rollback")  # steps whose success says nothing of how fresh the workspace is


def _bounded(runs: list[Run]) -> list[Run]:
    """The last runs, and before them the newest successful one of every step that is not among them."""
    old, last = runs[:-MOST_RUNS], runs[-MOST_RUNS:]
    there = {run.step for run in last if run.code == 0}
    kept = {run.step: run for run in old if run.code == 0 and run.step not in there}
    return [*kept.values(), *last]


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Keep other processes that call `rewrite` out. Raises BlockingIOError after ten seconds."""
    descriptor = os.open(root, os.O_RDONLY | os.O_CLOEXEC)
    try:
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= end:
                    raise
                time.sleep(0.01)
            except OSError:  # a file system without locks
                break
        yield
    finally:
        os.close(descriptor)


def _encode(run: Run) -> bytes:
    return (json.dumps(dataclasses.asdict(run), ensure_ascii=True) + "\n").encode()


_FIELDS = {field.name: field.type for field in dataclasses.fields(Run)}


def _decode(line: bytes) -> Run | None:
    """The run of a line; None where it is none."""
    try:
        data = json.loads(line)
        if not isinstance(data, dict) or not set(data) <= set(_FIELDS):
            return None
        texts = [data.get(name) for name in _FIELDS if name not in ("code", "seconds")]
        if not all(text is None or isinstance(text, str) for text in texts):
            return None
        code, seconds = data.get("code"), data.get("seconds")
        if not (code is None or type(code) is int) or not (seconds is None or type(seconds) in (int, float)):
            return None
        run = Run(**data)
        return run if None not in (run.id, run.step, run.started, run.process) else None
    except (ValueError, TypeError, RecursionError):
        return None


def _process(pid: str) -> str | None:
    """A process as a record names it: its id and its start in clock ticks since boot; None where it is gone."""
    try:
        with open(f"/proc/{int(pid)}/stat", encoding="utf-8", errors="replace") as file:
            return f"{pid} {file.read().rpartition(')')[2].split()[19]}"
    except (OSError, ValueError, IndexError):
        return None


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
