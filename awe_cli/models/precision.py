"""U and V stored in 16 bits a number, and read back as the float32 that all arithmetic is in.

float16    5 bits of exponent and 10 of mantissa: 3 decimal digits, magnitudes from 6·10⁻⁸ to 65,504
bfloat16   8 bits of exponent and 7 of mantissa: 2 decimal digits, magnitudes of float32. NumPy has no such type: it is
           stored as uint16, the upper half of the float32

Both round to the nearest number that they have, and of two that are as near to the even one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe_cli.config.train import BFLOAT16, FLOAT16, FLOAT32
from awe_cli.errors import SettingsError

LARGEST = float(np.finfo(np.float16).max)
NARROWED = (
    "U",
    "V",
    "learned.U_hat",
    "learned.V_hat",
)  # the arrays that grow with features and labels, times d
_HALF = 16  # bits


def narrow(array: NDArray[np.float32], dtype: str) -> NDArray[Any]:
    """The numbers in the type they are stored in: float32, float16, or uint16 for bfloat16."""
    if dtype == FLOAT32:
        return array
    if dtype == FLOAT16:
        return array.astype(np.float16)
    bits = np.ascontiguousarray(array).view(np.uint32)
    odd = (bits >> _HALF) & 1
    return ((bits + np.uint32(0x7FFF) + odd) >> _HALF).astype(np.uint16)


def widen(array: NDArray[Any]) -> NDArray[Any]:
    """What `narrow` made, as float32; an array of another type as it is."""
    if array.dtype == np.float16:
        return array.astype(np.float32)
    if array.dtype == np.uint16:
        return (array.astype(np.uint32) << _HALF).view(np.float32)
    return array


def widen_all(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The arrays of a stored model, those that may be narrow as float32."""
    return {name: widen(array) if name in NARROWED else array for name, array in arrays.items()}


def recorded(dtype: str) -> dict[str, str]:
    """The type as a recipe has it: nothing for float32, as in recipes from before there were others."""
    return {} if dtype == FLOAT32 else {"dtype": dtype}


def stored_type(settings: Mapping[str, Any]) -> str:
    """The type that U and V are stored in, by the settings of a model or of its recipe."""
    return str(settings.get("dtype", FLOAT32))


def require_range(dtype: str, cap: float) -> None:
    """Raise SettingsError where rows of U and V may have a norm, `cap`, that the type cannot hold."""
    if dtype == FLOAT16 and cap > LARGEST:
        raise SettingsError(
            f"--dtype float16: expected a --norm-cap of at most {LARGEST:,.0f}, the largest number it holds, found "
            f"{cap:g}",
            hint=f"take --dtype {BFLOAT16}, or a smaller --norm-cap",
        )
