"""The version of a dataset that `prepare --update` goes on from: its order of names, its splits, and what changed."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from awe_cli.dataset import storage
from awe_cli.dataset.dataset import Dataset
from awe_cli.dataset.splits import SPLITS, Bounds
from awe_cli.dataset.versions import places_by_id
from awe_cli.errors import DataError, SettingsError
from awe_cli.io.columns import one_array
from awe_cli.matrices.matrix import Lists

_NO_NAMES = pa.nulls(0, pa.string())


@dataclass(frozen=True)
class Previous:
    """The version before, and which one it is.

    digest   of its artifact
    lineage  digest of the first version, which all versions share
    version  its number, from 1
    """

    dataset: Dataset
    digest: str
    lineage: str
    version: int

    @property
    def next_lineage(self) -> dict[str, Any]:
        """What the manifest of the version after it says."""
        return {"first": self.lineage, "previous": self.digest, "version": self.version + 1}

    @property
    def labels(self) -> pa.Array:
        """The labels, or items, in their order."""
        return self.dataset.prepared_labels

    @property
    def features(self) -> pa.Array:
        """The names of the features of x in their order, the constant one aside; empty in recommendation."""
        space = self.dataset.space
        return _NO_NAMES if space is None else space.names.slice(0, space.given)

    @property
    def label_features(self) -> pa.Array:
        """The names of what describes labels, in their order; empty where labels are one-hot."""
        described = self.dataset.described
        return _NO_NAMES if described is None else described.space.names.slice(0, described.space.given)

    @property
    def user_features(self) -> pa.Array:
        """The names of the features of people, in their order; empty where they have none."""
        space = self.dataset.user_space
        return _NO_NAMES if space is None else space.names

    def user_feature_places(self, names: pa.Array) -> NDArray[np.int32]:
        """The index of each among the features of people, -1 for new ones."""
        return places_by_id(names, self.user_features)

    def feature_places(self, names: pa.Array) -> NDArray[np.int32]:
        """The index of each among the features, -1 for new ones."""
        return places_by_id(names, self.features)

    def label_feature_places(self, names: pa.Array) -> NDArray[np.int32]:
        """The index of each among what describes labels, -1 for new ones."""
        return places_by_id(names, self.label_features)

    def require_columns(self, names: pa.Array, before: pa.Array, what: str) -> None:
        """Raise DataError where dense features are not those of the version before."""
        if names.equals(before):
            return
        found = f"{len(names):,}" if len(names) != len(before) else "others of the same number"
        raise DataError(
            f"--update: expected the {len(before):,} numeric features of {what} that the version before has, found "
            f"{found}",
            hint="give the columns of features that were prepared before, or leave out --update to begin anew",
        )

    @property
    def bounds(self) -> Bounds:
        """Up to where examples were drawn for test and valid. Raises SettingsError where that was not recorded."""
        stored = self.dataset.summary.get("split_bounds")
        if stored is None:
            raise SettingsError(
                "--update: the dataset was prepared by a version of awe that did not record how examples were drawn",
                hint="prepare it once more without --update",
            )
        return Bounds.decode(stored)

    @functools.cached_property
    def people(self) -> pa.Array:
        """The ids of its people or examples."""
        return one_array(storage.read_table(self.dataset.path / storage.EXAMPLES, ["id"]).column(0))

    def pair_splits(self, person: NDArray[np.int32], item: NDArray[np.int32]) -> NDArray[np.int8]:
        """The split that each pair had (pairs,), -1 where it was not there.

        person, item  their places among the people and the labels of this version, -1 for new ones
        """
        keys, codes = self._pairs
        wanted = person.astype(np.int64) * len(self.labels) + item
        wanted[(person < 0) | (item < 0)] = -1
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where(keys[place] == wanted, codes[place], -1).astype(np.int8)

    def example_splits(self, ids: pa.Array) -> NDArray[np.int8]:
        """The split that each example had (n,), -1 where it was not there."""
        table = storage.read_table(self.dataset.path / storage.EXAMPLES, ["split"])
        codes = places_by_id(one_array(table.column(0)), pa.array(SPLITS)).astype(np.int8)
        place = places_by_id(ids, self.people)
        return np.where(place < 0, np.int8(-1), codes[place]).astype(np.int8)

    def name_changes(self, names: pa.Array, before: pa.Array) -> dict[str, int]:
        """How many names came and went."""
        kept = int(np.count_nonzero(places_by_id(names, before) >= 0))
        return {"added": len(names) - kept, "dropped": len(before) - kept}

    def pair_changes(
        self, people: pa.Array, items: pa.Array, stayed: NDArray[np.int64], came: NDArray[np.int64]
    ) -> dict[str, Any]:
        """What became of people, items and interactions; people are changed who chose other items than before.

        stayed, came  (people,) how many pairs of each person were there before, and how many are new
        """
        keys = self._pairs[0]
        here = places_by_id(people, self.people)
        before = np.bincount(keys // len(self.labels), minlength=len(self.people))
        loses = stayed < np.where(here < 0, 0, before[here])
        return {
            "people": {
                **self.name_changes(people, self.people),
                "changed": int(np.count_nonzero((here >= 0) & ((came > 0) | loses))),
            },
            "items": self.name_changes(items, self.labels),
            "interactions": {"added": int(came.sum()), "dropped": len(keys) - int(stayed.sum())},
        }

    def example_changes(
        self, ids: pa.Array, positives: Lists, labels: pa.Array, *, by_id: bool
    ) -> dict[str, Any]:
        """What became of examples and labels; examples are changed that have other labels than before.

        Without ids (`by_id` False) examples are row numbers, which say nothing but how many there are.
        """
        if not by_id:
            grown = len(ids) - len(self.people)
            examples = {"added": max(grown, 0), "dropped": max(-grown, 0)}
        else:
            examples = self.name_changes(ids, self.people) | {
                "changed": self._relabelled(ids, positives, labels)
            }
        return {"examples": examples, "labels": self.name_changes(labels, self.labels)}

    def _relabelled(self, ids: pa.Array, positives: Lists, labels: pa.Array) -> int:
        """How many examples have other labels than before."""
        table = storage.read_table(self.dataset.path / storage.EXAMPLES, ["labels"])
        before = storage.read_lists(table, "labels", len(self.labels))
        here, known = places_by_id(ids, self.people), places_by_id(labels, self.labels)
        n = len(labels) + len(self.labels)
        renamed = np.where(known < 0, len(self.labels) + np.arange(len(known)), known)
        owner = here[np.repeat(np.arange(len(ids)), np.diff(positives.indptr))].astype(np.int64)
        now = owner[owner >= 0] * n + renamed[positives.indices[owner >= 0]]
        were = np.repeat(np.arange(len(self.people)), np.diff(before.indptr)) * n + before.indices
        different = np.unique(np.setxor1d(now, were) // n)
        return int(np.count_nonzero(np.isin(different, here)))

    @functools.cached_property
    def _pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
        """Person × labels + item of each pair, ascending, and the split of each."""
        table = storage.read_table(self.dataset.path / storage.EXAMPLES, list(SPLITS))
        keys: list[NDArray[np.int64]] = []
        codes: list[NDArray[np.int8]] = []
        for code, split in enumerate(SPLITS):
            lists = storage.read_lists(table, split, len(self.labels))
            owner = np.repeat(np.arange(table.num_rows, dtype=np.int64), np.diff(lists.indptr))
            keys.append((owner * len(self.labels) + lists.indices).astype(np.int64))
            codes.append(np.full(len(lists.indices), code, np.int8))
        order = np.argsort(joined := np.concatenate(keys), kind="stable")
        return joined[order], np.concatenate(codes)[order]
