"""What a command costs: time of the processor and peak memory, of the process and all that it waited for."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
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
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "used.json"
        measured = [sys.executable, "-m", "benchmarks.peers.measure", file, math.ceil(60 * minutes), *command]
        done = subprocess.run(
            list(map(str, measured)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**os.environ, **(environment or {})},
            check=True,
        )
        code, seconds, kilobytes, _ = json.loads(file.read_text())
    if code in (-signal.SIGXCPU, -signal.SIGKILL) and seconds > 54 * minutes:
        raise NotThereError(f"stopped after {minutes:g} minutes of the processor")
    if code:
        raise NotThereError(last_line(done.stdout))
    return Cost(seconds / 60, kilobytes / 1024)
