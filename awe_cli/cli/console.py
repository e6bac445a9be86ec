"""How awe speaks: data to standard output, everything else to standard error, no animation off a terminal."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

from awe_cli.cli.log import ERROR, INFO, WARNING, Log

if TYPE_CHECKING:
    from awe_cli.report.tables import Table


# Laying out a table in lines of text that fit the width of the terminal.

_GAP = "  "  # between columns
_NARROWEST = 24  # that a last column of text is folded to


def layout(
    columns: Sequence[str], cells: Sequence[Sequence[str]], width: int, keys: int = 1
) -> Iterator[tuple[bool, str]]:
    """The lines of a table, each with whether it is a header.

    Columns of numbers are aligned right. Where the table is wider than `width`, text in the last column is
    folded; where that does not help, columns that have no room left go into another table below, which
    repeats the first `keys` columns: those that say which row it is.
    """
    rows = [list(columns), *[list(row) for row in cells]]
    widths = [max(len(row[i]) for row in rows) for i in range(len(columns))]
    right = [bool(cells) and all(is_number(row[i]) for row in cells) for i in range(len(columns))]
    longest = widths[-1]
    if not right[-1]:
        widths[-1] = min(longest, _NARROWEST)
    groups = _groups(widths, width, keys)
    before_last = sum(widths[i] + len(_GAP) for i in groups[-1][:-1])
    widths[-1] = max(widths[-1], min(longest, width - before_last))
    for number, group in enumerate(groups):
        if number:
            yield False, ""
        for position, row in enumerate(rows):
            for line in _line([row[i] for i in group], [widths[i] for i in group], [right[i] for i in group]):
                yield position == 0, line


def is_number(cell: str) -> bool:
    """Whether a cell begins with a number, or is ∞ or empty."""
    head = cell.split(" ")[0].replace(",", "")
    return cell in ("", "∞") or head.lstrip("+-").replace(".", "", 1).isdigit()


def _groups(widths: Sequence[int], width: int, keys: int) -> list[list[int]]:
    """Columns that fit beside each other: the first `keys` ones, and at least one more."""
    first = list(range(keys))
    groups = [[*first]]
    taken = before = sum(widths[:keys]) + len(_GAP) * (keys - 1)
    for i in range(keys, len(widths)):
        taken += len(_GAP) + widths[i]
        if taken > width and len(groups[-1]) > keys:
            groups.append([*first])
            taken = before + len(_GAP) + widths[i]
        groups[-1].append(i)
    return groups


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> Iterator[str]:
    """One row: a line, and more where its last cell is folded."""
    *first, last = cells
    folded = [last] if len(last) <= widths[-1] else textwrap.wrap(last, widths[-1], break_on_hyphens=False)
    for number, piece in enumerate(folded):
        row = [*(first if number == 0 else [""] * len(first)), piece]
        padded = [
            cell.rjust(size) if is_right else cell.ljust(size)
            for cell, size, is_right in zip(row, widths, right, strict=True)
        ]
        yield _GAP.join(padded).rstrip()


_WIDTH = 100  # of what is not a terminal
_COMMAND = re.compile("`(awe (?:status|gc|[a-z-]+ [^`]+))`")  # these two can be run as they are
_quiet = False
_last_error: str | None = None
_log: Log | None = None
_told_before: Callable[[str], bool] | None = None
_is_part = False
_workspace: Path | None = None


class _Stream:
    """Standard error that never fails: what a full disk or a closed terminal does not take is dropped."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        try:
            return self.stream.write(text)
        except (OSError, ValueError):
            self._drop()
            return len(text)

    def flush(self) -> None:
        try:
            self.stream.flush()
        except (OSError, ValueError):
            self._drop()

    def _drop(self) -> None:
        """Lead the stream nowhere, so that what it still holds does not fail at the end of the process."""
        with contextlib.suppress(OSError, ValueError):
            if self.stream.fileno() == 2:
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, 2)
                os.close(nowhere)


def guard_streams() -> None:
    """Let no step fail where standard error is full or closed, or standard output closed."""
    if None in (sys.stdin, sys.stdout, sys.stderr):
        # A file opened later would get the number of the closed stream, and messages would go into it.
        while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
            os.set_inheritable(descriptor, True)
        os.close(descriptor)
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - for the whole process
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if not isinstance(sys.stderr, _Stream):
        sys.stderr = cast("TextIO", _Stream(sys.stderr))


