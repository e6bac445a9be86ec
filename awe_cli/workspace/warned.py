"""Which warnings a command gave in its last unattended run, so that cron does not send the same mail every night.

warned.jsonl holds one line a command: the digests of the warnings, never their words. The MOST_COMMANDS that ran last
are remembered, and MOST_WARNINGS of each.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

from awe_cli.workspace.fs import read_small
from awe_cli.workspace.runs import rewrite

WARNED = "warned.jsonl"
MOST_COMMANDS = 100
MOST_WARNINGS = 100
_LARGEST = 1 << 22  # bytes


def digest_of_text(text: str) -> str:
    """Sixteen hexadecimal digits that stand for a text."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def warned_before(root: Path, command: str) -> frozenset[str]:
    """The digests of the warnings that `command` gave in its last run; none where nothing readable is known."""
    return frozenset(_read(root).get(digest_of_text(command), ()))


def remember_warned(root: Path, command: str, warnings: Sequence[str]) -> None:
    """Keep these digests for the next run of `command`. Raises OSError, WriteError."""
    key = digest_of_text(command)
    if not os.path.isdir(root) or (not warnings and key not in _read(root)):
        return

    def content() -> bytes:
        known = _read(root)
        known.pop(key, None)
        known[key] = list(warnings[:MOST_WARNINGS])
        last = list(known.items())[-MOST_COMMANDS:]
        lines = [json.dumps({"command": name, "warnings": digests}) + "\n" for name, digests in last]
        return "".join(lines).encode()

    rewrite(root / WARNED, content)


def _read(root: Path) -> dict[str, list[str]]:
    """Command → digests, those that ran last at the end."""
    found: dict[str, list[str]] = {}
    try:
        for line in read_small(root / WARNED, _LARGEST).splitlines():
            data = json.loads(line)
            found[str(data["command"])] = [str(digest) for digest in data["warnings"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
    return found
