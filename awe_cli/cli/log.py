"""The log: each message as a line of JSON or text with its time, run and step, on standard error or in a file.

A log that is full, closed or unwritable never fails a step: it is given up with one warning.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from awe_cli.config.log import FORMATS

TEXT, JSON = FORMATS
LEVELS = INFO, WARNING, ERROR = ("info", "warning", "error")
_FLAGS = (
    os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
)  # a pipe that nobody reads is not waited for


class Log:
    """Where one run writes its messages.

    format  TEXT or JSON
    file    None: standard error
    run     id of the run
    step    name of the command; None as long as it is not known
    lost    called once, with the reason, where the log can be written no more
    """

    def __init__(
        self, format: str, file: Path | None, *, run: str, step: str | None, lost: Callable[[str], None]
    ) -> None:
        self.format, self.file, self._run, self._step, self._lost = format, file, run, step, lost
        self._descriptor: int | None = None
        if file is not None:
            self._open(file)

    def line(self, level: str, message: str, fields: dict[str, Any]) -> str:
        """A message as one line of the log, without its end; fields that are None are left out."""
        time = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        known = {"time": time, "run": self._run, "level": level, "step": self._step}
        if self.format == TEXT:
            return f"{time} {self._run} {self._step or '-'} {level}: {' '.join(message.splitlines())}"
        more = {name: _plain(value) for name, value in fields.items() if value is not None}
        return json.dumps({**known, "message": message, **more}, ensure_ascii=False, allow_nan=False)

    def write(self, line: str) -> None:
        """Add a line to the file, at once and as a whole."""
        if self._descriptor is None:
            return
        content = (line + "\n").encode("utf-8", "replace")
        try:
            if os.write(self._descriptor, content) < len(content):
                raise OSError("only a part of the line was written")
        except OSError as error:
            self._give_up(error)

    def close(self) -> None:
        """Close the file; later lines are dropped."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None

    def _open(self, file: Path) -> None:
        try:
            self._descriptor = os.open(file, _FLAGS, 0o666)
        except (OSError, ValueError) as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self.close()
        reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
        self._lost(f"the log {self.file} cannot be written, and this run goes on without it: {reason}")


def asked_before_parsing(arguments: list[str], variable: str | None) -> str | None:
    """The format of the log, for messages that come before the options are read; None where none is asked for."""
    given = list(_values(arguments, "--log-format")) or ([variable] if variable else [])
    to_file = any(True for _ in _values(arguments, "--log-file"))
    return given[-1] if given and given[-1] in FORMATS and not to_file else None


def _values(arguments: list[str], option: str) -> Iterator[str]:
    for here, after in zip(arguments, [*arguments[1:], ""], strict=False):
        if here == option:
            yield after
        elif here.startswith(f"{option}="):
            yield here.partition("=")[2]


def _plain(value: Any) -> Any:
    """A value as JSON has it: numbers that are none become null, and what JSON does not know its text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, str | int | bool) else str(value)
