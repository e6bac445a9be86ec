"""How similar labels are: triples (label, other, similarity) from a file, and the matrix S they make (WSABIE §4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from awe_cli.dataset import storage
from awe_cli.dataset.dataset import Dataset
from awe_cli.dataset.gather import IdColumn, Origin, join
from awe_cli.dataset.vocabulary import look_up
from awe_cli.errors import DataError
from awe_cli.io.columns import Batch, Role, one_array, refuse
from awe_cli.matrices.matrix import Bags

LABEL, OTHER, SIMILARITY = "label", "other", "similarity"
ROLES = {LABEL: Role.ID, OTHER: Role.ID, SIMILARITY: Role.NUMBER}
FILE = "similarity.parquet"


@dataclass(frozen=True)
class Triples:
    """Triples as read (n,), where each came from, and whether that is a file without types."""

    label: pa.ChunkedArray
    other: pa.ChunkedArray
    similarity: NDArray[np.float64]
    origin: Origin
    untyped: bool


def read_triples(file: str, batches: Iterable[Batch]) -> Triples:
    """All triples of a file. Raises DataError where there is none, or for a similarity outside 0 … 1."""
    label, other, origin, untyped = IdColumn(LABEL), IdColumn(OTHER), Origin(), False
    numbers: list[NDArray[np.float64]] = []
    for batch in batches:
        origin.add(batch)
        label.add(batch, batch.column(LABEL))
        other.add(batch, batch.column(OTHER))
        values = batch.column(SIMILARITY).to_numpy(zero_copy_only=False).astype(np.float64)
        bad = ~((values >= 0) & (values <= 1))
        refuse(batch, SIMILARITY, bad, "a number from 0 to 1", values, "scale similarities to 0 … 1")
        numbers.append(values)
        untyped = untyped or batch.untyped
    if not label.rows:
        raise DataError(
            f"{file}: expected rows of label, other and similarity, found none", hint="give each pair one row"
        )
    return Triples(label.values(), other.values(), join(numbers, np.float64), origin, untyped)


def store_similarity(path: Path, triples: Triples, labels: pa.Array) -> dict[str, int]:
    """Write S both ways round, without its diagonal, which is 1; how many pairs there are.

    pairs    rows of the file; unknown  rows with a name that is no label, left out
    labels   labels that are similar to another

    Raises DataError where two rows give the same pair different similarities, or one gives a label another one
    with itself than 1.
    """
    a, b = (
        look_up(one_array(column), labels, f"similarity column {name!r}", untyped=triples.untyped)
        for column, name in ((triples.label, LABEL), (triples.other, OTHER))
    )
    kept = np.flatnonzero((a >= 0) & (b >= 0))
    low, high = np.minimum(a, b)[kept].astype(np.int64), np.maximum(a, b)[kept].astype(np.int64)
    keys, first, pair = np.unique(low * len(labels) + high, return_index=True, return_inverse=True)
    values = triples.similarity[kept][first]
    _refuse_two_of_a_pair(triples, kept, kept[first][pair])
    low, high = keys // len(labels), keys % len(labels)
    _refuse_unlike_itself(triples, kept[first][low == high])
    real = (low != high) & (values > 0)
    rows, columns = np.concatenate([low[real], high[real]]), np.concatenate([high[real], low[real]])
    order = np.lexsort((columns, rows))
    both = np.concatenate([values[real]] * 2)[order]
    storage.write_table(path, pa.table({LABEL: rows[order], OTHER: columns[order], SIMILARITY: both}))
    return {
        "pairs": len(a),
        "unknown": len(a) - len(kept),
        "labels": len(np.unique(rows)),
    }


def _refuse_two_of_a_pair(triples: Triples, rows: NDArray[np.int64], before: NDArray[np.int64]) -> None:
    """before: for each of `rows`, the first row of the same pair of labels."""
    differ = np.flatnonzero(triples.similarity[rows] != triples.similarity[before])
    if len(differ):
        row, first = int(rows[differ[0]]), int(before[differ[0]])
        names = " and ".join(repr(column[first].as_py()) for column in (triples.label, triples.other))
        expected = f"{triples.similarity[first]:g}, as row {triples.origin.of(first)[1]:,} has it for {names}"
        _refuse(triples, row, expected, "a similarity holds both ways round: take one of the rows out")


def _refuse_unlike_itself(triples: Triples, rows: NDArray[np.int64]) -> None:
    """rows: those that say how similar a label is to itself."""
    differ = rows[triples.similarity[rows] != 1]
    if len(differ):
        row = int(differ.min())
        expected = f"1, as nothing is more similar to {triples.label[row].as_py()!r} than itself"
        _refuse(triples, row, expected, "take the row out, or write 1")


def _refuse(triples: Triples, row: int, expected: str, hint: str) -> NoReturn:
    file, number = triples.origin.of(row)
    raise DataError(
        f"{file}: column {SIMILARITY!r}, row {number:,}: expected {expected}, found {triples.similarity[row]:g}",
        hint=hint,
    )


def similarity_of(dataset: Dataset) -> Bags | None:
    """S (labels, labels) without its diagonal; None where `prepare` was given no similarity file."""
    if not dataset.settings.get("similarity"):
        return None
    table = storage.read_table(dataset.path / FILE)
    rows = one_array(table.column(LABEL)).to_numpy()
    return Bags(
        np.searchsorted(rows, np.arange(dataset.n_labels + 1)).astype(np.int64),
        one_array(table.column(OTHER)).to_numpy().astype(np.int32),
        one_array(table.column(SIMILARITY)).to_numpy().astype(np.float32),
    )
