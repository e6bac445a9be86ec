"""New input in the original format as examples: the vocabulary, scaling and idf of the dataset, applied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from awe_cli.data.annotated import FeatureColumns, RawReader
from awe_cli.data.bags import no_lists
from awe_cli.data.dataset import Dataset
from awe_cli.data.examples import Examples
from awe_cli.data.histories import encode_people, history_roles
from awe_cli.data.raw import Raw, RawDense, take_raw
from awe_cli.data.reading.columns import Piece, Role
from awe_cli.data.reading.pieces import check_piece
from awe_cli.data.text import TextOptions, stop_words
from awe_cli.data.vocabulary import encode
from awe_cli.errors import DataError, MissingInputError, did_you_mean


@dataclass(frozen=True)
class Encoded:
    """Examples without positives; in recommendation `seen` is the history that x is the bag of.

    unknown: how many entries (items, features, words) the dataset does not know; they were left out.
    """

    examples: Examples
    unknown: int


class Encoder:
    """Turns new input in the original format into examples, by what a dataset has learnt."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.columns: Mapping[str, Any] = dataset.settings["columns"]
        self.of_people = dataset.space is None
        self._features = FeatureColumns() if self.of_people else feature_columns(self.columns)
        self._text = None if self.of_people else text_options(dataset.settings["text"])

    @property
    def key(self) -> str | None:
        """The column that says which example a row belongs to; None where examples have row numbers."""
        return self.columns["user"] if self.of_people else self.columns["id"]

    def roles(self) -> dict[str, Role]:
        """The columns that new input must have, and what they are read as."""
        if self.of_people:
            return history_roles(self.columns)
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
        roles = self.roles()
        for name in roles:
            if name not in table.column_names:
                otherwise = "new input needs the columns of the prepared data"
                raise MissingInputError(
                    f"{file}: expected a column {name!r}, found {', '.join(table.column_names[:20])}",
                    hint=did_you_mean(name, table.column_names, otherwise),
                )
        piece = check_piece(Piece(file, first_row, table.select(list(roles)), untyped), roles)
        return Encoded(*encode_people(self.dataset, piece)) if self.of_people else self._examples(piece)

    def _examples(self, piece: Piece) -> Encoded:
        space = self.dataset.space
        assert space is not None
        reader = RawReader(self._features, self._text)
        reader.add(piece)
        raw: Raw = reader.raw()
        if isinstance(raw, RawDense) and raw.values.shape[1] != space.given:
            raise DataError(
                f"{piece.file}: column {self._features.dense[0]!r}: expected {space.given:,} numbers, "
                f"as in the data that was prepared, found {raw.values.shape[1]:,}",
                hint="give new input the features of the dataset",
            )
        ids = pa.array(np.arange(piece.first_row, piece.first_row + piece.table.num_rows))
        if self.key:
            ids, codes = encode(piece.table.column(self.key))
            if len(ids) < len(codes):  # repeated rows, one for each label: the first has the features
                raw = take_raw(raw, np.unique(codes, return_index=True)[1])
        what = f"{piece.file}: features"
        x, unknown = space.apply(raw, what, untyped=piece.untyped)
        return Encoded(Examples(ids, x, no_lists(len(ids)), None, own=False), unknown)


def feature_columns(columns: Mapping[str, Any]) -> FeatureColumns:
    """The columns of features as a manifest has them."""
    sparse = columns["sparse"]
    return FeatureColumns(tuple(columns["features"]), tuple(sparse) or None, columns["text"])


def text_options(stored: Mapping[str, Any] | None) -> TextOptions | None:
    """How text becomes words, as a manifest has it."""
    if stored is None:
        return None
    words = stored["stop_words"]
    return TextOptions(
        stored["token_characters"], stop_words(words) if isinstance(words, str) else frozenset(words)
    )
