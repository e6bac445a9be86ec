"""Input features as they were read, before any vocabulary or scaling."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from awe_cli.data.matrix import Lists, take_lists


class RawBags(NamedTuple):
    """Sparse rows: entry t is the feature vocabulary[codes[t]] with values[t]. Duplicates are allowed."""

    vocabulary: pa.Array  # distinct names, strings or integers
    indptr: NDArray[np.int64]  # (n + 1,)
    codes: NDArray[np.int32]  # (entries,)
    values: NDArray[np.float32]  # (entries,)


class RawDense(NamedTuple):
    """Dense rows with the name of each column."""

    names: pa.Array  # (p,) strings
    values: NDArray[np.float32]  # (n, p)


Raw = RawBags | RawDense


def take_raw(raw: Raw, order: NDArray[np.integer]) -> Raw:
    """The rows named by `order` (n',), in that order."""
    if isinstance(raw, RawDense):
        return raw._replace(values=raw.values[order])
    positions = np.arange(len(raw.codes), dtype=np.int64)
    moved = take_lists(Lists(raw.indptr, positions), order)  # type: ignore[arg-type]
    return raw._replace(indptr=moved.indptr, codes=raw.codes[moved.indices], values=raw.values[moved.indices])
