"""Compiled kernels: dispatch, random numbers, vectors, the training loop, the scorer.

Compiled code is kept in a cache folder named by a digest of every source that can end up inlined in
it. numba itself only watches the file a kernel stands in, and would serve stale mathematics after an
affinity in another file changed. The folder is chosen here, before the first kernel is decorated.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import numba

_PACKAGE = Path(__file__).parent.parent


def _source_digest() -> str:
    """A digest of the sources that kernels inline: kernels, affinities, losses, rankings."""
    digest = hashlib.sha256(numba.__version__.encode())
    for folder in ("kernels", "affinity", "loss", "ranking", "data"):
        for source in sorted((_PACKAGE / folder).glob("*.py")):
            digest.update(source.name.encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()[:16]


def cache_folder() -> Path:
    """Where compiled kernels are kept: NUMBA_CACHE_DIR if set, else the user's cache, else a temporary one."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        return Path(chosen)
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = home / "awe" / _source_digest()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(tempfile.gettempdir()) / f"awe-{os.getuid()}" / _source_digest()
    return folder


numba.config.CACHE_DIR = str(cache_folder())  # type: ignore[attr-defined]
