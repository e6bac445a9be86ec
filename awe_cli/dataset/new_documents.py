"""Documents or items in the place of a dataset's own: their features as the dataset makes them."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from awe_cli.dataset.dataset import Dataset
from awe_cli.dataset.encode import read_described
from awe_cli.dataset.label_features import LabelFeatures, describe
from awe_cli.dataset.retrieval import FeatureTable
from awe_cli.dataset.vocabulary import look_up
from awe_cli.errors import SettingsError
from awe_cli.matrices.bags import collect, kept_offsets
from awe_cli.matrices.matrix import Lists


@dataclass(frozen=True)
class OtherDocuments(Dataset):
    """The dataset with other labels. What counts its own, such as how often a label is relevant, must not be asked.

    prepared  the dataset itself
    known    (labels,) the number that each has among the labels that were prepared, -1 for new ones
    unknown  entries of their features that the dataset does not know, and that were left out
    """

    prepared: Dataset
    ids: pa.Array
    features_of_ids: LabelFeatures
    known: NDArray[np.int32]
    unknown: int

    @functools.cached_property
    def labels(self) -> pa.Array:
        """The ids of the documents, in the order of the file."""
        return self.ids

    @functools.cached_property
    def described(self) -> LabelFeatures | None:
        """What describes them."""
        return self.features_of_ids

    def among_labels(self, lists: Lists) -> Lists:
        """Lists of labels that were prepared as lists of these; those that are not among these are left out."""
        place = np.full(len(self.prepared_labels), -1, np.int32)
        known = np.flatnonzero(self.known >= 0)
        place[self.known[known]] = known
        found = place[lists.indices]
        kept = found >= 0
        bags = collect(
            kept_offsets(lists.indptr, kept),
            found[kept],
            np.ones(np.count_nonzero(kept), np.float32),
            len(self.ids),
        )
        return Lists(bags.indptr, bags.indices)


def read_documents(dataset: Dataset, path: str) -> OtherDocuments:
    """The documents, or items, of a file in the format that was prepared. One that the dataset has keeps its identity.

    Raises SettingsError where the labels of the dataset have no features, and what `read_described` raises.
    """
    known = dataset.described
    if known is None:
        raise SettingsError(
            "--documents, --label-file: expected labels that features describe, found that labels have no features",
            hint="prepare it with --label-file, or with --queries, --documents and --relevance",
        )
    stored = dataset.settings["label_features"]
    what = "documents" if known.judged else "labels"
    feature_table = read_described(path, stored, known.space, what)
    everything = np.arange(len(feature_table.ids), dtype=np.int32)
    found, unknown = describe(known.space, feature_table, everything, known.shared, what)
    own = _known(dataset, feature_table, f"{path}: column {stored['columns']['id']!r}")
    found = replace(
        found,
        n=known.n,
        mean_length=known.mean_length,
        own=own,
        identities=known.identities,
        judged=known.judged,
    )
    return OtherDocuments(dataset.path, dataset.settings, dataset, feature_table.ids, found, own, unknown)


def _known(dataset: Dataset, feature_table: FeatureTable, where: str) -> NDArray[np.int32]:
    """The number of each among the labels of the dataset, -1 where it is none. Other documents are all new."""
    if dataset.described is None or dataset.described.judged:
        return np.full(len(feature_table.ids), -1, np.int32)
    return look_up(feature_table.ids, dataset.labels, where, untyped=feature_table.untyped)
