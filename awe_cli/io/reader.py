"""Any input file as pieces of checked columns."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from awe_cli.errors import AweError, DataError, MissingInputError, did_you_mean
from awe_cli.io.columns import (
    Batch,
    Role,
    RowsLeftOutError,
    is_list,
    is_string,
    list_parts,
    make_list,
    read_column,
    truths,
)
from awe_cli.io.delimited import csv_batches, csv_columns, layout_of
from awe_cli.io.jsonl import jsonl_batches, jsonl_columns
from awe_cli.io.libsvm import libsvm_batches, libsvm_columns
from awe_cli.io.options import ReadOptions
from awe_cli.io.parquet import parquet_batches, parquet_columns, parquet_parts
from awe_cli.io.sources import DELIMITED, TAGGED, Source
from awe_cli.io.tagged_rows import tagged_columns, tagged_pieces
from awe_cli.matrices.bags import kept_offsets

# What a damaged file may raise while it is read, beside the errors that say what is wrong.
_UNEXPECTED = (OSError, EOFError, UnicodeError, RecursionError, pa.ArrowException)


@dataclass(frozen=True)
class Place:
    """Where a column that was named stands: in a column of the file, maybe in a field inside it."""

    column: str
    fields: tuple[str, ...] = ()


class Columns(dict[str, pa.DataType | None]):
    """The columns of a file, name → type; None where every cell is text.

    Besides the columns themselves these names are known: `user.id`, a field inside a column; `user_id:token`, as
    RecBole writes the name user_id; and `title,text`, several columns of text that are read as one.
    """

    def __init__(
        self, types: Mapping[str, pa.DataType | None], partitions: tuple[tuple[str, str | None], ...] = ()
    ) -> None:
        super().__init__(types)
        self.partitions = dict(partitions)
        for name in self.partitions:
            self[name] = pa.string()

    def places(self, name: str) -> list[Place] | None:
        """Where a name stands; several places where several columns are read as one; None where it is unknown."""
        whole = self._place(name)
        if whole is not None:
            return [whole]
        parts = [self._place(part.strip()) for part in name.split(",")]
        found = [part for part in parts if part is not None]
        return found if len(found) == len(parts) > 1 else None

    def _place(self, name: str) -> Place | None:
        if dict.__contains__(self, name):
            return Place(name)
        bare = name.split(":")[0]
        if bare != name and dict.__contains__(self, bare):
            return Place(bare)
        parts = name.split(".")
        for cut in range(len(parts) - 1, 0, -1):
            column = ".".join(parts[:cut])
            type = dict.get(self, column)
            if type is not None and _field_type(type, parts[cut:]) is not None:
                return Place(column, tuple(parts[cut:]))
        return None

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.places(name) is not None

    def __missing__(self, name: str) -> pa.DataType | None:
        places = self.places(name)
        if places is None:
            raise KeyError(name)
        if len(places) > 1:
            return pa.string()
        column = dict.__getitem__(self, places[0].column)
        return column if column is None else _field_type(column, places[0].fields)

    def get(self, name: str, default: Any = None) -> Any:
        """The type of a name that is known, else the default."""
        try:
            return self[name]
        except KeyError:
            return default


def _field_type(type: pa.DataType, fields: Any) -> pa.DataType | None:
    """The type of a field inside a column, a list of it where lists lie on the way; None where there is none."""
    if not fields:
        return type
    if is_list(type):
        inner = _field_type(type.value_type, fields)
        return None if inner is None else inner if is_list(inner) else pa.list_(inner)
    if not pa.types.is_struct(type):
        return None
    index = type.get_field_index(fields[0])
    return None if index < 0 else _field_type(type.field(index).type, fields[1:])


def columns_of(source: Source) -> Columns:
    """The names of the columns and their types; None where every cell is text (CSV, TSV). Raises DataError."""
    first = source.files()[0]
    by_format = {
        "parquet": parquet_columns, "jsonl": jsonl_columns, "libsvm": libsvm_columns,
        "fasttext": tagged_columns, "annif": tagged_columns,
    }  # fmt: skip
    try:
        return Columns(by_format.get(first.format, csv_columns)(first), first.partitions)
    except AweError:
        raise
    except _UNEXPECTED as error:
        raise first.damaged(error) from error


def read_batches(
    source: Source, roles: Mapping[str, Role], rows: int = 65536, hint: str | None = None
) -> Iterator[Batch]:
    """The columns named by `roles`, in the forms `read_column` gives, at most `rows` rows at a time.

    hint  what to do where a column is missing; None: to name another, since an option named it

    Memory does not grow with the file. Raises MissingInputError where a column is missing, DataError where a
    value cannot be used.
    """
    for batch in raw_batches(source, roles, rows, hint):
        yield check_batch(batch, roles)


def check_batch(batch: Batch, roles: Mapping[str, Role]) -> Batch:
    """The piece with its columns in the forms of their roles.

    Rows that cannot be used are left out as far as its log allows. Raises DataError.
    """
    batch = dataclasses.replace(batch, droppable=batch.log.allowed > 0)
    while True:
        try:
            columns = {name: read_column(batch, name, role) for name, role in roles.items()}
        except RowsLeftOutError as error:
            batch = batch.keep(error.kept)
            continue
        return dataclasses.replace(batch, table=pa.table(columns), droppable=False)


def raw_batches(
    source: Source, roles: Mapping[str, Role], rows: int = 65536, hint: str | None = None
) -> Iterator[Batch]:
    """The columns as they stand in the file, not yet checked, under the names that `roles` has."""
    for file, columns in require_columns(source, roles, hint):
        try:
            for part in file_parts(file):
                yield from _file_pieces(part, columns, roles, rows)
        except AweError:
            raise
        except _UNEXPECTED as error:
            raise file.damaged(error) from error


def file_parts(file: Source) -> list[Source]:
    """The parts that a file is read in: of Parquet some row groups each, so that pieces are the same whoever reads."""
    return parquet_parts(file) if file.format == "parquet" else [file]


def _file_pieces(file: Source, columns: Columns, roles: Mapping[str, Role], rows: int) -> Iterator[Batch]:
    places = {name: columns.places(name) or [] for name in roles}
    needed = dict.fromkeys(place.column for found in places.values() for place in found)
    stored = [name for name in needed if name not in columns.partitions]
    plain = all(found == [Place(name)] for name, found in places.items()) and len(stored) == len(needed)
    for batch in _stored_pieces(file, columns, stored, roles, places, rows):
        if plain:
            yield batch
            continue
        table = {name: _assembled(batch, columns, found) for name, found in places.items()}
        yield dataclasses.replace(batch, table=pa.table(table))


def _stored_pieces(
    file: Source, columns: Columns, names: list[str], roles: Mapping[str, Role],
    places: Mapping[str, list[Place]], rows: int,
) -> Iterator[Batch]:  # fmt: skip
    """Pieces of the columns that stand in the file itself."""
    if file.format == "parquet":
        return parquet_batches(file, names or list(columns)[:1], rows)
    if file.format == "libsvm":
        return libsvm_batches(file, names, rows)
    if file.format in TAGGED:
        return tagged_pieces(file, names, rows)
    if file.format == "jsonl":
        types: dict[str, pa.DataType] = {}
        for name in names:
            whole = columns[name]
            as_role = [role for role in roles if places[role] == [Place(name)]]
            types[name] = _json_type(roles[as_role[0]] if as_role else Role.TEXT, whole, file.options)
        return jsonl_batches(file, types, rows)
    return csv_batches(file, names, rows)


def _assembled(batch: Batch, columns: Columns, places: list[Place]) -> pa.Array:
    """One column from where it stands; several texts are joined by a space, a missing one counts as empty."""
    parts = []
    for place in places:
        if place.column in columns.partitions:
            values = pa.array([columns.partitions[place.column]] * batch.table.num_rows, pa.string())
        else:
            values = _field(batch.column(place.column), place.fields)
        parts.append(values)
    if len(parts) == 1:
        return parts[0]
    texts = []
    for place, values in zip(places, parts, strict=True):
        if not is_string(values.type) and not pa.types.is_null(values.type):
            raise DataError(
                f"{batch.file}: column {place.column!r}: expected text, found type {values.type}",
                hint="name columns of text only",
            )
        texts.append(pc.fill_null(values.cast(pa.string()), ""))
    return pc.binary_join_element_wise(*texts, " ")


def _field(values: pa.Array, fields: tuple[str, ...]) -> pa.Array:
    """A field inside objects, or inside the objects of lists."""
    if not fields:
        return values
    if is_list(values.type):
        offsets, entries = list_parts(values)
        inner = _field(entries, fields)
        if is_list(inner.type):
            inner_offsets, inner = list_parts(inner)
            return make_list(inner_offsets[offsets], inner)
        kept = truths(inner.is_valid())
        return make_list(kept_offsets(offsets, kept), inner.drop_null())
    return _field(pc.struct_field(values, fields[0]), fields[1:])


def called_as(roles: Iterable[str]) -> str:
    """The hint for a file whose columns must have these names."""
    *first, last = roles
    return f"call the columns of this file {', '.join(first)} and {last}"


def require_columns(
    source: Source, names: Iterable[str], hint: str | None = None
) -> list[tuple[Source, Columns]]:
    """The files of a source with their columns. Raises as `require_column` where one lacks a name."""
    found = [(file, columns_of(file)) for file in source.files()]
    for file, columns in found:
        for name in names:
            require_column(file, name, columns, hint)
    return found


def require_column(
    source: Source, name: str, types: Mapping[str, pa.DataType | None], hint: str | None = None
) -> None:
    """Raise MissingInputError, with the nearest name and all there are, where the column is missing."""
    if name in types:
        type = types[name]
        entry = type.value_type if type is not None and is_list(type) else type
        if entry is not None and pa.types.is_struct(entry) and entry.num_fields:
            inner = ", ".join(f"{name}.{field.name}" for field in list(entry)[:5])
            raise DataError(
                f"{source.name}: column {name!r}: expected values, found objects",
                hint=f"name a field inside: {inner}",
            )
        return
    known = ", ".join(list(types)[:20]) + (" …" if len(types) > 20 else "")
    first, no_other = source.files()[0], "name one of these"
    advice = hint or did_you_mean(name, types, no_other)
    if hint is None and first.format in DELIMITED and not first.options.prepared:
        layout = layout_of(first)
        named = ",".join([name, *(f"column{i}" for i in range(2, len(layout.names) + 1))])
        if layout.looks_like_data():
            advice = (
                f"the first row looks like data: name the columns of the file with --columns, such as {named}"
            )
        elif len(layout.names) == 1 and layout.separator in layout.names[0]:
            advice = "each line stands in quotes as a whole: take these quotes away"
        elif len(layout.names) == 1:
            advice = "only one column was found: name what separates the cells with --separator"
        elif layout.header and advice == no_other:
            advice = f"{no_other}; or, if the first row has no names, name the columns with --columns, such as {named}"
    raise MissingInputError(f"{source.name}: expected a column {name!r}, found {known}", hint=advice)


def _json_type(role: Role, found: pa.DataType | None, options: ReadOptions) -> pa.DataType:
    """The type to read a JSON column as: what the first rows have, numbers always as double."""
    listed = found is not None and is_list(found)
    entry = found.value_type if listed and found is not None else found
    if entry is not None and (pa.types.is_struct(entry) or is_list(entry)):
        assert found is not None
        return _known_types(found)
    is_text = entry is not None and is_string(entry) and not listed
    if is_text and options.sparse_separator and role in (Role.ID_LIST, Role.NUMBER_LIST):
        return pa.string()  # to be split
    if role in (Role.NUMBER, Role.NUMBERS, Role.NUMBER_LIST) and not (entry is not None and is_string(entry)):
        entry = pa.float64()
    if entry is None or pa.types.is_null(entry):
        entry = pa.string()
    return pa.list_(entry) if listed or role in (Role.ID_LIST, Role.NUMBER_LIST) else entry


def _known_types(type: pa.DataType) -> pa.DataType:
    """The type with text where the first rows had no value."""
    if pa.types.is_null(type):
        return pa.string()
    if is_list(type):
        return pa.list_(_known_types(type.value_type))
    if pa.types.is_struct(type):
        return pa.struct([(field.name, _known_types(field.type)) for field in type])
    return type
