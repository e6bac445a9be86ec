"""The files of a dataset: labels, features and examples as Parquet, a row group at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from awe_cli.dataset.features import FeatureOptions, FeatureSpace
from awe_cli.dataset.splits import SPLITS
from awe_cli.errors import AweError, CorruptArtifactError, refused_reading
from awe_cli.io.columns import list_parts, one_array
from awe_cli.matrices.bags import no_lists
from awe_cli.matrices.matrix import Bags, Dense, Lists, Rows, slice_lists, slice_rows
from awe_cli.workspace.artifact import UNDECODABLE, unreadable
from awe_cli.workspace.fs import writing

LABELS, FEATURES, EXAMPLES = "labels.parquet", "features.parquet", "examples.parquet"
USER_INDICES, USER_VALUES = "user_indices", "user_values"  # columns of people who have features
WEIGHT = "weight"  # the column of examples.parquet where examples are weighed in learning
GRADES = "grades"  # the column of examples.parquet that is there where relevance is graded
_GROUP = 1 << 22  # numbers in a row group of dense rows, about
_ROWS = 16384
PEOPLE_IN_GROUP = _ROWS  # in a row group of people
_ALWAYS_READ = 1 << 28  # bytes that are read whatever the size of the file
_LARGEST_RATIO = 1000  # of bytes read to bytes stored


@dataclass(frozen=True)
class PeopleBlock:
    """People `start` … `stop` - 1 of a dataset.

    lists    split → items of each of them, ascending; weights: split → their weights, or None
    """

    start: int
    stop: int
    lists: dict[str, Lists]
    weights: dict[str, NDArray[np.float32]] | None


def write_table(path: Path, table: pa.Table) -> None:
    """One small table as Parquet. Raises WriteError."""
    with writing(path):
        pq.write_table(table, path, compression="zstd")


def read_table(path: Path, columns: list[str] | None = None) -> pa.Table:
    """A stored table. Raises CorruptArtifactError."""
    try:
        with pq.ParquetFile(path) as file:  # pq.read_table would load all that datasets of many files need
            _refuse_bomb(file, path)
            table = file.read(columns=columns)
        table.validate(full=True)
        return table
    except (OSError, pa.ArrowException, *UNDECODABLE) as error:
        raise _unusable_file(path, error) from error


def read_batches(
    path: Path, columns: list[str], rows: int, within: tuple[int, int] | None = None
) -> Iterator[pa.Table]:
    """A stored table, `rows` rows at a time. Raises CorruptArtifactError.

    within  the first row to read and the one to stop before; only the row groups that have them are read
    """
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:  # else all that was read is kept
            _refuse_bomb(file, path)
            groups, skip = None, 0
            if within is not None:
                groups, skip = _groups_within(file, *within)
            batches = file.iter_batches(batch_size=rows, columns=columns, row_groups=groups)
            wanted = batches if within is None else _rows_of(batches, skip, within[1] - within[0], rows)
            while (batch := _next_batch(wanted, path)) is not None:
                yield batch
    except (OSError, pa.ArrowException, *UNDECODABLE) as error:
        raise _unusable_file(path, error) from error


def read_group(path: Path, columns: list[str], group: int) -> pa.Table:
    """One group of rows of a stored table. Raises CorruptArtifactError."""
    try:
        with pq.ParquetFile(path) as file:
            _refuse_bomb(file, path)
            table = file.read_row_group(group, columns=columns)
        table.validate(full=True)
        return table
    except (OSError, pa.ArrowException, *UNDECODABLE) as error:
        raise _unusable_file(path, error) from error


def count_entries(path: Path) -> tuple[int, int, dict[str, int]]:
    """The number of rows and groups of rows of a stored table, and of the entries in the lists of each column."""
    try:
        data = pq.read_metadata(path)
    except (OSError, pa.ArrowException, *UNDECODABLE) as error:
        raise _unusable_file(path, error) from error
    found: dict[str, int] = {}
    for group in range(data.num_row_groups):
        part = data.row_group(group)
        for column in range(part.num_columns):
            one = part.column(column)
            name = one.path_in_schema.split(".")[0]
            found[name] = found.get(name, 0) + one.num_values
    return data.num_rows, data.num_row_groups, found


def _groups_within(file: pq.ParquetFile, start: int, stop: int) -> tuple[list[int], int]:
    """The row groups that have rows start … stop-1, and how many rows come before these in them."""
    sizes = [file.metadata.row_group(i).num_rows for i in range(file.metadata.num_row_groups)]
    ends = np.cumsum([0, *sizes])
    groups = [i for i in range(len(sizes)) if ends[i] < stop and start < ends[i + 1]]
    return groups, start - int(ends[groups[0]]) if groups else 0


def _rows_of(batches: Iterator[pa.RecordBatch], skip: int, count: int, rows: int) -> Iterator[pa.RecordBatch]:
    """`count` rows after the first `skip`, at most `rows` at a time: as they would be read from row `skip` on."""
    table = pa.Table.from_batches(list(batches)).slice(skip, count).combine_chunks()
    for start in range(0, table.num_rows, rows):
        yield from table.slice(start, rows).to_batches()


def _next_batch(batches: Iterator[pa.RecordBatch], path: Path) -> pa.Table | None:
    """The next rows as a table, checked; None at the end."""
    try:
        batch = next(batches, None)
        if batch is None:
            return None
        batch.validate(full=True)
        return pa.Table.from_batches([batch])
    except (OSError, pa.ArrowException, *UNDECODABLE) as error:
        raise _unusable_file(path, error) from error


def _refuse_bomb(file: pq.ParquetFile, path: Path) -> None:
    """Raise ValueError where a file claims far more than rows of its size hold: memory is taken for the claim."""
    groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
    # Runs of one value take no bytes in the file, but four or more each in memory.
    values = sum(group.column(i).num_values for group in groups for i in range(group.num_columns))
    claimed, size = max(sum(group.total_byte_size for group in groups), 4 * values), path.stat().st_size
    if claimed > max(_ALWAYS_READ, _LARGEST_RATIO * size):
        raise ValueError(f"{size} bytes claim to hold {claimed}")


def write_people(
    path: Path,
    ids: pa.Array,
    blocks: Iterable[PeopleBlock],
    *,
    weighted: bool,
    features: Bags | None = None,
) -> None:
    """One row a person: the items of each split, ascending, beside them any weights, and any features of people.

    blocks  all people in order; each but the last has a multiple of PEOPLE_IN_GROUP of them
    """

    def rows(block: PeopleBlock, start: int, stop: int) -> dict[str, pa.Array]:
        columns: dict[str, pa.Array] = {"id": ids.slice(start, stop - start)}
        first, last = start - block.start, stop - block.start
        for split, lists in block.lists.items():
            part = slice_lists(lists, first, last)
            columns[split] = to_lists(part.indptr, part.indices)
            if block.weights is not None:
                entries = slice(lists.indptr[first], lists.indptr[last])
                columns[f"{split}_weights"] = to_lists(part.indptr, block.weights[split][entries])
        if features is not None:
            of_rows = slice_rows(features, start, stop)
            assert isinstance(of_rows, Bags)
            columns[USER_INDICES] = to_lists(of_rows.indptr, of_rows.indices)
            columns[USER_VALUES] = to_lists(of_rows.indptr, of_rows.values)
        return columns

    no_weights = dict.fromkeys(SPLITS, np.zeros(0, np.float32)) if weighted else None
    nobody = PeopleBlock(0, 0, dict.fromkeys(SPLITS, no_lists(0)), no_weights)
    groups = (
        rows(block, start, min(start + PEOPLE_IN_GROUP, block.stop))
        for block in blocks
        for start in range(block.start, block.stop, PEOPLE_IN_GROUP)
    )
    _write_groups(path, rows(nobody, 0, 0), groups)


def write_examples(
    path: Path,
    ids: pa.Array,
    split: pa.Array,
    x: Rows,
    labels: Lists,
    grades: NDArray[np.float32] | None = None,
    weight: NDArray[np.float32] | None = None,
) -> None:
    """One row an example: its split, features and labels, ascending, any grades of these, and any weight."""

    def rows(start: int, stop: int) -> dict[str, pa.Array]:
        columns = {"id": ids.slice(start, stop - start), "split": split.slice(start, stop - start)}
        part = slice_rows(x, start, stop)
        if isinstance(part, Dense):
            flat = pa.array(np.ascontiguousarray(part.values).ravel())
            columns["x"] = pa.FixedSizeListArray.from_arrays(flat, part.values.shape[1])
        else:
            columns["x_indices"] = to_lists(part.indptr, part.indices)
            columns["x_values"] = to_lists(part.indptr, part.values)
        wanted = slice_lists(labels, start, stop)
        columns["labels"] = to_lists(wanted.indptr, wanted.indices)
        if grades is not None:
            entries = slice(labels.indptr[start], labels.indptr[stop])
            columns[GRADES] = to_lists(wanted.indptr, grades[entries])
        if weight is not None:
            columns[WEIGHT] = pa.array(weight[start:stop])
        return columns

    width = x.values.shape[1] if isinstance(x, Dense) else 1
    step = min(_ROWS, max(1024, _GROUP // max(width, 1)))
    groups = (rows(start, min(len(ids), start + step)) for start in range(0, len(ids), step))
    _write_groups(path, rows(0, 0), groups)


def to_lists(indptr: NDArray[np.int64], entries: NDArray[np.number]) -> pa.Array:
    """A list column; the offsets of a row group fit 32 bits."""
    return pa.ListArray.from_arrays(pa.array(indptr, pa.int32()), pa.array(entries))


def read_lists(table: pa.Table, column: str, size: int) -> Lists:
    """The lists of a column of int32, all from 0 to size - 1: kernels use them as indices without looking.

    Raises CorruptArtifactError.
    """
    offsets, entries = list_parts(one_array(table.column(column)))
    indices = entries.to_numpy(zero_copy_only=False)
    if indices.dtype.kind not in "iu" and len(indices):
        raise _unusable(column, "whole numbers", f"{indices.dtype}")
    if len(indices) and not 0 <= indices.min() <= indices.max() < size:
        raise _unusable(column, f"numbers from 0 to {size - 1}", f"{indices.min()} to {indices.max()}")
    return Lists(offsets, indices.astype(np.int32, copy=False))


def _unusable(column: str, expected: str, found: str) -> CorruptArtifactError:
    return CorruptArtifactError(
        f"the stored column {column!r}: expected {expected}, found {found}", hint="run `awe prepare` again"
    )


def read_values(table: pa.Table, column: str) -> NDArray[np.float32]:
    """The entries of a list column of float32, end to end."""
    values = list_parts(one_array(table.column(column)))[1].to_numpy(zero_copy_only=False)
    if values.dtype.kind != "f" or not np.isfinite(values).all():
        raise _unusable(column, "finite numbers", f"others ({values.dtype})")
    return values.astype(np.float32, copy=False)


def read_weights(table: pa.Table, column: str) -> NDArray[np.float32]:
    """A column of numbers above 0. Raises CorruptArtifactError."""
    values = one_array(table.column(column)).to_numpy(zero_copy_only=False)
    if values.dtype.kind != "f" or not (np.isfinite(values).all() and (values > 0).all()):
        raise _unusable(column, "numbers above 0", f"others ({values.dtype})")
    return values.astype(np.float32, copy=False)


def read_rows(table: pa.Table, width: int) -> Rows:
    """The features of stored examples."""
    if "x" in table.column_names:
        values = read_values(table, "x")
        if len(values) != table.num_rows * width:
            raise _unusable("x", f"{table.num_rows} rows of {width} numbers", f"{len(values)} numbers")
        return Dense(np.arange(width, dtype=np.int32), values.reshape(-1, width))
    return read_bags(table, "x_indices", "x_values", width)


def read_bags(table: pa.Table, indices: str, values: str, size: int) -> Bags:
    """Two list columns as bags: indices from 0 to size - 1, and a value for each. Raises CorruptArtifactError."""
    lists, numbers = read_lists(table, indices, size), read_values(table, values)
    if len(numbers) != len(lists.indices):
        raise _unusable(values, f"{len(lists.indices)} numbers", f"{len(numbers)}")
    return Bags(lists.indptr, lists.indices, numbers)


def write_features(path: Path, space: FeatureSpace) -> None:
    """The feature space as a table: name, train_count, mean, weight."""
    columns = {"name": space.names, "train_count": space.count, "mean": space.mean, "weight": space.weight}
    write_table(path, pa.table(columns))


def read_features(path: Path, options: FeatureOptions, dense: bool) -> FeatureSpace:
    """The stored feature space."""
    table = read_table(path)
    count, mean, weight = (table.column(c).to_numpy() for c in ("train_count", "mean", "weight"))
    return FeatureSpace(options, dense, one_array(table.column("name")), count, weight, mean)


def _write_groups(path: Path, no_rows: dict[str, pa.Array], groups: Iterable[dict[str, pa.Array]]) -> None:
    """Groups of rows as one file; `no_rows` has the types of their columns."""
    schema = pa.table(no_rows).schema
    with writing(path), pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for columns in groups:
            writer.write_table(pa.table(columns, schema=schema))


def _unusable_file(path: Path, error: Exception) -> AweError:
    """The error for a file that is damaged, or that the system refuses to read."""
    if refused_reading(error):
        return unreadable(path, "a Parquet file of the dataset", error)
    return CorruptArtifactError(
        f"{path}: expected a Parquet file of the dataset, found a damaged one ({error})",
        hint="run `awe prepare` again",
    )
