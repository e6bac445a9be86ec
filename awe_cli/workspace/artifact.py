"""A finished artifact, and the checks that it is what its manifest says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from awe_cli.errors import CorruptArtifactError
from awe_cli.workspace.disk import file_digest
from awe_cli.workspace.kinds import KINDS
from awe_cli.workspace.recipe import Manifest, digest_of

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Artifact:
    """A folder of the store whose manifest and file sizes have been checked.

    name     as the pointer calls it; None for the dataset and for what was opened by digest
    digest   sha256 of the manifest, which names the sha256 of every file
    created  when the name came to mean this artifact (UTC, ISO 8601); None where opened by digest
    """

    path: Path
    digest: str
    manifest: Manifest
    name: str | None = None
    created: str | None = None

    @property
    def kind(self) -> str:
        """dataset, model, neighbors, affinity, predictions or metrics."""
        return self.manifest.recipe.kind

    @property
    def noun(self) -> str:
        """What a sentence calls it; of a kind that only another version of awe knows, the kind itself."""
        return KINDS[self.kind].noun if self.kind in KINDS else self.kind

    @property
    def version(self) -> int:
        """The version of the format that the step wrote."""
        return self.manifest.recipe.version

    @property
    def settings(self) -> Mapping[str, Any]:
        """What the step was told, as it was stored."""
        return self.manifest.recipe.settings

    @property
    def parents(self) -> Mapping[str, str]:
        """Role → digest of the artifacts that this one was made from."""
        return self.manifest.recipe.parents

    @property
    def size(self) -> int:
        """Bytes in all files."""
        return sum(file.size for file in self.manifest.files.values())

    def describe(self) -> str:
        """How messages call it: "model 'awe'" or "dataset 3f2a…"."""
        return f"{self.kind} {self.name!r}" if self.name else f"{self.kind} {self.digest[:12]}"

    def has(self, name: str) -> bool:
        """Whether the artifact holds a file of this name."""
        return name in self.manifest.files

    def file(self, name: str) -> Path:
        """The path of one of its files; CorruptArtifactError where the manifest knows none of that name."""
        if self.has(name):
            return self.path / name
        held = ", ".join(sorted(self.manifest.files)) or "nothing"
        raise self.corrupt(name, "a file of that name", f"only {held}")

    def corrupt(self, name: str, expected: str, found: str) -> CorruptArtifactError:
        """The error that says what is wrong with the file `name`, to be raised by whoever reads it."""
        return corrupt_file(self.path / name, expected, found)

    def expect_version(self, version: int) -> Artifact:
        """This artifact, if it has the version asked for; CorruptArtifactError otherwise."""
        if self.version == version:
            return self
        raise CorruptArtifactError(
            f"{self.path}: expected a {self.noun} of format {version}, found format {self.version}",
            hint="it was written by another version of awe: run the step that makes it again",
        )


def open_artifact(path: Path, digest: str, *, verify: bool) -> Artifact:
    """The artifact in the folder `path` (its last part is `digest`).

    The manifest must have this digest and every file its size; with `verify`, its sha256 too.
    Raises CorruptArtifactError naming the file, what was expected and what was found.
    """
    source = path / MANIFEST
    try:
        content = source.read_bytes()
    except OSError as error:
        raise corrupt_file(source, "a manifest", error.strerror or str(error)) from error
    if (found := digest_of(content)) != digest:
        raise corrupt_file(source, f"sha256 {digest}", f"sha256 {found}")
    try:
        manifest = Manifest.decode(content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise corrupt_file(source, "a manifest of awe", repr(error)) from error
    artifact = Artifact(path, digest, manifest)
    for name in manifest.files:
        _check_file(artifact, name, verify)
    return artifact


def corrupt_file(path: Path, expected: str, found: str) -> CorruptArtifactError:
    """The error for a stored file that is not what it should be."""
    folder = next((p for p in path.parents if p.parent.name == "store"), path.parent)
    return CorruptArtifactError(
        f"{path}: expected {expected}, found {found}",
        hint=f"remove it with `rm -r {folder}` and run the step that makes it again (`awe status` names it)",
    )


def _check_file(artifact: Artifact, name: str, verify: bool) -> None:
    path, record = artifact.path / name, artifact.manifest.files[name]
    try:
        size = path.stat().st_size
    except OSError as error:
        raise artifact.corrupt(name, f"{record.size} bytes", error.strerror or str(error)) from error
    if size != record.size:
        raise artifact.corrupt(name, f"{record.size} bytes", f"{size} bytes")
    if verify and (found := file_digest(path)) != record.sha256:
        raise artifact.corrupt(name, f"sha256 {record.sha256}", f"sha256 {found}")
