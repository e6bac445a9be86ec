"""New input in the original format as examples, of any length, a batch at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from awe_cli.dataset.annotations import ONE_EXAMPLE
from awe_cli.dataset.dataset import Dataset, scale_history
from awe_cli.dataset.examples import Examples
from awe_cli.dataset.feature_columns import FeatureColumns, RawReader
from awe_cli.dataset.features import FeatureSpace, Raw, RawDense, differing_row, take_raw
from awe_cli.dataset.gather import join
from awe_cli.dataset.hashing import hash_values
from awe_cli.dataset.interactions import refuse_not_positive
from awe_cli.dataset.retrieval import FeatureTable, FeatureTableColumns, read_feature_table
from awe_cli.dataset.text import NO_STEMS, TextOptions, stop_words
from awe_cli.dataset.user_features import NewPeople
from awe_cli.dataset.vocabulary import encode, look_up
from awe_cli.errors import DataError, MissingInputError, SettingsError, did_you_mean
from awe_cli.io.columns import Batch, Role, fail, is_list, list_parts, refuse_nulls, truths
from awe_cli.io.options import ReadOptions
from awe_cli.io.reader import check_batch, columns_of, raw_batches, read_batches, require_column
from awe_cli.io.sources import Source, find_source, open_sources
from awe_cli.matrices.bags import as_bags, beside, collect, no_lists
from awe_cli.matrices.matrix import Bags, Lists
from awe_cli.workspace.artifact import MANIFEST, decoding

# People never seen before, from the items they chose.


def history_roles(columns: Mapping[str, Any], there: Container[str]) -> dict[str, Role]:
    """The columns of new interactions, and what they are read as: one item a row, or lists of items.

    there  the columns of the input: the one of weights may be missing
    """
    roles = {columns["user"]: Role.ID, columns["item"]: Role.IDS}
    return roles | ({columns["weight"]: Role.NUMBERS} if columns["weight"] in there else {})


def encode_people(dataset: Dataset, batch: Batch) -> tuple[Examples, int]:
    """One example a person, in order of first appearance, and how many items the dataset does not know.

    Rows of one person may stand anywhere in the piece. Without the column of weights each item counts 1.
    Raises DataError.
    """
    columns = dataset.settings["columns"]
    least = dataset.settings.get("min_weight")
    if least is not None and columns["weight"] in batch.table.column_names:
        weighted = batch.column(columns["weight"])
        if not is_list(weighted.type):  # as in the data that was prepared
            batch = batch.keep(weighted.to_numpy() >= least)
    users = batch.column(columns["user"])
    items = batch.column(columns["item"])
    if is_list(items.type):
        offsets, items = list_parts(items)
    else:
        offsets = np.arange(len(users) + 1, dtype=np.int64)
        items = refuse_nulls(batch, columns["item"], items, Role.ID.value)
    weights = (
        _weights(batch, columns["weight"], offsets) if columns["weight"] in batch.table.column_names else None
    )
    people, person = encode(pa.chunked_array([users]))
    names, codes = encode(pa.chunked_array([items]))
    what = f"{batch.file}: column {columns['item']!r}"
    found = look_up(names, dataset.prepared_labels, what, untyped=batch.untyped)
    labels = found[codes] if len(found) else np.zeros(0, np.int32)
    person = np.repeat(person, np.diff(offsets))
    known = labels >= 0
    x, seen = _bags(
        dataset, len(people), person[known], labels[known], None if weights is None else weights[known]
    )
    return Examples(people, x, no_lists(len(people)), seen, own=False), int(np.count_nonzero(~known))


def _bags(
    dataset: Dataset,
    n: int,
    person: NDArray[np.int32],
    labels: NDArray[np.int32],
    weights: NDArray[np.float32] | None,
) -> tuple[Any, Lists]:
    order = np.argsort(person, kind="stable")
    indptr = np.searchsorted(person[order], np.arange(n + 1)).astype(np.int64)
    values = np.ones(len(labels), np.float32) if weights is None else weights[order]
    bags = collect(indptr, labels[order], values, len(dataset.prepared_labels))
    if weights is None:  # an item named twice is one item
        bags = bags._replace(values=np.ones_like(bags.values))
    return scale_history(bags, dataset.settings), Lists(bags.indptr, bags.indices)


def _weights(batch: Batch, column: str, offsets: NDArray[np.int64]) -> NDArray[np.float32]:
    values = batch.column(column)
    own = np.arange(batch.table.num_rows + 1, dtype=np.int64)
    if is_list(values.type):
        own, values = list_parts(values)
    lengths, found = np.diff(offsets), np.diff(own)
    if (found != lengths).any():
        row = int(np.argmax(found != lengths))
        expected = f"a weight for each of {lengths[row]:,} items"
        fail(batch, column, row, expected, f"{found[row]:,}", "give weights in the same form as the items")
    weights = values.to_numpy().astype(np.float64)
    refuse_not_positive(batch, column, weights, own)
    return weights.astype(np.float32)


# New input in the original format as examples: the vocabulary, scaling and idf of the dataset, applied.


@dataclass(frozen=True)
class Encoded:
    """Examples without positives; in recommendation `seen` is the history that x is the bag of.

    unknown     how many entries (items, features, words) the dataset does not know; they were left out
    unweighted  whether the input lacks the column of weights, so that each item counts 1
    """

    examples: Examples
    unknown: int
    unweighted: bool = False


class Encoder:
    """Turns new input in the original format into examples, by what a dataset has learnt.

    people  the features of new people, where a file has them
    watch   is given the features of examples as they were read, before names are hashed
    """

    def __init__(
        self,
        dataset: Dataset,
        people: NewPeople | None = None,
        watch: Callable[[Raw], None] = lambda raw: None,
    ) -> None:
        self.dataset, self.people, self._watch = dataset, people, watch
        with decoding(dataset.path / MANIFEST, "the columns that were prepared"):
            self.columns: Mapping[str, Any] = dict(dataset.settings["columns"])
            self.of_people = dataset.space is None
            self._features = FeatureColumns() if self.of_people else feature_columns(self.columns)
            self._text = None if self.of_people else text_options(dataset.settings["text"])

    @property
    def key(self) -> str | None:
        """The column that says which example a row belongs to; None where examples have row numbers."""
        return self.columns["user"] if self.of_people else self.columns["id"]

    def roles(self, there: Container[str]) -> dict[str, Role]:
        """The columns that new input must have, and what they are read as; weights are read where they are `there`."""
        if self.of_people:
            return history_roles(self.columns, there)
        return self._features.roles() | ({self.key: Role.ID} if self.key else {})

    def encode(
        self, table: pa.Table, file: str = "input", first_row: int = 1, *, untyped: bool = False
    ) -> Encoded:
        """The examples in a table with at least the columns of `roles`, as they stand in a file.

        Recommendation: rows of one person, wherever they stand in the table, are one example; or a row is a
        person with a list of items. Annotation: one example a row, or an id. Order: first appearance.
        `file`, `first_row` (its number in the file) and `untyped` (text without types, as CSV has) are for
        messages, for ids that are row numbers, and for integers that come as text.
        Raises MissingInputError for a missing column, DataError for values that cannot be used.
        """
        roles = self.roles(table.column_names)
        batch = _batch_of(Batch(file, first_row, table, untyped), roles)
        if not self.of_people:
            return self._examples(batch)
        unweighted = bool(self.columns["weight"]) and self.columns["weight"] not in roles
        examples, unknown = encode_people(self.dataset, batch)
        return Encoded(self._with_features(examples), unknown, unweighted)

    def _with_features(self, examples: Examples) -> Examples:
        if self.people is None:
            return examples
        assert isinstance(examples.x, Bags)
        x = beside(examples.x, self.people.of(examples.ids), len(self.dataset.prepared_labels))
        return dataclasses.replace(examples, x=x)

    def people_without_items(self) -> Encoded:
        """Those of the file of people whom no input named, ranked for by their features alone."""
        assert self.people is not None
        ids, features = self.people.others()
        none = no_lists(len(ids))
        history = Bags(none.indptr, none.indices, np.zeros(0, np.float32))
        x = beside(history, features, len(self.dataset.prepared_labels))
        return Encoded(Examples(ids, x, none, none, own=False), self.people.unknown)

    def and_the_others(self, found: Iterable[Encoded]) -> Iterator[Encoded]:
        """What was found of an input, and then the people of the file whom the input does not name."""
        yield from found
        if self.people is not None:
            yield self.people_without_items()

    def _examples(self, batch: Batch) -> Encoded:
        space = self.dataset.space
        assert space is not None
        reader = RawReader(self._features, self._text)
        reader.add(batch)
        raw: Raw = reader.raw()
        if isinstance(raw, RawDense) and raw.values.shape[1] != space.given:
            raise DataError(
                f"{batch.file}: column {self._features.dense[0]!r}: expected {space.given:,} numbers, "
                f"as in the data that was prepared, found {raw.values.shape[1]:,}",
                hint="give new input the features of the dataset",
            )
        ids = pa.array(np.arange(batch.first_row, batch.first_row + batch.table.num_rows))
        if self.key:
            ids, codes = encode(batch.table.column(self.key))
            if len(ids) < len(codes):  # repeated rows, one for each label: the first has the features
                first = np.unique(codes, return_index=True)[1]
                self._refuse_other_features(batch, raw, codes, first)
                raw = take_raw(raw, first)
        self._watch(raw)
        what = f"{batch.file}: features"
        x, unknown = space.apply(raw, what, untyped=batch.untyped)
        return Encoded(Examples(ids, x, no_lists(len(ids)), None, own=False), unknown)

    def _refuse_other_features(
        self, batch: Batch, raw: Raw, codes: NDArray[np.int32], first: NDArray[np.intp]
    ) -> None:
        """Raise DataError where rows of one id have not the same features."""
        other = differing_row(raw, codes, first)
        if other is not None:
            before = int(first[codes[other]])
            expected = f"the features that this id has in row {batch.row(before):,}"
            shown = f"different ones for {batch.column(str(self.key))[other].as_py()!r}"
            fail(batch, str(self.key), other, expected, shown, ONE_EXAMPLE)


def _batch_of(given: Batch, roles: Mapping[str, Role]) -> Batch:
    """The columns of a table that are read, checked. Raises MissingInputError for one that it lacks, DataError."""
    columns = given.table.column_names
    for name in roles:
        if name not in columns:
            raise MissingInputError(
                f"{given.file}: expected a column {name!r}, found {', '.join(columns[:20])}",
                hint=did_you_mean(name, columns, "new input needs the columns of the prepared data"),
            )
    return check_batch(dataclasses.replace(given, table=given.table.select(list(roles))), roles)


def feature_columns(columns: Mapping[str, Any]) -> FeatureColumns:
    """The columns of features as a manifest has them."""
    sparse = columns["sparse"]
    categories = tuple(columns.get("categories", ()))
    return FeatureColumns(tuple(columns["features"]), tuple(sparse) or None, columns["text"], categories)


def text_options(stored: Mapping[str, Any] | None) -> TextOptions | None:
    """How text becomes words, as a manifest has it."""
    if stored is None:
        return None
    words = stored["stop_words"]
    return TextOptions(
        stored["token_characters"],
        stop_words(words) if isinstance(words, str) else frozenset(words),
        stored.get("stem", NO_STEMS),
    )


def user_source(dataset: Dataset, path: str) -> Source:
    """The file of new people, read as the one that was prepared. Raises SettingsError where there was none."""
    return described_source(_stored_of_people(dataset), path)


def _stored_of_people(dataset: Dataset) -> Mapping[str, Any]:
    stored: Mapping[str, Any] | None = dataset.settings.get("user_features")
    if stored is None:
        raise SettingsError(
            "--user-file: expected a dataset whose people have features, found one that was prepared without",
            hint="prepare it with --user-file, or leave the option out",
        )
    return stored


def read_people(dataset: Dataset, given: str | pa.Table) -> NewPeople:
    """The people of a file, or of a table, in the form of the user file that was prepared.

    Raises SettingsError where the dataset has no features of people, and what `read_described` raises.
    """
    stored, space = _stored_of_people(dataset), dataset.user_space
    assert space is not None
    table = read_described(given, stored, space, "people")
    where = given if isinstance(given, str) else _of_table("people")
    rows, unknown = space.apply(table.raw, f"{where}: features", untyped=table.untyped)
    return NewPeople(table.ids, as_bags(rows), unknown)


def described_source(stored: Mapping[str, Any], path: str) -> Source:
    """A file of things with features, read as the one that was prepared, which `stored` tells of."""
    return find_source(path, Path(path), options=ReadOptions.of_stored(stored.get("reading")))


def _of_table(what: str) -> str:
    """What a table in memory is called."""
    return f"the table of {what}"


def read_described(
    given: str | pa.Table, stored: Mapping[str, Any], space: FeatureSpace, what: str
) -> FeatureTable:
    """A file, or a table, of people, documents or labels with features, in the form that was prepared.

    stored  how the file that was prepared was read, as a manifest has it
    space   the features of that file
    what    they are, in the plural, for messages

    Raises MissingInputError for a file or a column that is not there, DataError for what cannot be read and for
    dense rows of another width.
    """
    columns = FeatureTableColumns(feature_columns(stored["columns"]), stored["columns"]["id"])
    batches: Iterable[Batch]
    if isinstance(given, str):
        path, source = given, described_source(stored, given)
        for name in columns.roles():
            require_column(source, name, columns_of(source))
        batches = read_batches(source, columns.roles(), 16384)
    else:
        path = _of_table(what)
        batches = [_batch_of(Batch(path, 1, given), columns.roles())]
    table = read_feature_table(batches, columns, text_options(stored["text"]), what)
    if isinstance(table.raw, RawDense) and table.raw.values.shape[1] != space.given:
        raise DataError(
            f"{path}: expected {space.given:,} numbers a row, as in the data that was prepared, "
            f"found {table.raw.values.shape[1]:,}",
            hint=f"give new {what} the features of the dataset",
        )
    return table


# New input of any length, a batch of examples at a time.

_ROWS = 65536  # interactions read at a time


def read_encoded(
    encoder: Encoder, path: str, format: str | None = None, size: int = 8192
) -> Iterator[Encoded]:
    """The examples of a file ("-" is stdin, spooled to disk), at most `size` at a time, in its order.

    Memory does not grow with the file as long as rows of the same person (or id) are consecutive; where they
    are not, the needed columns are read at once. Raises what the readers and `Encoder.encode` raise.
    """
    options = ReadOptions.of_stored(encoder.dataset.settings.get("reading"))
    with open_sources([path], format, options=options) as (source,):
        batches = raw_batches(source, encoder.roles(columns_of(source)), _ROWS if encoder.of_people else size)
        if encoder.key is not None and not _one_row_each(encoder, source):
            consecutive = is_consecutive(source, encoder.key)
            batches = whole_groups(batches, encoder.key) if consecutive else all_at_once(batches)
        for batch in batches:
            yield from _batches(encoder, batch, size)


def is_consecutive(source: Source, key: str) -> bool:
    """Whether rows with the same key always follow each other.

    Keys in ascending or descending order need no memory, others 8 bytes for each run of equal keys.
    """
    if _is_sorted(source, key, pc.less) or _is_sorted(source, key, pc.greater):
        return True
    hashes: list[NDArray[np.uint64]] = []
    last = None
    for values in _keys(source, key):
        starts = np.append(values[0].as_py() != last, truths(pc.not_equal(values[1:], values[:-1])))
        last = values[-1].as_py()
        hashes.append(hash_values(values.filter(pa.array(starts))))
    runs = join(hashes, np.uint64)
    runs.sort()
    return not (runs[1:] == runs[:-1]).any()


def _is_sorted(source: Source, key: str, out_of_order: Callable[[pa.Array, pa.Array], pa.Array]) -> bool:
    """Whether no key is `out_of_order` after the one before it. Stops at the first that is."""
    last = None
    for found in _keys(source, key):
        values = found if last is None else pa.concat_arrays([last.cast(found.type), found])
        if pc.any(out_of_order(values[1:], values[:-1])).as_py():
            return False
        last = values[-1:]
    return True


def _keys(source: Source, key: str) -> Iterator[pa.Array]:
    for batch in read_batches(source, {key: Role.ID}):
        yield batch.column(key)


def whole_groups(batches: Iterable[Batch], key: str) -> Iterator[Batch]:
    """The same rows, cut only where the key changes."""
    held: Batch | None = None
    for found in batches:
        batch = found if held is None else _joined([held, found])
        values = batch.column(key)
        other = truths(pc.not_equal(values, values[-1]))
        cut = len(other) - int(np.argmax(other[::-1])) if other.any() else 0
        if cut:
            yield batch.slice(0, cut)
        held = batch.slice(cut)
    if held is not None:
        yield held


def all_at_once(batches: Iterable[Batch]) -> Iterator[Batch]:
    """All rows as one piece."""
    found = list(batches)
    if found:
        yield _joined(found)


def _joined(batches: list[Batch]) -> Batch:
    numbers = None
    if any(batch.numbers is not None for batch in batches):
        numbers = np.concatenate([batch.rows() for batch in batches])
    table = pa.concat_tables([batch.table for batch in batches])
    return dataclasses.replace(batches[0], table=table, numbers=numbers)


def _one_row_each(encoder: Encoder, source: Source) -> bool:
    """Whether each row is a person with a list of items: then no rows have to be put together."""
    type = columns_of(source).get(encoder.columns["item"]) if encoder.of_people else None
    return type is not None and is_list(type)


def _batches(encoder: Encoder, batch: Batch, size: int) -> Iterator[Encoded]:
    encoded = encoder.encode(batch.table, batch.file, batch.first_row, untyped=batch.untyped)
    unknown = encoded.unknown
    for start in range(0, len(encoded.examples), size):
        stop = min(start + size, len(encoded.examples))
        yield Encoded(encoded.examples.slice(start, stop), unknown, encoded.unweighted)
        unknown = 0  # counted with the first batch of the piece
