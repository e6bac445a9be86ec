"""Memory that is freed goes back to the system at once, so that a command holds what it works with and little more.

A training matrix is read, scaled and sampled in steps that each free as much as they keep. Arrow's own pool and the C
library hold on to such memory for later, which came to a third of what `awe train` took (benchmarks/footprint.py).
"""

from __future__ import annotations

import contextlib
import ctypes
import os

_M_MMAP_THRESHOLD = (
    -3
)  # of malloc.h: from this size on, an allocation is the system's and is given back when freed
_LARGE = 1 << 20  # bytes


def give_memory_back() -> None:
    """Settle this for the process; to be called before Arrow is imported. A pool named by the user stays."""
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    with contextlib.suppress(AttributeError, OSError):  # not every C library has it
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE)