def be_quiet(quiet: bool) -> bool:
    """From now on nothing is printed (or all is) but warnings, errors, and data that were asked for as such.

    Those are `print_json`, and rows that `--output -` sends to standard output.
    """
    global _quiet  # noqa: PLW0603 - one process has one standard error
    _quiet = quiet
    return quiet


def is_quiet() -> bool:
    """Whether --quiet was given."""
    return _quiet


def log(line: str = "", **fields: Any) -> None:
    """Tell the person at the terminal; silent with --quiet. `fields` go into the log beside the message."""
    _tell(INFO, line, line, fields)


def record(message: str, **fields: Any) -> None:
    """Put a message into the log, where one is kept, that is told to the person in another way."""
    if _log is not None:
        _tell(INFO, message, None, fields)


def print_result(line: str = "") -> None:
    """A line of the result on standard output, for people to read; silent with --quiet."""
    if not _quiet:
        print(line)


def warn(line: str) -> None:
    """Tell of something a careful colleague would mention; silent only where `remember_warnings` says so."""
    is_new = _told_before is None or _told_before(line)
    _tell(
        WARNING, line, f"warning: {line}" if is_new else None, {} if is_new else {"repeated": True}, "yellow"
    )


def remember_warnings(told_before: Callable[[str], bool] | None) -> None:
    """From now on a warning is told where `told_before`, which hears of each, says that it is new; None: always."""
    global _told_before  # noqa: PLW0603 - one process runs one command
    _told_before = told_before


def error(message: str, hint: str | None = None) -> None:
    """Tell why a command failed, and what to do; never silent."""
    global _last_error  # noqa: PLW0603 - one process runs one command
    _last_error = message
    _tell(ERROR, message, f"error: {message}", {"hint": hint})
    if hint and not _logs_to_stderr():
        print(f"hint: {hint}", file=sys.stderr, flush=True)


def stopped(line: str) -> None:
    """Tell that a signal ended the command."""
    global _last_error  # noqa: PLW0603 - one process runs one command
    _last_error = line
    with contextlib.suppress(OSError):  # the terminal may be gone
        _tell(ERROR, line, line, {})


def ended(code: int, seconds: float) -> None:
    """Put into the log, where one is kept, that the command has ended."""
    record(f"ended with code {code} after {seconds:.1f} s", code=code, seconds=round(seconds, 3))


def log_to(log: Log | None) -> None:
    """From now on messages go into this log: beside standard error where it is a file, else in place of its text."""
    global _log  # noqa: PLW0603 - one process runs one command
    if _log is not None:
        _log.close()
    _log = log


def is_logging() -> bool:
    """Whether a log is kept, beside the text for people or in place of it."""
    return _log is not None


def shows_text() -> bool:
    """Whether standard error is text for people, and no log."""
    return not _logs_to_stderr()


def _logs_to_stderr() -> bool:
    return _log is not None and _log.file is None


def as_logged(level: str, message: str) -> str:
    """A line that is written to standard error in another way: as text, or as the log has it."""
    return _log.line(level, message, {}) if _log is not None and _log.file is None else message


def _tell(
    level: str, message: str, text: str | None, fields: dict[str, Any], style: str | None = None
) -> None:
    """A message to the log, where one is kept; and its text to standard error, unless the log goes there.

    text  None: the person is not told, or in another way
    """
    _flush_output()
    is_shown = level != INFO or not _quiet
    if _log is not None and message:
        line = _log.line(level, message, fields)
        if _log.file is None:
            if is_shown and not fields.get("repeated"):
                print(line, file=sys.stderr, flush=True)
            return
        _log.write(line)
    if is_shown and text is not None:
        _styled(text, style)


def last_error() -> str | None:
    """The message of the last error that was told; None where there was none."""
    return _last_error


def forget_error() -> None:
    """From now on there was no error yet."""
    global _last_error  # noqa: PLW0603 - one process runs one command
    _last_error = None


def name_workspace(path: Path | None) -> None:
    """From now on, commands that come next name this workspace; None where they find it as this one did."""
    global _workspace  # noqa: PLW0603 - one process runs one command
    _workspace = path


