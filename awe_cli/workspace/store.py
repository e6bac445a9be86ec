"""A workspace: names as pointers, finding artifacts by name, and publishing new ones."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from awe_cli.errors import AweError, CorruptArtifactError, MissingInputError, nearest
from awe_cli.workspace.artifact import (
    KINDS,
    MANIFEST,
    Artifact,
    FileRecord,
    Manifest,
    Recipe,
    canonical,
    check_name,
    digest_of,
    open_artifact,
)
from awe_cli.workspace.fs import (
    file_digest,
    is_write_failure,
    make_folder,
    replace_file,
    sync_file,
    sync_folder,
    write_error,
    writing,
)
from awe_cli.workspace.lock import WriteLock

# A name in the workspace: a small file that says which artifact it stands for.


@dataclass(frozen=True)
class Pointer:
    """digest of the artifact, digest of its recipe, and when (UTC, ISO 8601) the name came to mean it."""

    digest: str
    recipe: str
    created: str

    @classmethod
    def now(cls, digest: str, recipe: str) -> Pointer:
        """A pointer made at this second."""
        created = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        return cls(digest, recipe, created)


def read_pointer(path: Path) -> Pointer | None:
    """The pointer at `path`, or None where there is none; CorruptArtifactError where it is unreadable."""
    try:
        data = json.loads(path.read_bytes())
        return Pointer(str(data["digest"]), str(data["recipe"]), str(data["created"]))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptArtifactError(
            f"{path}: expected a pointer (JSON with digest, recipe and created), found {error!r}",
            hint=f"remove {path} and run the step that makes it again",
        ) from error


def write_pointer(path: Path, pointer: Pointer) -> Pointer:
    """Make `path` mean `pointer`, unless it already means the same artifact; return what it now holds."""
    try:
        present = read_pointer(path)
    except CorruptArtifactError:
        present = None
    if present is not None and (present.digest, present.recipe) == (pointer.digest, pointer.recipe):
        return present
    make_folder(path.parent)
    content = {"digest": pointer.digest, "recipe": pointer.recipe, "created": pointer.created}
    replace_file(path, canonical(content))
    return pointer


# An artifact that is being written: invisible until it is complete.


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


# A workspace: finding artifacts by name, and making new ones.


class Workspace:
    """The artifacts below the folder `root`. Reading needs no lock; writing takes it."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self.store = self.root / "store"
        self.staging = self.root / "staging"
        self._lock = WriteLock(self.root)

    @property
    def settings_file(self) -> Path:
        """Where the settings of this workspace are kept, if there are any."""
        return self.root / "awe.toml"

    @contextlib.contextmanager
    def lock(self, wait: bool = False) -> Iterator[None]:
        """Be the only writer inside the block. Raises BusyError, or waits."""
        self._lock.acquire(wait=wait)
        try:
            yield
        finally:
            self._lock.release()

    def names(self, kind: str) -> list[str]:
        """The names of all artifacts of a kind that has names, sorted."""
        folder = KINDS[kind].folder
        if folder is None:
            return []
        return sorted(path.stem for path in (self.root / folder).glob("[!.]*.json"))

    def name_of(self, kind: str, digest: str) -> str | None:
        """The first name that means the artifact with this digest; None where there is none."""
        for name in self.names(kind):
            pointer = read_pointer(KINDS[kind].pointer(self.root, name))
            if pointer is not None and pointer.digest == digest:
                return name
        return None

    def find(self, kind: str, name: str | None = None, *, verify: bool = False) -> Artifact:
        """The artifact that `name` means. Without a name: the dataset, or the only one of its kind.

        Checks the manifest and the size of every file; with `verify`, the sha256 too.
        Raises MissingInputError with the nearest name and the command that makes one,
        CorruptArtifactError naming the file.
        """
        if name is None and len(self.names(kind)) == 1:
            name = self.names(kind)[0]
        if name is None and KINDS[kind].folder is not None:
            raise self._unnamed(kind)
        pointer = read_pointer(KINDS[kind].pointer(self.root, name))
        if pointer is None:
            raise self._missing(kind, name)
        artifact = self.get(kind, pointer.digest, verify=verify)
        return dataclasses.replace(artifact, name=name, created=pointer.created)

    def get(self, kind: str, digest: str, *, verify: bool = False) -> Artifact:
        """The artifact with this digest, named or not. Raises MissingInputError, CorruptArtifactError."""
        artifact = self.open(digest, verify=verify)
        if artifact.kind != kind:
            raise artifact.corrupt("manifest.json", f"a {KINDS[kind].noun}", f"a {artifact.noun}")
        return artifact

    def open(self, digest: str, *, verify: bool = False) -> Artifact:
        """The artifact with this digest, of any kind. Raises MissingInputError, CorruptArtifactError."""
        path = self.store / digest
        if not path.is_dir():
            raise MissingInputError(
                f"{path}: expected a stored artifact, found nothing",
                hint="run the step that makes it again (`awe status` names it)",
            )
        return open_artifact(path, digest, verify=verify)

    def require(self) -> None:
        """MissingInputError where the folder of the workspace is not there."""
        if not os.path.isdir(self.root):  # unlike Path.is_dir, False for a name that cannot be
            found = "a file" if os.path.exists(self.root) else "nothing"
            raise MissingInputError(
                f"{self.root}: expected a workspace, found {found}",
                hint=f"name one with --workspace, or begin with `{KINDS['dataset'].how_to_make(None)}`",
            )

    def current(self, kind: str, name: str | None, recipe: Recipe) -> Artifact | None:
        """What `name` means, if it was made from just this recipe and is whole; else None."""
        with contextlib.suppress(CorruptArtifactError, MissingInputError):
            pointer = read_pointer(KINDS[kind].pointer(self.root, name))
            if pointer is not None and pointer.recipe == recipe.digest:
                return self.find(kind, name)
        return None

    @contextlib.contextmanager
    def stage(self, kind: str, recipe: Recipe) -> Iterator[Staging]:
        """A folder to fill and publish; removed on leaving the block if it was not published.

        Takes the lock where it is not held yet. A full disk or a forbidden write becomes a WriteError.
        """
        if recipe.kind != kind:
            raise ValueError(f"the recipe of a {recipe.kind} cannot make a {kind}")
        with self.lock():
            path = self.staging / f"{kind}-{secrets.token_hex(4)}"
            make_folder(path)
            try:
                yield Staging(path, recipe, self.store, self._point)
            except OSError as error:
                if is_write_failure(error, path):
                    raise write_error(path, error) from error
                raise
            finally:
                shutil.rmtree(path, ignore_errors=True)

    def call(self, artifact: Artifact, name: str) -> Artifact:
        """Let `name` mean an artifact of the store; the artifact as that name calls it. Hold the lock."""
        return self._point(artifact, check_name(name))

    def _point(self, artifact: Artifact, name: str | None) -> Artifact:
        path = KINDS[artifact.kind].pointer(self.root, name)
        pointer = Pointer.now(artifact.digest, artifact.manifest.recipe.digest)
        pointer = write_pointer(path, pointer)
        return dataclasses.replace(artifact, name=name, created=pointer.created)

    def _missing(self, kind: str, name: str | None) -> AweError:
        self.require()
        noun, make = KINDS[kind].noun, f"make it with `{KINDS[kind].how_to_make(name)}`"
        if name is None:
            return MissingInputError(f"there is no {noun} in the workspace {self.root}", hint=make)
        similar = nearest(name, self.names(kind))
        there = ", ".join(self.names(kind)) or "none"
        hint = f"did you mean {similar!r}? Otherwise {make}" if similar else make
        return MissingInputError(
            f"there is no {noun} named {name!r} in the workspace {self.root}; there: {there}", hint=hint
        )

    def _unnamed(self, kind: str) -> AweError:
        if not self.names(kind):
            return self._missing(kind, None)
        there = ", ".join(self.names(kind))
        return MissingInputError(
            f"which {KINDS[kind].noun}? The workspace {self.root} holds {there}", hint="name one of them"
        )
