"""Commands of awe, run by a benchmark: none that writes bytes to standard output, which is a text here.

Scripts import it as `commands`, which lies beside them, and `python -m benchmarks.…` as `benchmarks.commands`.
"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

from awe_cli.app import main


def awe(workspace: Path, *arguments: str) -> str:
    """What a command prints, run in this process, which has the kernels at hand. Raises SystemExit where it fails."""
    out, told = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(told):
        code = main(["-w", str(workspace), *arguments])
    if code:
        raise SystemExit(f"awe {' '.join(arguments)}\n{told.getvalue()}")
    return out.getvalue()