def with_workspace(command: str) -> str:
    """The command `awe …` in full: with the workspace, where it was named on the command line."""
    where = "" if _workspace is None else f" -w {shlex.quote(str(_workspace))}"
    return f"awe{where}{command.removeprefix('awe')}"


def with_workspace_in_hint(hint: str) -> str:
    """A hint whose commands between backticks run as they are printed; a command's bare name is left as it is."""
    return _COMMAND.sub(lambda found: f"`{with_workspace(found[1])}`", hint)


def next_step(command: str) -> None:
    """Name the command `awe …` that comes next."""
    if not _is_part:
        _tell(INFO, f"next: {with_workspace(command)}", f"next: {with_workspace(command)}", {}, "dim")


def is_part() -> bool:
    """Whether another command runs this one as a part of it."""
    return _is_part


@contextlib.contextmanager
def as_part() -> Iterator[None]:
    """Within the block commands are parts of the one that runs: they name none that comes next, and keep its log."""
    global _is_part  # noqa: PLW0603 - one process runs one command after the other
    _is_part = True
    try:
        yield
    finally:
        _is_part = False


def stored(name: str, digest: str, fresh: bool) -> None:
    """Say that an artifact was made, or that there was nothing to do."""
    log(f"{'stored' if fresh else 'up to date'}: {name} ({digest[:12]})")


def show(table_of: Table, *, to_stderr: bool = False) -> None:
    """A table of the report, with its notes; silent with --quiet."""
    if _quiet and not (to_stderr and _log is not None):
        return
    table(table_of.title, table_of.columns, table_of.rows, to_stderr=to_stderr, keys=table_of.keys)
    stream = sys.stderr if to_stderr else sys.stdout
    for note in table_of.notes:
        if to_stderr and _log is not None:
            record(note)
        if to_stderr and _logs_to_stderr():
            continue
        for line in textwrap.wrap(note, width(), subsequent_indent="  "):
            print(line, file=stream)


def print_json(value: Any) -> None:
    """Data for machines, on standard output, never silent. NaN is not JSON: ValueError."""
    print(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    to_stderr: bool = False,
    keys: int = 1,
) -> None:
    """A table on standard output (or error, when it is talk rather than data), no wider than the terminal.

    Silent with --quiet. Columns of numbers are aligned right. A None is an empty cell, a float has four decimals.
    The first `keys` columns are repeated where others go into a table below.
    """
    there = [list(row) for row in rows]
    if to_stderr and _log is not None:
        named = [dict(zip(columns, row, strict=True)) for row in there]
        record(title or f"table of {', '.join(column for column in columns if column)}", rows=named)
    if _quiet or (to_stderr and _logs_to_stderr()):
        return
    stream = sys.stderr if to_stderr else sys.stdout
    cells = [[_cell(value) for value in row] for row in there]
    lines = [(True, title)] if title else []
    for is_header, line in [*lines, *layout(columns, cells, width(), keys)]:
        if is_header and is_styled(stream):
            _print_styled(line, "bold", stream)
        else:
            print(line, file=stream)


def is_styled(stream: TextIO) -> bool:
    """Whether a stream shall get colours, bars and the like: a terminal does, unless NO_COLOR is set."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def width() -> int:
    """Columns of the terminal; 100 where there is none."""
    return shutil.get_terminal_size((_WIDTH, 24)).columns


def _flush_output() -> None:
    """Where both streams go to one place, they stay in order. What fails here fails again when the step is done."""
    with contextlib.suppress(OSError):
        sys.stdout.flush()


def _styled(line: str, style: str | None) -> None:
    if style is not None and is_styled(sys.stderr):
        _print_styled(line, style, sys.stderr)
    else:
        print(line, file=sys.stderr, flush=True)


def _print_styled(line: str, style: str, stream: TextIO) -> None:
    from rich.console import Console
    from rich.text import Text

    Console(file=stream, soft_wrap=True).print(Text(line, style))


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)


# Numbers as a person reads them.


def bytes_in_words(size: int) -> str:
    """A size in decimal units: "5.1 MB"."""
    if size < 1000:
        return f"{size} B"
    amount = float(size)
    for unit in ("kB", "MB", "GB"):
        amount /= 1000
        if amount < 1000:
            return f"{amount:.1f} {unit}"
    return f"{amount / 1000:.1f} TB"
