"""Features of people, such as their country: features of x beside the items of their history.

x has the items first, then the features of the person, each part scaled by itself, so that attributes count the same
for a short and for a long history. Someone who has chosen nothing yet is ranked for by their features alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from awe_cli.dataset import storage
from awe_cli.dataset.features import FeatureOptions, FeatureSpace, Places, fit_features
from awe_cli.dataset.retrieval import FeatureTable
from awe_cli.dataset.vocabulary import look_up
from awe_cli.errors import DataError
from awe_cli.matrices.bags import as_bags
from awe_cli.matrices.matrix import Bags, n_rows, rows_or_empty

FILE = "user_space.parquet"
PREFIX = "user:"  # before the names of these features among all features of x


def fit_user_features(
    table: FeatureTable, options: FeatureOptions, source: str, places: Places | None = None
) -> FeatureSpace:
    """The features of all people in the file `source`. Raises DataError where none is left.

    places  of features in the version before
    """
    space = fit_features(table.raw, np.ones(len(table.ids), np.bool_), options, places)
    if not space.given or not space.count.any():
        raise DataError(
            f"{source}: no person has a feature that is left",
            hint="lower --min-count, or look at the columns of the user file",
        )
    return space


def user_rows(space: FeatureSpace, table: FeatureTable, people: pa.Array) -> tuple[Bags, NDArray[np.bool_]]:
    """The features of each of `people` (n, features), and who has a row in the table (n,)."""
    rows, _ = space.apply(table.raw, "user features", untyped=table.untyped)
    place = look_up(
        people.cast(pa.large_string()), table.ids.cast(pa.large_string()), "people", untyped=False
    )
    return as_bags(rows_or_empty(rows, place)), place >= 0


def store(file: Callable[[str], Path], space: FeatureSpace) -> None:
    """The space; the rows are stored with the people."""
    storage.write_features(file(FILE), space)


def load(path: Path, settings: Mapping[str, Any]) -> FeatureSpace | None:
    """The space of a dataset; None where people have no features."""
    stored = settings.get("user_features")
    if stored is None:
        return None
    return storage.read_features(path / FILE, FeatureOptions(**stored["options"]), bool(stored["dense"]))


def feature_names(space: FeatureSpace) -> pa.Array:
    """The names among all features of x: "user:country=DE"."""
    return pa.array([f"{PREFIX}{name}" for name in space.names.to_pylist()], pa.large_string())


@dataclass
class NewPeople:
    """The people of a file with features alone: some of them may be in the input, too.

    rows     (people, features)
    unknown  entries that the dataset does not know, and that were left out
    """

    ids: pa.Array
    rows: Bags
    unknown: int

    def __post_init__(self) -> None:
        self._named = np.zeros(len(self.ids), np.bool_)

    def of(self, people: pa.Array) -> Bags:
        """The features of each of `people`, none for those who are not in the file."""
        place = look_up(
            people.cast(pa.large_string()), self.ids.cast(pa.large_string()), "people", untyped=False
        )
        self._named[place[place >= 0]] = True
        found = rows_or_empty(self.rows, place)
        assert isinstance(found, Bags)
        return found

    def others(self) -> tuple[pa.Array, Bags]:
        """Those whom `of` was never asked for, in the order of the file."""
        left = np.flatnonzero(~self._named)
        rows = rows_or_empty(self.rows, left)
        assert isinstance(rows, Bags)
        assert n_rows(rows) == len(left)
        return self.ids.take(pa.array(left)), rows
