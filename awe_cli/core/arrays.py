"""Arrays as kernels take them, aligned and read-only, and the vector operations that kernels are written in."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from awe_cli.core.dispatch import inlined

Floats = NDArray[np.float32]

# Arrays that begin at a cache line, and share no cache line with another array.
#
# A row of 64 numbers is then fetched as four lines and not five, and threads that write to different arrays never
# contend for a line.

_LINE = 64  # bytes


def zeros(shape: int | tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """As `numpy.zeros`: the system allocates a page when it is first written to."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    scratch = np.zeros(size + 2 * _LINE, np.uint8)
    start = -scratch.ctypes.data % _LINE
    return scratch[start : start + size].view(dtype).reshape(shape)


def copy(array: NDArray[Any]) -> NDArray[Any]:
    """A copy that begins at a cache line."""
    out = zeros(array.shape, array.dtype)
    out[...] = array
    return out


# One type for the arrays that kernels only read, wherever they come from.
#
# numba compiles a kernel anew for each kind of array: read-only (Parquet, memory-mapped files), writable, strided.
# The same training would be compiled several times over, at seconds each.

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


# The vector operations that kernels are written in, in float32.


@inlined
def dot(a, b):
    """Σ_j a_j b_j of two vectors (d,)."""
    total = np.float32(0)
    for j in range(a.shape[0]):
        total += a[j] * b[j]
    return total


@inlined
def dot_row(a, matrix, row):
    """Σ_j a_j M[row, j]; the row is named, not sliced, so that no reference is counted in a hot loop."""
    total = np.float32(0)
    for j in range(a.shape[0]):
        total += a[j] * matrix[row, j]
    return total


@inlined
def add(target, scale, a):
    """target += scale · a."""
    for j in range(target.shape[0]):
        target[j] += scale * a[j]


@inlined
def add_row(target, scale, matrix, row):
    """target += scale · M[row]."""
    for j in range(target.shape[0]):
        target[j] += scale * matrix[row, j]
