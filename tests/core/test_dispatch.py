"""How functions are compiled: what is allowed, and what must never be."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
from numba.core.errors import NumbaError

from awe_cli.core.dispatch import kernel

ROOT = Path(__file__).parent.parent.parent
FILES = [path for folder in ("awe_cli", "tests") for path in sorted((ROOT / folder).rglob("*.py"))]
COMPILERS = {"njit", "jit", "vectorize", "guvectorize"}


def uses_its_own_settings(path):
    """Whether a file that knows the kernels' functions also compiles some in another way."""
    imports = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
    knows = any((node.module or "").startswith(("awe_cli.core", "awe_cli.affinities")) for node in imports)
    compiles = any(
        node.module == "numba" and COMPILERS & {alias.name for alias in node.names} for node in imports
    )
    return knows and compiles


def test_what_counts_no_references_is_called_by_what_counts_none():
    """A counting caller would give back references nobody took, and free arrays that are in use."""
    assert not [path for path in FILES if uses_its_own_settings(path)]


@kernel
def allocate(n):
    return np.zeros(n).sum()


@kernel
def copy(a, b):
    a[:] = b[::-1]


@pytest.mark.parametrize("call", [lambda: allocate(3), lambda: copy(np.zeros(3), np.zeros(3))])
def test_a_kernel_that_would_allocate_is_refused(call):
    with pytest.raises(NumbaError):
        call()
