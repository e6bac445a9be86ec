"""What tests of several folders need; and that two of pytest's workers never compile one kernel side by side."""

from __future__ import annotations

import fcntl
import hashlib
import signal
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numba
import pytest
from numba.core.dispatcher import Dispatcher

from awe_cli.core import epoch, score
from awe_cli.core.dispatch import interpreted

_compile, _compiling = Dispatcher.compile, threading.local()


def _compile_or_wait(kernel: Any, signature: Any) -> Any:
    """Compile a kernel, or wait until another process has, and load that.

    Kernels that it calls are compiled without waiting: a thread that holds numba's lock must not wait for another.
    """
    if type(kernel._cache).__name__ == "NullCache" or getattr(_compiling, "now", False):
        return _compile(kernel, signature)
    folder = Path(numba.config.CACHE_DIR) / "locks"  # type: ignore[attr-defined]
    folder.mkdir(exist_ok=True)
    name = hashlib.sha256(f"{kernel.py_func.__module__} {kernel.py_func.__name__} {signature}".encode())
    with (folder / name.hexdigest()[:16]).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _compiling.now = True
        try:
            return _compile(kernel, signature)
        finally:
            _compiling.now = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: at the end a worker would run one of them while the others have nothing to do."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_configure(config: pytest.Config) -> None:
    """Have workers wait for each other."""
    Dispatcher.compile = _compile_or_wait


@pytest.fixture
def signals_are_heard() -> Iterator[None]:
    """In the background of a shell tests ignore Ctrl-C, under nohup SIGHUP, and so would what they start."""
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler),
        signal.SIGHUP: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    }
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def interpreted_kernels(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Training and scoring run by Python: the same bodies, nothing is compiled; for one thread, as none waits."""
    monkeypatch.setenv("AWE_THREADS", "1")
    for module in (epoch, score):
        monkeypatch.setattr(module, "for_types_of", lambda kernel, affinity: interpreted(kernel))
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # random numbers overflow
        yield
