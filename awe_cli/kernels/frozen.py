"""One type for the arrays that kernels only read, wherever they come from.

numba compiles anew for each kind of array: read-only ones (Parquet, files mapped into memory), writable ones,
strided ones. The same training would be compiled several times over, at seconds each.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

Value = TypeVar("Value")


def frozen(value: Value) -> Value:
    """An array as a read-only, contiguous one, copied only if it is strided; a tuple of arrays likewise."""
    return _frozen(value)


def _frozen(value: Any) -> Any:
    if isinstance(value, tuple):
        return type(value)(*map(_frozen, value))
    if isinstance(value, np.ndarray):
        view = np.ascontiguousarray(value).view()
        view.flags.writeable = False
        return view
    return value
