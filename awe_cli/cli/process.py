"""The process that a command runs in: the signals that end it, the memory it gives back, and its garbage."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from awe_cli.cleanup import remove_half_made
from awe_cli.cli import console
from awe_cli.cli.log import ERROR

# Signals that end a command: Ctrl-C, SIGTERM, SIGHUP.
#
# Python's handler of a signal raises in the main thread, so that everything is cleaned up by the blocks it
# was begun in. But the main thread hears of nothing while it is in compiled code, or waits for a thread that
# is: LLVM takes up to 20 seconds for a kernel, a decomposition minutes. So a thread watches (Python's C
# handler writes the signal's number into a pipe, wherever the main thread is; LLVM runs without the
# interpreter lock). Where the command has not ended within `ANSWER_WITHIN` of the signal, that thread says
# so, removes what is half made and ends the process. Nothing is published after that: names are replaced by
# the main thread alone, and that ends with the process.

ANSWER_WITHIN = 0.6  # seconds, beyond which the process ends without the main thread
_OVER = b"\0"  # in the pipe: the command has ended
_END_OF_BAR = b"\r\x1b[2K\x1b[?25h"  # erase the line of a bar, and show the cursor that bars hide

# What a message calls it; the exit code is 128 and the number of the signal.
_HOW = {
    signal.SIGINT: "interrupted",  # Ctrl-C
    signal.SIGTERM: "terminated",  # `kill`, `timeout`, a shutdown
    signal.SIGHUP: "hung up",  # the terminal or the connection is gone
}
CODES = {128 + number for number in _HOW}
_DEFAULTS = (signal.SIG_DFL, signal.default_int_handler)


class Stopped(KeyboardInterrupt):
    """One of these signals came.

    how   what happened, in words
    code  the exit code
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.how = _HOW[signal.Signals(number)]
        self.code = 128 + number


_owned = False  # whether the process runs one command and ends


def stop_message(how: str) -> str:
    """The message for the user, without a line break."""
    return f"{how}; what was there before is untouched"


def own_process() -> None:
    """Let signals end this process with a message and a code, from now on until it ends.

    For the entry points alone: while modules are imported nothing has to be cleaned up, and once a command is done
    a late signal changes nothing.
    """
    global _owned  # noqa: PLW0603 - one process has one set of signal handlers
    _owned = True
    for number in _HOW:
        if signal.getsignal(number) in _DEFAULTS:
            signal.signal(number, _stop_at_once)


def _stop_at_once(number: int, frame: object) -> None:
    with contextlib.suppress(OSError):
        os.write(2, f"{stop_message(_HOW[signal.Signals(number)])}\n".encode())
    os._exit(128 + number)


@contextlib.contextmanager
def stoppable(leave: Callable[[int], Any]) -> Iterator[None]:
    """Raise Stopped at the first of the signals in the block, but for those that whoever called us deals with.

    leave  ends the process with a code, at once; called where the block is not left in time, and at a second Ctrl-C

    `nohup` for one ignores SIGHUP. What fails while it is cleaned up, such as writing to a terminal that is gone,
    is Stopped as well.
    """
    is_main = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in _HOW if is_main}
    ours = {number: handler for number, handler in before.items() if handler in (*_DEFAULTS, _stop_at_once)}
    if not ours:
        yield
        return
    came: list[Stopped] = []

    def stop(number: int, frame: object) -> None:
        if not came:  # a second one would interrupt the cleaning up
            came.append(Stopped(number))
            raise came[0]

    with _watched(frozenset(ours), leave):
        for number in ours:
            signal.signal(number, stop)
        try:
            yield
        except Exception:
            if came:
                raise came[0] from None
            raise
        finally:
            for number, handler in ours.items():
                signal.signal(number, signal.SIG_IGN if _owned else handler)  # too late to change anything


@contextlib.contextmanager
def _watched(ours: frozenset[signal.Signals], leave: Callable[[int], Any]) -> Iterator[None]:
    """Have a thread watch for these signals as long as the block lasts."""
    heard, given = os.pipe()
    os.set_blocking(given, False)
    before = signal.set_wakeup_fd(given, warn_on_full_buffer=False)
    watcher = threading.Thread(target=_watch, args=(heard, ours, leave), name="awe-signals", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.write(given, _OVER)
        watcher.join()
        os.close(given)
        os.close(heard)


def _watch(heard: int, ours: frozenset[signal.Signals], leave: Callable[[int], Any]) -> None:
    """Wait for a signal, and then for the end of the command; where that does not come, end the process."""
    first = 0
    while (byte := os.read(heard, 1)) != _OVER:
        if byte[0] in ours:
            first = byte[0]
            break
    if not first:
        return
    while select.select([heard], [], [], ANSWER_WITHIN)[0]:
        byte = os.read(heard, 1)
        if byte == _OVER:
            return
        if byte[0] == signal.SIGINT:  # again: whoever presses the keys will not wait
            break
    with contextlib.suppress(OSError):  # the terminal may be gone
        cursor = _END_OF_BAR if os.isatty(sys.__stderr__.fileno()) else b""  # type: ignore[union-attr]
        line = console.as_logged(ERROR, stop_message(_HOW[signal.Signals(first)]))
        os.write(2, cursor + line.encode() + b"\n")
    remove_half_made()
    leave(128 + first)


# Memory that is freed goes back to the system at once, so that a command holds what it works with and little
# more.
#
# A training matrix is read, scaled and sampled in steps that each free as much as they keep. Arrow's own pool
# and the C library hold on to such memory for later, which came to a third of what `awe train` took
# (benchmarks/bench/commands.py).

_M_MMAP_THRESHOLD = (
    -3
)  # of malloc.h: from this size on, an allocation is the system's and is given back when freed
_LARGE = 1 << 20  # bytes


def give_memory_back() -> None:
    """Settle this for the process; to be called before Arrow is imported. A pool named by the user stays."""
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    with contextlib.suppress(AttributeError, OSError):  # not every C library has it
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE)


# Modules that are imported make many objects and hardly any garbage. To look for it as often as Python does takes a
# tenth of the time of a command that finds everything up to date.

_OBJECTS = 50_000  # new ones, after which garbage is looked for


def look_for_garbage_seldom() -> None:
    """Settle this for the process; to be called before what is slow to import."""
    gc.set_threshold(_OBJECTS, *gc.get_threshold()[1:])
