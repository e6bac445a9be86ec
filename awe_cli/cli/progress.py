"""Showing work that reports as it goes: bars on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from awe_cli.cli import console

R = TypeVar("R")
_BETWEEN_LINES = 10.0  # seconds
_BAR = 8  # columns
_TIME = 7  # columns: 1:23:45
_NARROW = 80  # columns, below which the figures need the room of the bar


class Shown(NamedTuple):
    """One report in words: a bar for each `task`, which stands at `done` of `total`; and its figures as numbers.

    total  None where it is not known
    part   of what is under way, how much is done: the bar stands at done + part
    """

    task: str
    done: int
    total: int | None
    figures: str
    metrics: Mapping[str, float | None] = {}
    part: float = 0.0

    @property
    def counted(self) -> str:
        """ "3/10", or "3" where there is no total."""
        return f"{self.done:,}" if self.total is None else f"{self.done:,}/{self.total:,}"


@contextlib.contextmanager
def showing_progress(
    describe: Callable[[R], Shown], *, patiently: bool = False
) -> Iterator[Callable[[R], None]]:
    """Yield what a step calls with each of its reports.

    patiently  for many small reports: none is put into a log, and off a terminal nothing is said of what is soon over
    """
    with _shown_to_people(patiently) as show:

        def hear(report: R) -> None:
            shown = describe(report)
            if console.is_logging() and not patiently:
                words = f"{shown.task} {shown.counted}: {shown.figures}"
                console.record(
                    words, task=shown.task, epoch=shown.done, epochs=shown.total, metrics=dict(shown.metrics)
                )
            show(shown)

        yield hear


@contextlib.contextmanager
def _shown_to_people(patiently: bool) -> Iterator[Callable[[Shown], None]]:
    if console.is_quiet() or not console.shows_text():
        yield lambda shown: None
    elif console.is_styled(sys.stderr):
        with _bars() as show:
            yield show
    else:
        lines = _Lines(patiently)
        yield lines.show
        lines.over()


@contextlib.contextmanager
def _bars() -> Iterator[Callable[[Shown], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    terminal = Console(stderr=True)
    bar = [BarColumn(bar_width=_BAR)] if terminal.width >= _NARROW else []
    texts = [TextColumn(f"{{task.fields[{name}]}}", markup=False) for name in ("name", "count", "figures")]
    with Progress(texts[0], *bar, texts[1], TimeRemainingColumn(compact=True), texts[2],
                  console=terminal) as bars:  # fmt: skip
        shown = _Bars(bars, terminal.width - (_BAR + 1 if bar else 0) - _TIME - 3)
        yield shown.show
        shown.over()


class _Bars:
    """A bar for each task, in `room` columns for its name, its count and as many figures as fit beside them.

    A task is over when the next one reports: its bar is then full, also where it took less than it might have.
    """

    def __init__(self, bars: Any, room: int) -> None:
        self._bars, self._room = bars, room
        self._shown: dict[str, Shown] = {}
        self._numbers: dict[str, Any] = {}
        self._task = ""

    def show(self, shown: Shown) -> None:
        if shown.task != self._task:
            self.over()
            self._task = shown.task
        self._shown[shown.task] = shown
        counts = {task: one.counted for task, one in self._shown.items()}
        room = self._room - max(map(len, counts)) - max(map(len, counts.values()))
        for task, one in self._shown.items():
            texts = {"name": task, "count": counts[task], "figures": fitting(one.figures, room)}
            if task in self._numbers:
                total = one.total if one is shown else None  # that of others stays as it is
                self._bars.update(self._numbers[task], total=total, completed=one.done + one.part, **texts)
            else:
                self._numbers[task] = self._bars.add_task(
                    "", total=one.total, completed=one.done + one.part, **texts
                )

    def over(self) -> None:
        """Fill the bars that there are."""
        for task, number in self._numbers.items():
            self._bars.update(number, total=self._shown[task].done)


def fitting(figures: str, room: int) -> str:
    """As many of the figures, which commas part, as there are columns for."""
    kept: Sequence[str] = figures.split(", ")
    while kept and len(", ".join(kept)) > room:
        kept = kept[:-1]
    return ", ".join(kept)


class _Lines:
    """The latest report, said at most every ten seconds and, unless patiently, when a task begins and is over."""

    def __init__(self, patiently: bool) -> None:
        self._patiently = patiently
        self._spoken, self._unsaid = time.monotonic() if patiently else float("-inf"), ""
        self._task, self._left = "", TimeLeft()

    def show(self, shown: Shown) -> None:
        if shown.task != self._task:
            self.over()
            self._task, self._left = shown.task, TimeLeft()
        left = self._left.after(shown, time.monotonic())
        self._unsaid = f"{shown.task} {shown.counted}: {shown.figures}{left}"
        if time.monotonic() - self._spoken >= _BETWEEN_LINES:
            self._flush()

    def over(self) -> None:
        """Say the last report, unless patiently."""
        if not self._patiently:
            self._flush()

    def _flush(self) -> None:
        if self._unsaid:
            print(self._unsaid, file=sys.stderr, flush=True)  # each is in the log already
            self._spoken, self._unsaid = time.monotonic(), ""


class TimeLeft:
    """How long a task still takes at the rate that it has had since its first report."""

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None  # when, and how much was done

    def after(self, shown: Shown, now: float) -> str:
        """ ", 3 min left"; nothing before there is a rate, and for what takes no more than ten seconds."""
        done = shown.done + shown.part
        if self._first is None:
            self._first = now, done
        began, before = self._first
        if shown.total is None or done <= before or now - began < _BETWEEN_LINES:
            return ""
        left = (shown.total - done) * (now - began) / (done - before)
        return f", {_in_words(left)} left" if left >= _BETWEEN_LINES else ""


def _in_words(seconds: float) -> str:
    """An estimate as a person would give it: "40 s", "12 min", "3 h 20 min"."""
    if seconds < 90:
        return f"{10 * round(seconds / 10)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {10 * (minutes % 60 // 10)} min"


# Saying that kernels are being compiled, which takes seconds and happens once.

_told = threading.Event()


def announce_compiling() -> None:
    """From now on, say so when a kernel is really compiled: the first time in this process only.

    A kernel that is read from the cache on disk is not compiled, and nothing is said. Call it before the step.
    """
    from numba.core import event

    class Announce(event.Listener):
        """Hears of every compilation, before it begins and after it has ended."""

        def on_start(self, event: object) -> None:
            _tell()

        def on_end(self, event: object) -> None:
            """Nothing to say."""

    event.register("numba:compile", Announce())


def _tell() -> None:
    from awe_cli.core import cache_folder

    if not _told.is_set():
        _told.set()
        console.log(f"first use of these kernels: compiling them, to be kept in {cache_folder()} …")
