"""A sample of what `make torture` tries: faults, damaged and hostile files, races, nights.

Each part is a process of its own: it forks, which a process with threads must not.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("part", "sample"), [("faults", 3), ("flips", 5), ("races", 5), ("hostile", 8), ("nights", 4)]
)
def test_nothing_is_lost(part: str, sample: int) -> None:
    command = [sys.executable, "-m", "benchmarks.torture", part, "--sample", str(sample), "--jobs", "1"]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[1], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "| 0 |" in done.stderr
    assert done.stderr.endswith("\n0 problems\n")
