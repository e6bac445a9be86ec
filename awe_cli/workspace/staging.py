"""An artifact that is being written: invisible until it is complete."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from awe_cli.errors import CorruptArtifactError
from awe_cli.workspace.artifact import MANIFEST, Artifact, open_artifact
from awe_cli.workspace.disk import file_digest, make_folder, sync_file, sync_folder, writing
from awe_cli.workspace.recipe import FileRecord, Manifest, Recipe, digest_of


class Staging:
    """A folder to fill and then to publish under a name. Made by `Workspace.stage`.

    path    the folder; everything in it becomes part of the artifact
    recipe  what the artifact is made from
    """

    def __init__(
        self, path: Path, recipe: Recipe, store: Path, name_it: Callable[[Artifact, str | None], Artifact]
    ) -> None:
        self.path = path
        self.recipe = recipe
        self._store = store
        self._name_it = name_it

    def file(self, name: str) -> Path:
        """Where to write the file `name`; may lie in a folder ("tables/a.parquet")."""
        path = self.path / name
        make_folder(path.parent)
        return path

    def publish(self, name: str | None = None) -> Artifact:
        """Move the folder into the store and make `name` mean it (None for the dataset).

        Everything is on the disk before the name changes, so a crash at any instant leaves the name
        with its old meaning or with the new one, complete. Raises WriteError.
        """
        manifest = Manifest(self.recipe, self._records())
        content = manifest.encode()
        digest = digest_of(content)
        with writing(self.path):
            (self.path / MANIFEST).write_bytes(content)
            self._sync()
            self._move_to(self._store / digest, digest)
        artifact = Artifact(self._store / digest, digest, manifest)
        return self._name_it(artifact, name)

    def _records(self) -> dict[str, FileRecord]:
        with writing(self.path):
            return {
                path.relative_to(self.path).as_posix(): FileRecord(path.stat().st_size, file_digest(path))
                for path in sorted(self.path.rglob("*"))
                if path.is_file()
            }

    def _sync(self) -> None:
        for path in self.path.rglob("*"):
            if path.is_dir():
                sync_folder(path)
            else:
                sync_file(path)
        sync_folder(self.path)

    def _move_to(self, target: Path, digest: str) -> None:
        """Rename the folder into the store, unless the same artifact is there, whole, already."""
        make_folder(self._store)
        if target.exists():
            try:
                open_artifact(target, digest, verify=True)
            except CorruptArtifactError:
                broken = self.path.with_name(f"{self.path.name}.broken")
                os.replace(target, broken)
                os.replace(self.path, target)
                shutil.rmtree(broken, ignore_errors=True)
        else:
            os.replace(self.path, target)
        sync_folder(self._store)
