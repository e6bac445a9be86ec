"""What a benchmark ran on."""

from __future__ import annotations

import os
import platform


def machine() -> str:
    """The processor and its cores, as the system tells."""
    with open("/proc/cpuinfo") as info:
        names = [line.split(":")[1].strip() for line in info if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores, Python {platform.python_version()}"
