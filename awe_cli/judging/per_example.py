"""What was measured on every example, as a table: to average over several models, or to look into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from awe_cli.judging.judge import Judged


def per_example_table(judged: Mapping[str, Judged], measures: Sequence[str]) -> pa.Table:
    """One row a model and example: `model`, `id`, and a column for each of `measures`, those taken per example."""
    counts = [len(result.values) for result in judged.values()]
    model = np.repeat(np.arange(len(judged), dtype=np.int32), counts)
    values = np.concatenate([result.values for result in judged.values()])
    columns = {
        "model": pa.DictionaryArray.from_arrays(model, list(judged)),
        "id": pa.chunked_array([result.ids for result in judged.values()]),
        **{name: pa.array(values[:, column]) for column, name in enumerate(measures)},
    }
    return pa.table(columns)
