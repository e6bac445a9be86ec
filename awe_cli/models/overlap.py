"""The affinity `overlap` told of the words of a dataset's documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from awe_cli.affinity.catalog import build_affinity
from awe_cli.affinity.overlap import Overlap
from awe_cli.data.dataset import Dataset
from awe_cli.data.overlap import shared_words
from awe_cli.errors import SettingsError


def with_words(affinity: Any, settings: Mapping[str, Any], dataset: Dataset) -> Any:
    """The affinity with what each word adds to the documents that have it; any other affinity as it is.

    Raises SettingsError where queries and documents do not have one vocabulary.
    """
    if not isinstance(affinity, Overlap):
        return affinity
    shared = shared_words(dataset.described, settings["weights"], settings["k1"], settings["b"])
    return affinity._replace(shared=shared)


def check_words(settings: Mapping[str, Any], dataset: Dataset, *, tie: bool) -> None:
    """Raise SettingsError, before anything is learned, where words are to be shared and are not."""
    with_words(build_affinity(settings), settings, dataset)
    if tie and not (dataset.described and dataset.described.shared):
        raise SettingsError(
            "--tie: expected inputs and labels with the same features, found a dataset with different ones",
            hint="prepare --queries and --documents with text, or --…-sparse, on both sides; or leave --tie out",
        )
