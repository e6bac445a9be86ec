"""Where, when and of which files something was measured."""

from __future__ import annotations

import datetime
import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.reproduce.shape import Data


def origin() -> str:
    """Machine, threads, date and commit."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    threads = os.environ.get("AWE_THREADS")
    on = f", {threads} thread{'s' if threads != '1' else ''}" if threads else ""
    return f"{machine()}{on}; {datetime.date.today():%-d %B %Y}; commit {commit}"


def digests(data: Data, folder: Path) -> Iterator[tuple[str, str]]:
    """The first 16 digits of the digest of each file, of the research data and of the sample."""
    for name in data.files:
        yield name, _digest(folder / name)
    yield from sample_digests(data)


def sample_digests(data: Data) -> Iterator[tuple[str, str]]:
    """Those of the repository's own files."""
    for name in data.sample:
        yield name, _digest(Path(name))


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]
