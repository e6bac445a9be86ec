"""Saying that kernels are being compiled, which takes seconds and happens once."""

from __future__ import annotations

import threading

from awe_cli.commands import console

_told = threading.Event()


def announce_compiling() -> None:
    """From now on, say so when a kernel is really compiled: the first time in this process only.

    A kernel that is read from the cache on disk is not compiled, and nothing is said. Call it before the step.
    """
    from numba.core import event

    class Announce(event.Listener):
        """Hears of every compilation, before it begins and after it has ended."""

        def on_start(self, event: object) -> None:
            _tell()

        def on_end(self, event: object) -> None:
            """Nothing to say."""

    event.register("numba:compile", Announce())


def _tell() -> None:
    from awe_cli.kernels import cache_folder

    if not _told.is_set():
        _told.set()
        console.say(f"first use of these kernels: compiling them, to be kept in {cache_folder()} …")
