"""Documents that a dataset has never seen, in the place of its own: their features as the dataset makes them."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from awe_cli.data.dataset import Dataset
from awe_cli.data.described import ThingColumns, read_things
from awe_cli.data.encoder import feature_columns, text_options
from awe_cli.data.label_features import LabelFeatures, describe
from awe_cli.data.raw import RawDense
from awe_cli.data.reading.pieces import columns_of, read_pieces, require_column
from awe_cli.data.reading.sources import find_source
from awe_cli.errors import DataError, SettingsError


@dataclass(frozen=True)
class OtherDocuments(Dataset):
    """The dataset with other labels. What counts its own, such as how often a label is relevant, must not be asked.

    unknown  entries of these documents that the dataset does not know, and that were left out
    """

    ids: pa.Array
    features_of_ids: LabelFeatures
    unknown: int

    @functools.cached_property
    def labels(self) -> pa.Array:
        """The ids of the documents, in the order of the file."""
        return self.ids

    @functools.cached_property
    def described(self) -> LabelFeatures | None:
        """What describes them."""
        return self.features_of_ids


def read_documents(dataset: Dataset, path: str) -> OtherDocuments:
    """The documents of a file in the format that was prepared.

    Raises SettingsError where the labels of the dataset have no features, MissingInputError for a file or a
    column that is not there, DataError for what cannot be read.
    """
    known = dataset.described
    if known is None:
        raise SettingsError(
            "--documents: expected a dataset of queries and documents, found one whose labels have no features",
            hint="prepare it with --queries, --documents and --relevance",
        )
    stored = dataset.settings["label_features"]
    source = find_source(path, Path(path))
    columns = ThingColumns(feature_columns(stored["columns"]), stored["columns"]["id"])
    for name in columns.roles():
        require_column(source, name, columns_of(source))
    pieces = read_pieces(source, columns.roles(), 16384)
    things = read_things(pieces, columns, text_options(stored["text"]), "documents")
    if isinstance(things.raw, RawDense) and things.raw.values.shape[1] != known.space.given:
        raise DataError(
            f"{path}: expected {known.space.given:,} numbers a document, as in the data that was prepared, "
            f"found {things.raw.values.shape[1]:,}",
            hint="give new documents the features of the dataset",
        )
    found, unknown = describe(known.space, things.raw, known.shared)
    found = replace(found, n=known.n, mean_length=known.mean_length)
    return OtherDocuments(dataset.path, dataset.settings, things.ids, found, unknown)
