"""Lists after each epoch, and how long learning had taken by then: a curve in the making. Imported without awe, too."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


class OverError(Exception):
    """A curve has all its points."""


class Curve:
    """Points at epochs that lie ever further apart, in a folder; the clock stands still while lists are made."""

    _APART = 1.15  # of the seconds at one point, so much at the next

    def __init__(self, folder: Path, most: float) -> None:
        self._folder, self._most = folder, most
        self._seconds: list[float] = []
        self._since = self._before = self._next = 0.0

    def start(self, now: float) -> None:
        """Learning begins; `now` of the processor's clock."""
        self._since = now

    def add(self, lists: Callable[[], np.ndarray]) -> None:
        """An epoch is over. Raises OverError where it was to be the last."""
        self._before += time.process_time() - self._since
        if self._before >= self._next:
            np.save(self._folder / f"point-{len(self._seconds)}", lists())
            self._seconds.append(self._before)
            self._next = self._before * self._APART
        if self._before > self._most:
            raise OverError
        self._since = time.process_time()

    @property
    def told(self) -> dict[str, Any]:
        """The seconds at each point."""
        return {"points": self._seconds}
