"""How long commands took, kept in a small file beside the workspaces: a run that goes on still knows."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

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


@contextmanager
def measured() -> Iterator[list[Taken]]:
    """What the processes that are started and awaited inside took, in a list that is filled at the end."""
    found: list[Taken] = []
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    yield found
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    found.append(Taken(spent, time.perf_counter() - start))
