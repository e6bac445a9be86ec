"""Where and when something was measured."""

from __future__ import annotations

import datetime
import os
import subprocess

from benchmarks.machine import machine


def origin() -> str:
    """Machine, threads, date and commit."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    threads = os.environ.get("AWE_THREADS")
    on = f", {threads} thread{'s' if threads != '1' else ''}" if threads else ""
    return f"{machine()}{on}; {datetime.date.today():%-d %B %Y}; commit {commit}"
