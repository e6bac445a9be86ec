"""The process that a command runs in: the signals that end it, and the memory it gives back."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import threading
from collections.abc import Iterator

# Signals that end a command: whatever is cleaned up after Ctrl-C is cleaned up after these, too.

# What a message calls it; the exit code is 128 and the number of the signal.
_HOW = {
    signal.SIGTERM: "terminated",  # `kill`, `timeout`, a shutdown
    signal.SIGHUP: "hung up",  # the terminal or the connection is gone
}
CODES = {128 + number for number in _HOW}


class Stopped(KeyboardInterrupt):
    """One of these signals came.

    how   what happened, in words
    code  the exit code
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.how = _HOW[signal.Signals(number)]
        self.code = 128 + number


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Raise Stopped at the first of the signals in the block, but for those that whoever called us deals with.

    `nohup` for one ignores SIGHUP. What fails while it is cleaned up, such as writing to a terminal that is gone,
    is Stopped as well.
    """
    main = threading.current_thread() is threading.main_thread()
    ours = [number for number in _HOW if main and signal.getsignal(number) is signal.SIG_DFL]
    came: list[Stopped] = []

    def stop(number: int, frame: object) -> None:
        for one in ours:
            signal.signal(one, signal.SIG_IGN)  # a second one would interrupt the cleaning up
        came.append(Stopped(number))
        raise came[0]

    for number in ours:
        signal.signal(number, stop)
    try:
        yield
    except Exception:
        if came:
            raise came[0] from None
        raise
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


# Memory that is freed goes back to the system at once, so that a command holds what it works with and little
# more.
#
# A training matrix is read, scaled and sampled in steps that each free as much as they keep. Arrow's own pool
# and the C library hold on to such memory for later, which came to a third of what `awe train` took
# (benchmarks/footprint.py).

_M_MMAP_THRESHOLD = (
    -3
)  # of malloc.h: from this size on, an allocation is the system's and is given back when freed
_LARGE = 1 << 20  # bytes


def give_memory_back() -> None:
    """Settle this for the process; to be called before Arrow is imported. A pool named by the user stays."""
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    with contextlib.suppress(AttributeError, OSError):  # not every C library has it
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE)
