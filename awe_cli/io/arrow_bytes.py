"""Arrow tables as arrays of bytes, for what keeps arrays alone."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def encoded(rows: pa.Table) -> NDArray[np.uint8]:
    """A table as the bytes of an Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_table(rows)
    return np.frombuffer(sink.getvalue(), np.uint8)


def decoded(rows: NDArray[np.uint8]) -> pa.Table:
    """The table in the bytes of an Arrow stream."""
    return pa.ipc.open_stream(pa.py_buffer(rows)).read_all()
