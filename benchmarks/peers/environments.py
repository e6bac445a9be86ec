"""An environment for each library, made once: a folder with what pip installed, or why it could not."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

from benchmarks.peers.protocol import Peer

_NEEDED = ("numpy", "scipy")  # of the protocol
_DONE, _FAILED = ".installed", ".failed"
_SECONDS = 1800


class NotThereError(Exception):
    """A library cannot be installed or fails; the message says why, in a line."""


def environment(peer: Peer, folder: Path) -> Path:
    """The Python of the environment of a peer below `folder`, which is made where it is not there.

    Only wheels are installed, unless the peer says that it builds. Raises NotThereError, also where that failed before;
    to try again, remove the folder.
    """
    home = folder / peer.name
    python = home / "bin" / "python"
    wanted = "\n".join((*peer.install, *_NEEDED))
    for mark in (_DONE, _FAILED):
        file = home / mark
        if file.exists() and file.read_text().startswith(wanted):
            if mark == _FAILED:
                raise NotThereError(file.read_text().removeprefix(wanted).strip())
            return python
    print(f"installing {', '.join(peer.install)} in {home}", file=sys.stderr, flush=True)
    venv.create(home, clear=True, with_pip=True)
    binary = ",".join(_NEEDED) if peer.builds else ":all:"
    command = [python, "-m", "pip", "install", "--quiet", "--only-binary", binary, *wanted.split("\n")]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        why = last_line(done.stderr) if done.returncode else ""
    except subprocess.TimeoutExpired:
        why = f"not installed within {_SECONDS // 60} minutes"
    (home / (_FAILED if why else _DONE)).write_text(f"{wanted}\n{why}")
    if why:
        raise NotThereError(why)
    return python


def version(python: Path, peer: Peer) -> str:
    """What is installed of the library, as "implicit 0.7.2"."""
    name = peer.install[0].split(">")[0].split("=")[0].split("<")[0]
    code = f"from importlib.metadata import version; print(version({name!r}))"
    done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True)
    return f"{name} {done.stdout.strip()}"


def last_line(text: str) -> str:
    """The last line that says something: of pip its error, of Python the exception."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next(
        (line for line in reversed(lines) if not line.startswith(("WARNING", "[notice]"))), "no message"
    )
