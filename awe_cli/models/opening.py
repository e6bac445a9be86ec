"""From a stored dataset to one that can be read."""

from __future__ import annotations

from awe_cli.data.dataset import VERSION, Dataset
from awe_cli.workspace import Artifact


def open_dataset(stored: Artifact) -> Dataset:
    """The dataset. Raises CorruptArtifactError for one of another format, which another version of awe wrote."""
    stored.expect_version(VERSION)
    return Dataset.open(stored.path, stored.settings)
