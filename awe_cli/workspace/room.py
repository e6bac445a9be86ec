"""Whether the memory and the disk that long work needs are there, asked before it begins."""

from __future__ import annotations

import contextlib
import os
import resource
from dataclasses import dataclass
from pathlib import Path

from awe_cli.errors import SettingsError, WriteError

_CGROUP = Path("/sys/fs/cgroup")
_GO_ON = "or begin all the same with --anyway"


@dataclass(frozen=True)
class Needs:
    """What a step needs at the least, in bytes.

    memory   of the process at its peak
    disk     for what it stores, the old result staying until the new one is complete
    largest  the largest file of it
    """

    memory: int = 0
    disk: int = 0
    largest: int = 0


def require_room(folder: Path, needs: Needs) -> None:
    """Raise WriteError where the disk of `folder` has no room, SettingsError where memory does not suffice.

    What cannot be found out counts as there.
    """
    disk, memory, limit = free_disk(folder), free_memory(), _file_limit()
    if disk is not None and needs.disk > disk:
        raise WriteError(
            f"{folder}: about {in_gb(needs.disk)} of disk are needed, {in_gb(disk)} are free",
            hint=f"make room there (`awe gc` removes what nothing uses any more), {_GO_ON}; nothing was changed",
        )
    if limit is not None and needs.largest > limit:
        raise WriteError(
            f"{folder}: a file of about {in_gb(needs.largest)} is needed, and this process may write "
            f"{in_gb(limit)} to one",
            hint=f"raise the limit (ulimit -f), {_GO_ON}; nothing was changed",
        )
    if memory is not None and needs.memory > memory:
        raise SettingsError(
            f"about {in_gb(needs.memory)} of memory are needed, {in_gb(memory)} are free",
            hint=f"choose a smaller --dim or --k, free some memory, {_GO_ON}; nothing was changed",
        )


def free_disk(folder: Path) -> int | None:
    """Bytes that this user may still write to the disk of a folder, or of the nearest one above that is there."""
    place = Path(os.path.abspath(folder))
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        found = os.statvfs(place)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize


def free_memory() -> int | None:
    """Bytes that this process may hold: what it has and what the machine, its control group and its limit leave."""
    found = [_of_machine(), _of_group(), _of_process()]
    left = min((one for one in found if one is not None), default=None)
    return None if left is None else left + _pages(1)  # the needs of a step include what it has already


def in_gb(size: int) -> str:
    """A size in decimal units, with three digits: "1.25 GB", "310 MB"."""
    return f"{size / 1e9:.3g} GB" if size >= 1e9 else f"{size / 1e6:.3g} MB"


def _of_machine() -> int | None:
    with contextlib.suppress(OSError, ValueError, KeyError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        kb = {line.split(":")[0]: int(line.split()[1]) for line in lines if len(line.split()) > 1}
        return 1024 * (kb["MemAvailable"] + kb.get("SwapFree", 0))
    return None


def _of_group() -> int | None:
    """What the control group (version 2) of a container leaves, files in its cache not counted."""
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
        own = next(line.split(":", 2)[2] for line in lines if line.startswith("0::"))
        folder = _CGROUP / own.strip("/")
        folder = folder if (folder / "memory.max").exists() else _CGROUP
        limit = int((folder / "memory.max").read_text(encoding="ascii"))  # "max" is a ValueError: no limit
        used = int((folder / "memory.current").read_text(encoding="ascii"))
        stat = dict(
            line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines()
        )
        return max(0, limit - max(0, used - int(stat.get("file", 0))))
    return None


def _of_process() -> int | None:
    """What `ulimit -v` leaves of addresses."""
    with contextlib.suppress(OSError, ValueError):
        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit != resource.RLIM_INFINITY:
            return max(0, limit - _pages(0))
    return None


def _pages(column: int) -> int:
    """Bytes of addresses (0) or of memory (1) that this process has."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[column])
        return pages * os.sysconf("SC_PAGE_SIZE")
    return 0


def _file_limit() -> int | None:
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    return None if limit == resource.RLIM_INFINITY else limit
