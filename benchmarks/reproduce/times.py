"""How long commands took, kept in a small file beside the workspaces: a run that goes on still knows."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from numba.core import event

FILE = "times.json"


class Taken(NamedTuple):
    """Seconds of the processor, and of the clock on the wall."""

    processor: float
    wall: float


class Times:
    """What each command of each workspace took when it last made something."""

    def __init__(self, root: Path) -> None:
        self._file = root / FILE
        self._known: dict[str, dict[str, list[float]]] = (
            json.loads(self._file.read_text()) if self._file.exists() else {}
        )

    def note(self, workspace: str, command: str, taken: Taken) -> None:
        """Keep it, in the file too."""
        self._known.setdefault(workspace, {})[command] = [round(seconds, 2) for seconds in taken]
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps(self._known, indent=1), encoding="utf-8")

    def total(self, workspace: str, commands: Iterable[str]) -> Taken | None:
        """Of several commands, each once; None where one was made before anybody looked at the time."""
        known = self._known.get(workspace, {})
        distinct = list(dict.fromkeys(commands))
        if not all(command in known for command in distinct):
            return None
        parts = [Taken(*known[command]) for command in distinct]
        return Taken(sum(part.processor for part in parts), sum(part.wall for part in parts))


class _Compiling(event.Listener):
    """Adds up what compiling takes, whole compilations only: one kernel's begins others'."""

    def __init__(self) -> None:
        self.taken, self._depth, self._start = Taken(0.0, 0.0), 0, Taken(0.0, 0.0)

    def on_start(self, event: object) -> None:
        """One more begins."""
        if not self._depth:
            self._start = _now()
        self._depth += 1

    def on_end(self, event: object) -> None:
        """The last one begun has ended."""
        self._depth -= 1
        if not self._depth:
            self.taken = _plus(self.taken, _now(), self._start)


@contextmanager
def measured() -> Iterator[list[Taken]]:
    """What this process takes inside, without compiling, in a list that is filled at the end."""
    found, compiling, start = list[Taken](), _Compiling(), _now()
    event.register("numba:compile", compiling)
    try:
        yield found
    finally:
        event.unregister("numba:compile", compiling)
    found.append(_plus(Taken(0.0, 0.0), _now(), _plus(start, compiling.taken, Taken(0.0, 0.0))))


def _now() -> Taken:
    return Taken(time.process_time(), time.perf_counter())


def _plus(first: Taken, stop: Taken, start: Taken) -> Taken:
    """first + stop − start"""
    return Taken(*(a + b - c for a, b, c in zip(first, stop, start, strict=True)))
