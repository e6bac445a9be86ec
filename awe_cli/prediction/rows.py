"""Predicted labels as rows: one for each example and rank."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from awe_cli.report.tables import Table

LABEL, RANK, SCORE, PROBABILITY, FALLBACK = "label", "rank", "score", "probability", "fallback"

_SHOWN = 20  # labels of a list that the table shows


def id_column(name: str | None) -> str:
    """What the column of ids is called: as in the input, or "id" where that name is taken or unknown."""
    return "id" if name in (None, "", LABEL, RANK, SCORE, PROBABILITY, FALLBACK) else str(name)


def prediction_schema(
    id_name: str, ids: pa.DataType, labels: pa.DataType, *, probability: bool = False, fallback: bool = False
) -> pa.Schema:
    """The columns: the id and the label in the types the user gave them, rank from 1, score.

    probability  whether the probability of each label follows
    fallback     whether a last column says which rows are in the order of popularity
    """
    columns = [(id_name, ids), (LABEL, labels), (RANK, pa.int32()), (SCORE, pa.float32())]
    columns += [(PROBABILITY, pa.float32())] if probability else []
    return pa.schema([*columns, (FALLBACK, pa.bool_())] if fallback else columns)


def prediction_rows(
    schema: pa.Schema,
    ids: pa.Array,
    labels: pa.Array,
    top: NDArray[np.int32],
    scores: NDArray[np.float32],
    probabilities: NDArray[np.float32] | None = None,
    fallback: NDArray[np.bool_] | None = None,
) -> pa.Table:
    """The top lists of m examples as rows, in the order of the examples, best label first.

    ids     (m,)
    labels  (labels,) by index
    top     (m, k) label indices, best first, filled up with -1, which makes no row
    scores  (m, k)
    probabilities  (m, k), NaN where none is known, and null in the rows
    fallback  (m,) whose labels are in the order of popularity, where the schema has a column of that
    """
    there = top >= 0
    example, position = np.nonzero(there)
    columns = [
        ids.take(pa.array(example)),
        labels.take(pa.array(top[there])),
        pa.array(position.astype(np.int32) + 1),
        pa.array(scores[there]),
    ]
    if probabilities is not None:
        columns.append(pa.array(probabilities[there], from_pandas=True))
    if fallback is not None:
        columns.append(pa.array(fallback[example]))
    return pa.Table.from_arrays(
        [column.cast(field.type) for column, field in zip(columns, schema, strict=True)], schema=schema
    )


def first_lists(rows: pa.Table, n: int) -> list[dict[str, Any]]:
    """The id and the labels of the first `n` examples of `rows`, which begin with the first rank of one."""
    starts = np.flatnonzero(rows.column(RANK).to_numpy() == 1)[: n + 1]
    ends = np.append(starts[1:], rows.num_rows)[:n]
    ids, labels = rows.column(0), rows.column(LABEL)
    return [
        {"id": ids[int(start)].as_py(), "labels": labels.slice(int(start), int(end - start)).to_pylist()}
        for start, end in zip(starts, ends, strict=False)
    ]


def sample_table(id_name: str, sample: list[dict[str, Any]]) -> Table:
    """The lists of a few examples, for a person to look at: their first labels, and how many more there are."""
    rows = []
    for entry in sample:
        labels = [str(label) for label in entry["labels"][:_SHOWN]]
        if len(labels) < len(entry["labels"]):
            labels.append(f"… {len(entry['labels']) - len(labels):,} more")
        rows.append((str(entry["id"]), ", ".join(labels)))
    return Table("", (id_name, "labels, best first"), tuple(rows))
