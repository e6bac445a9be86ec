"""Files and folders that are half made, so that a process that has to end at once can remove them."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

_half_made: set[Path] = set()


@contextlib.contextmanager
def half_made(path: Path) -> Iterator[Path]:
    """Inside the block `path` is half made. The block itself removes it or completes it."""
    _half_made.add(path)
    try:
        yield path
    finally:
        _half_made.discard(path)


def remove_half_made() -> None:
    """Remove what is half made now, as far as that is possible. Any thread may call it."""
    for path in list(_half_made):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
