"""Arrays as kernels take them: aligned, read-only, and the few vector operations everything else is written in."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from awe_cli.core.dispatch import inlined

# Arrays that begin where a line of the processor's caches does, and that share none with another array.
#
# A row of 64 numbers is then fetched as four lines and not as five, and what two threads write each for
# itself never travels between them.

_LINE = 64  # bytes


def zeros(shape: int | tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """As `numpy.zeros`: the system gives memory to what is written to, not before."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    scratch = np.zeros(size + 2 * _LINE, np.uint8)
    start = -scratch.ctypes.data % _LINE
    return scratch[start : start + size].view(dtype).reshape(shape)


def copy(array: NDArray[Any]) -> NDArray[Any]:
    """The same numbers in an array of their own."""
    out = zeros(array.shape, array.dtype)
    out[...] = array
    return out


# One type for the arrays that kernels only read, wherever they come from.
#
# numba compiles anew for each kind of array: read-only ones (Parquet, files mapped into memory), writable
# ones, strided ones. The same training would be compiled several times over, at seconds each.

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


# The few vector operations everything else is written in. float32 throughout.


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
