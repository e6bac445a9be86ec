"""Compiled kernels: dispatch, random numbers, vectors, the training loop, the scorer.

Compiled code is cached in a folder named by a digest of every source that can be inlined in a kernel. numba itself
watches only the file of the kernel, and would run stale code after an affinity in another file changed. So even
NUMBA_CACHE_DIR gets one subfolder for each state of the sources. The folder is chosen here, before the first kernel is
decorated. Files in it are named by the path within the package, so that all installations of equal sources share it.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import CacheImpl, UserProvidedCacheLocator

_PACKAGE = Path(__file__).parent.parent
# The sources of the kernels and of everything they inline.
_SOURCES = (
    "core/*.py",
    "affinities/*.py",
    "losses/*.py",
    "ranking/*.py",
    "baselines/*.py",
    "matrices/matrix.py",
)
_KEPT = 4  # folders of other states of the sources
_DAY = 24 * 3600.0  # seconds


def _source_digest() -> str:
    """A digest of the sources that kernels inline."""
    digest = hashlib.sha256(numba.__version__.encode())
    for pattern in _SOURCES:
        for source in sorted(_PACKAGE.glob(pattern)):
            name = source.relative_to(_PACKAGE).as_posix()
            digest.update(name.encode() + b"\0" + hashlib.sha256(source.read_bytes()).digest())
    return digest.hexdigest()[:16]


class _PackageLocator(UserProvidedCacheLocator):
    """Numba's cache locator for kernels of this package: by their path within it, for any installation.

    numba's own locators name the folder by the absolute path of the source.
    """

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> Any:
        """The locator of a function of this package; None for any other, which numba's own locators then cache."""
        return super().from_function(py_func, py_file) if Path(py_file).is_relative_to(_PACKAGE) else None

    @classmethod
    def get_suitable_cache_subpath(cls, py_file: str) -> str:
        """The folder of the source relative to the package."""
        return str(Path(py_file).parent.relative_to(_PACKAGE)).replace(os.sep, "_")


def cache_folder() -> Path:
    """The folder of the compiled kernels of these sources: the first of these that can be written to.

    A subfolder of NUMBA_CACHE_DIR if that is set, of the user's cache, of a temporary folder of this user; else a new
    temporary folder, which no later process will find.
    """
    digest = _source_digest()
    for parent in _parents():
        folder = parent / digest
        is_new = not folder.exists()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            os.utime(folder)  # used today
        except OSError:
            continue
        if os.access(folder, os.W_OK | os.X_OK):
            if is_new:
                _prune(parent, folder)
            return folder
    return Path(tempfile.mkdtemp(prefix="awe-"))


def _prune(parent: Path, used: Path) -> None:
    """Remove the folders of earlier sources, except the last few and those used within a day."""
    try:
        folders = [f for f in parent.iterdir() if f != used and re.fullmatch(r"[0-9a-f]{16}", f.name)]
        by_use = sorted(((f.stat().st_mtime, f) for f in folders), reverse=True)
    except OSError:  # another process prunes, too
        return
    for last_use, folder in by_use[_KEPT:]:
        if last_use < time.time() - _DAY:
            shutil.rmtree(folder, ignore_errors=True)


def _parents() -> Iterator[Path]:
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        yield Path(chosen)
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if os.path.isabs(home):  # else there is no home
        yield Path(home) / "awe"
    temporary = Path(tempfile.gettempdir()) / f"awe-{os.getuid()}"
    if _is_private(temporary):
        yield temporary


def _is_private(folder: Path) -> bool:
    """Whether only this user can write compiled code there; a new folder is created so."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        about = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(about.st_mode) and about.st_uid == os.getuid() and not about.st_mode & 0o022


CacheImpl._locator_classes = [_PackageLocator, *CacheImpl._locator_classes]
numba.config.CACHE_DIR = str(cache_folder())  # type: ignore[attr-defined]
