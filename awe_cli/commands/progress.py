"""Showing work that reports as it goes: bars on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

from awe_cli.commands import console

R = TypeVar("R")
_BETWEEN_LINES = 10.0  # seconds


class Shown(NamedTuple):
    """One report in words: a bar for each `task`, which stands at `done` of `total`."""

    task: str
    done: int
    total: int
    figures: str


@contextlib.contextmanager
def watching(describe: Callable[[R], Shown]) -> Iterator[Callable[[R], None]]:
    """Yield what a step calls with each of its reports."""
    if console.is_quiet():
        yield lambda report: None
    elif sys.stderr.isatty():
        with _bars() as show:
            yield lambda report: show(describe(report))
    else:
        lines = _Lines()
        yield lambda report: lines.show(describe(report))
        lines.flush()


@contextlib.contextmanager
def _bars() -> Iterator[Callable[[Shown], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    # At 100 columns there is room for the figures of an epoch beside a short bar.
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=8), MofNCompleteColumn())
    figures = TextColumn("{task.fields[figures]}", markup=False)
    with Progress(*columns, TimeRemainingColumn(compact=True), figures, console=Console(stderr=True)) as bars:
        tasks: dict[str, Any] = {}

        def show(shown: Shown) -> None:
            if shown.task not in tasks:
                for task in tasks.values():
                    bars.stop_task(task)
                tasks[shown.task] = bars.add_task(shown.task, total=shown.total, figures="")
            bars.update(tasks[shown.task], completed=shown.done, figures=shown.figures)

        yield show


class _Lines:
    """The latest report, said at most every ten seconds and when its task is over."""

    def __init__(self) -> None:
        self._spoken, self._unsaid = float("-inf"), ""
        self._task = ""

    def show(self, shown: Shown) -> None:
        if shown.task != self._task:
            self.flush()
            self._task = shown.task
        self._unsaid = f"{shown.task} {shown.done}/{shown.total}: {shown.figures}"
        if time.monotonic() - self._spoken >= _BETWEEN_LINES:
            self.flush()

    def flush(self) -> None:
        if self._unsaid:
            console.say(self._unsaid)
            self._spoken, self._unsaid = time.monotonic(), ""
