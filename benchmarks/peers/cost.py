"""What a command costs: time of the processor and peak memory, of the process and all that it waited for."""

from __future__ import annotations

import math
import os
import resource
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.peers.environments import NotThereError, last_line


class Cost(NamedTuple):
    """Minutes of the processor, user and system, and the most memory that was in use at once, in MB."""

    minutes: float
    memory: float

    def and_then(self, other: Cost) -> Cost:
        """The cost of this and, after it, of the other."""
        return Cost(self.minutes + other.minutes, max(self.memory, other.memory))


NOTHING = Cost(0.0, 0.0)


def run(command: Sequence[str | Path], minutes: float, environment: Mapping[str, str] | None = None) -> Cost:
    """Run a command with at most so many minutes of the processor; what it writes is kept from the terminal.

    Time by the clock would tell what else the machine had to do; that of the processor hardly does. Raises
    NotThereError with the last line that it wrote where it fails or needs longer.
    """
    seconds = math.ceil(60 * minutes)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))

    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            list(map(str, command)),
            stdout=said,
            stderr=said,
            preexec_fn=limit,  # noqa: PLW1509 - this process has no threads
            env={**os.environ, **(environment or {})},
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)  # told, since it was waited for here
        said.seek(0)
        text = said.read()
    taken = (used.ru_utime + used.ru_stime) / 60
    if process.returncode in (-signal.SIGXCPU, -signal.SIGKILL) and taken > 0.9 * minutes:
        raise NotThereError(f"stopped after {minutes:g} minutes of the processor")
    if process.returncode:
        raise NotThereError(last_line(text))
    return Cost(taken, used.ru_maxrss / 1024)
