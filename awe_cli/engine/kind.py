"""What decides the bytes of a block beside the block itself: processes that share the work must agree on it."""

from __future__ import annotations

import functools
import hashlib
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from awe_cli import __version__
from awe_cli.errors import SettingsError

Kind = Mapping[str, str]  # what it is of → what was found

ALIKE = "G has the same bytes whoever works it out: install the same versions on all machines of the cluster"
_LIBRARIES = ("numpy", "scipy", "numba", "faiss-cpu")


@functools.cache
def kind() -> Kind:
    """Versions, the sources of awe, and the type of the processor, of this process.

    Not its model: processors of one type differ in what they can do, and so, seldom, in a last digit.
    """
    package, digest = Path(__file__).parent.parent, hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return {
        "awe": __version__,
        "Python": ".".join(platform.python_version_tuple()[:2]),
        **{name: _version(name) for name in _LIBRARIES},
        "sources of awe": digest.hexdigest()[:12],
        "processor": platform.machine(),
    }


def expect_kind(found: Kind, expected: Kind, where: str) -> None:
    """Raise SettingsError where the kinds differ, with what differs first."""
    for name, value in expected.items():
        if found.get(name) != value:
            raise SettingsError(
                f"--scheduler: {where}: expected {name} {value}, as here, found {found.get(name)}",
                hint=ALIKE,
            )


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "of no known version"
