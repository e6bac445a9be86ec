"""How awe speaks: data to standard output, everything else to standard error, no animation off a terminal."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TextIO, TypeVar

R = TypeVar("R")

_QUIETEST_LINE = 1.0  # seconds between two lines of progress in a file or a pipe
_quiet = False


def be_quiet(quiet: bool) -> bool:
    """From now on, `say`, `next_step` and `progress` are silent (or not)."""
    global _quiet  # noqa: PLW0603 - one process has one standard error
    _quiet = quiet
    return quiet


def is_quiet() -> bool:
    """Whether --quiet was given."""
    return _quiet


def say(line: str = "") -> None:
    """Tell the person at the terminal; silent with --quiet."""
    if not _quiet:
        print(line, file=sys.stderr, flush=True)


def warn(line: str) -> None:
    """Tell of something a careful colleague would mention; never silent."""
    _styled(f"warning: {line}", "yellow")


def next_step(command: str) -> None:
    """Name the command that comes next."""
    if not _quiet:
        _styled(f"next: {command}", "dim")


def print_json(value: Any) -> None:
    """Data for machines, on standard output. NaN is not JSON: ValueError."""
    print(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, to_stderr: bool = False
) -> None:
    """A table on standard output (or error, when it is talk rather than data).

    Columns of numbers are aligned right. A None is an empty cell, a float has four decimals.
    """
    stream = sys.stderr if to_stderr else sys.stdout
    if to_stderr and _quiet:
        return
    cells = [[_cell(value) for value in row] for row in rows]
    right = [bool(cells) and all(_is_number(row[i]) for row in cells) for i in range(len(columns))]
    if stream.isatty():
        _rich_table(stream, title, columns, cells, right)
    else:
        _plain_table(stream, title, columns, cells, right)


def progress(
    reports: Iterable[R], *, label: str, total: int | None, describe: Callable[[R], str]
) -> Iterator[R]:
    """Pass the reports on, showing the latest: a bar on a terminal, a line now and then elsewhere.

    `total` is how many there will be at most; `describe` puts a report into a few words.
    """
    if _quiet:
        yield from reports
    elif sys.stderr.isatty():
        yield from _bar(reports, label, total, describe)
    else:
        yield from _lines(reports, label, total, describe)


def _styled(line: str, style: str) -> None:
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.text import Text

        Console(stderr=True, soft_wrap=True).print(Text(line, style))
    else:
        print(line, file=sys.stderr, flush=True)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _is_number(cell: str) -> bool:
    head = cell.split(" ")[0].replace(",", "")
    return not cell or head.lstrip("+-").replace(".", "", 1).isdigit()


def _rich_table(
    stream: TextIO, title: str, columns: Sequence[str], cells: list[list[str]], right: list[bool]
) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(title=title or None, title_justify="left", box=SIMPLE_HEAD)
    for name, is_right in zip(columns, right, strict=True):
        drawn.add_column(Text(name), justify="right" if is_right else "left")
    for row in cells:
        drawn.add_row(*(Text(cell) for cell in row))
    Console(file=stream).print(drawn)


def _plain_table(
    stream: TextIO, title: str, columns: Sequence[str], cells: list[list[str]], right: list[bool]
) -> None:
    lines = [list(columns), *cells]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    if title:
        print(title, file=stream)
    for line in lines:
        padded = [
            cell.rjust(width) if is_right else cell.ljust(width)
            for cell, width, is_right in zip(line, widths, right, strict=True)
        ]
        print("  ".join(padded).rstrip(), file=stream)


def _bar(reports: Iterable[R], label: str, total: int | None, describe: Callable[[R], str]) -> Iterator[R]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    latest = TextColumn("{task.fields[latest]}", markup=False)
    with Progress(*columns, latest, console=Console(stderr=True), transient=False) as shown:
        task = shown.add_task(label, total=total, latest="")
        for report in reports:
            shown.update(task, advance=1, latest=describe(report))
            yield report


def _lines(reports: Iterable[R], label: str, total: int | None, describe: Callable[[R], str]) -> Iterator[R]:
    spoken = float("-inf")
    unsaid = ""
    for number, report in enumerate(reports, start=1):
        of_total = f"/{total}" if total is not None else ""
        unsaid = f"{label} {number}{of_total}: {describe(report)}"
        if time.monotonic() - spoken >= _QUIETEST_LINE:
            say(unsaid)
            spoken, unsaid = time.monotonic(), ""
        yield report
    if unsaid:
        say(unsaid)
