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
from typing import Any

from awe_cli.cleanup import half_made
from awe_cli.errors import (
    AweError,
    CorruptArtifactError,
    MissingInputError,
    SettingsError,
    nearest,
    refused_reading,
)
from awe_cli.workspace.artifact import (
    CHECKPOINTS,
    KINDS,
    MANIFEST,
    Artifact,
    FileRecord,
    Manifest,
    Recipe,
    canonical,
    check_name,
    digest_of,
    is_digest,
    open_artifact,
    unreadable,
)
from awe_cli.workspace.fs import (
    file_digest,
    is_write_failure,
    make_folder,
    read_small,
    replace_file,
    sync_file,
    sync_folder,
    write_error,
    writing,
)
from awe_cli.workspace.lock import WriteLock
from awe_cli.workspace.plan import Plan, Planned, differences
from awe_cli.workspace.read_lock import ReadLocks
from awe_cli.workspace.room import Needs, require_room

# A name in the workspace: a small file that says which artifact it stands for.

MAX_EARLIER = 50  # versions of a name that are remembered, so that its file stays small
_LARGEST = 1 << 16  # bytes


@dataclass(frozen=True)
class Pointer:
    """digest of the artifact, digest of its recipe, and when (UTC, ISO 8601) the name came to mean it.

    number   of this version of the name, from 1
    source   for an alias, the name of the model that was promoted; None for a name that a step made
    earlier  the versions before, oldest first, without versions before them; at most MAX_EARLIER
    """

    digest: str
    recipe: str
    created: str
    number: int = 1
    source: str | None = None
    earlier: tuple[Pointer, ...] = ()

    @property
    def is_alias(self) -> bool:
        """Whether the name was given by `awe promote` and not by the step that made the artifact."""
        return self.source is not None

    @property
    def versions(self) -> tuple[Pointer, ...]:
        """Every version that is remembered, oldest first, this one last."""
        return (*self.earlier, dataclasses.replace(self, earlier=()))

    @classmethod
    def now(cls, digest: str, recipe: str, source: str | None = None) -> Pointer:
        """A pointer made at this second."""
        created = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        return cls(digest, recipe, created, source=source)


def read_pointer(path: Path) -> Pointer | None:
    """The pointer at `path`, or None where there is none.

    Raises CorruptArtifactError where it is damaged, MissingInputError where the system refuses to read it.
    """
    try:
        return _decode(read_small(path, _LARGEST))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        if refused_reading(error):
            raise unreadable(path, "a pointer", error) from error
        raise CorruptArtifactError(
            f"{path}: expected a pointer (JSON with digest, recipe and created), found {error!r}",
            hint=f"remove {path} and run the step that makes it again",
        ) from error


def _decode(content: bytes) -> Pointer:
    """The pointer in `content`. Workspaces of earlier versions have no checksum; any other key is refused."""
    data = json.loads(content)
    if not isinstance(data, dict):
        raise ValueError(f"a {type(data).__name__}")
    checksum = data.pop("checksum", None)
    versions = [data, *data.get("earlier", ())]
    if not all(_is_version(version) for version in versions):
        raise ValueError("not the keys of a pointer, or no digest")
    if checksum is not None and (
        checksum != digest_of(canonical(data)) or content != canonical({**data, "checksum": checksum})
    ):
        raise ValueError("its checksum does not agree")
    current, *earlier = map(_version, versions)
    return dataclasses.replace(current, earlier=tuple(earlier))


def _is_version(data: Any) -> bool:
    needed, known = (
        {"digest", "recipe", "created"},
        {"digest", "recipe", "created", "number", "source", "earlier"},
    )
    return isinstance(data, dict) and needed <= set(data) <= known and is_digest(data["digest"])


def write_pointer(path: Path, pointer: Pointer) -> Pointer:
    """Make `path` mean `pointer`, unless it already means the same artifact; return what it now holds."""
    try:
        present = read_pointer(path)
    except CorruptArtifactError:
        present = None
    if present is not None and (present.digest, present.recipe) == (pointer.digest, pointer.recipe):
        return present
    if present is not None:
        earlier = present.versions[-MAX_EARLIER:]
        pointer = dataclasses.replace(pointer, number=present.number + 1, earlier=earlier)
    make_folder(path.parent)
    content = _as_json(pointer)
    if pointer.earlier:
        content["earlier"] = [_as_json(version) for version in pointer.earlier]
    replace_file(path, canonical({**content, "checksum": digest_of(canonical(content))}))
    return pointer


def _version(data: dict[str, Any]) -> Pointer:
    source = data.get("source")
    return Pointer(
        digest=str(data["digest"]),
        recipe=str(data["recipe"]),
        created=str(data["created"]),
        number=int(data.get("number", 1)),
        source=None if source is None else str(source),
    )


def _as_json(version: Pointer) -> dict[str, Any]:
    """The first version of a plain name has three keys, as names had before there were versions."""
    content: dict[str, Any] = {
        "digest": version.digest,
        "recipe": version.recipe,
        "created": version.created,
    }
    if version.number > 1:
        content["number"] = version.number
    if version.source is not None:
        content["source"] = version.source
    return content


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
    """The artifacts below the folder `root`. Reading needs no lock; writing takes it.

    dry_run  nothing is written, nor locked: where a step asks `current` whether its result is there, Planned is raised
             with what it would do and why
    anyway   work begins also where the memory or the disk that it needs is not there
    """

    def __init__(self, root: Path, *, dry_run: bool = False, anyway: bool = False) -> None:
        self.root = Path(root)
        self.dry_run = dry_run
        self._passes = False
        self.anyway = anyway
        self.store = self.root / "store"
        self.staging = self.root / "staging"
        self.readers = ReadLocks()
        self._lock = WriteLock(self.root)
        self._staged: set[Path] = set()

    @property
    def settings_file(self) -> Path:
        """Where the settings of this workspace are kept, if there are any."""
        return self.root / "awe.toml"

    @contextlib.contextmanager
    def lock(self, wait: float = False) -> Iterator[None]:
        """Be the only writer inside the block. Raises BusyError, or waits: without end, or so many seconds."""
        if self.dry_run:
            yield
            return
        self._lock.acquire(wait=wait)
        try:
            yield
        finally:
            self._lock.release()

    @contextlib.contextmanager
    def shared_lock(self, wait: float = False) -> Iterator[None]:
        """Keep writers out inside the block without writing anything. Raises BusyError, or waits."""
        with self._lock.shared(wait=wait):
            yield

    def names(self, kind: str) -> list[str]:
        """The names of all artifacts of a kind that has names, sorted."""
        folder = KINDS[kind].folder
        if folder is None:
            return []
        return sorted(path.stem for path in (self.root / folder).glob("[!.]*.json"))

    def name_of(self, kind: str, digest: str) -> str | None:
        """The first name that means the artifact with this digest, an alias last; None where there is none."""
        pointers = {name: self.pointer(kind, name) for name in self.names(kind)}
        names = [name for name, pointer in pointers.items() if pointer and pointer.digest == digest]
        return min(names, key=lambda name: (self.is_alias(kind, name), name), default=None)

    def pointer(self, kind: str, name: str | None) -> Pointer | None:
        """What is written under a name, with its earlier versions; None where there is no such name."""
        return read_pointer(KINDS[kind].pointer(self.root, name))

    def is_alias(self, kind: str, name: str | None) -> bool:
        """Whether `awe promote` made this name. False where the name is missing or unreadable."""
        with contextlib.suppress(CorruptArtifactError):
            pointer = self.pointer(kind, name)
            return pointer is not None and pointer.is_alias
        return False

    def find(self, kind: str, name: str | None = None, *, verify: bool = False) -> Artifact:
        """The artifact that `name` means. Without a name: the dataset, or the only one of its kind.

        Checks the manifest, and the size and sha256 of every file; with `verify`, also of those that this process
        has read already.
        Raises MissingInputError with the nearest name and the command that makes one,
        CorruptArtifactError naming the file.
        """
        if name is None and len(self.names(kind)) == 1:
            name = self.names(kind)[0]
        if name is None and KINDS[kind].folder is not None:
            raise self._unnamed(kind)
        pointer = self.pointer(kind, name)
        while True:
            if pointer is None:
                raise self._missing(kind, name)
            try:
                artifact = self.get(kind, pointer.digest, verify=verify)
                break
            except (MissingInputError, CorruptArtifactError):
                # Between the two reads another process may have changed the name and removed what it meant.
                again = self.pointer(kind, name)
                if again == pointer:
                    raise
                pointer = again
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
        try:
            path.stat()
        except OSError as error:
            if refused_reading(error):
                raise unreadable(path, "an artifact", error) from error
            raise MissingInputError(
                f"{path}: expected a stored artifact, found nothing",
                hint="run the step that makes it again (`awe status` names it)",
            ) from None
        self.readers.hold(path)
        return open_artifact(path, digest, verify=verify)

    def require(self) -> None:
        """MissingInputError where the folder of the workspace is not there."""
        if os.path.isdir(self.root) and not os.access(self.root, os.R_OK | os.X_OK):
            raise MissingInputError(
                f"{self.root}: cannot be read: Permission denied",
                hint="allow this user to read the workspace",
            )
        if not os.path.isdir(self.root):  # unlike Path.is_dir, False for a name that cannot be
            found, more = "nothing", f", or begin with `{KINDS['dataset'].how_to_make(None)}`"
            if os.path.exists(self.root):
                found, more = "a file", ", which is a folder"
            raise MissingInputError(
                f"{self.root}: expected a workspace, found {found}",
                hint=f"name one with --workspace{more}",
            )

    def current(
        self, kind: str, name: str | None, recipe: Recipe, needs: Callable[[], Needs] | None = None
    ) -> Artifact | None:
        """What `name` means, if it was made from just this recipe and is whole; else None.

        needs  estimates what making it takes: before None is returned, that is required to be there, with WriteError
               for the disk and SettingsError for memory

        Raises SettingsError for an alias: only `awe promote` and `awe rollback` change what it means.
        """
        if self.is_alias(kind, name):
            raise SettingsError(
                f"{name!r} is an alias, and no step writes to an alias",
                hint=f"choose another --name, then run `awe promote NAME --as {name}`",
            )
        if self.dry_run:
            plan = self._plan(kind, name, recipe)
            if self._passes and not plan.would_run:
                return self.find(kind, name)
            raise Planned(dataclasses.replace(plan, needs=needs()) if needs and plan.would_run else plan)
        with contextlib.suppress(CorruptArtifactError, MissingInputError):
            pointer = read_pointer(KINDS[kind].pointer(self.root, name))
            if pointer is not None and pointer.recipe == recipe.digest:
                found = self.find(kind, name)
                # Left by a run that was killed after it had published.
                shutil.rmtree(self.root / CHECKPOINTS / recipe.digest, ignore_errors=True)
                with contextlib.suppress(OSError):
                    (self.root / CHECKPOINTS).rmdir()
                return found
        if needs is not None:
            self.require_room(needs())
        return None

    def require_room(self, needs: Needs, folder: Path | None = None) -> None:
        """Raise WriteError or SettingsError where a folder (the workspace) or memory has no room, unless `anyway`."""
        if not self.anyway:
            require_room(folder or self.root, needs)

    @contextlib.contextmanager
    def several_steps(self) -> Iterator[None]:
        """Inside the block a dry run goes on past results that are up to date, to the first that is not."""
        before, self._passes = self._passes, True
        try:
            yield
        finally:
            self._passes = before

    def would(self, target: Path | str, *reasons: str) -> None:
        """In a dry run, raise Planned: a step would write `target` for these reasons; without any it is up to date.

        For steps that do not ask `current`.
        """
        if self.dry_run:
            raise Planned(Plan(str(target), bool(reasons), reasons))

    def target(self, kind: str, name: str | None) -> str:
        """The file of a name as people are told of it: "models/awe.json"."""
        return KINDS[kind].pointer(self.root, name).relative_to(self.root).as_posix()

    def _plan(self, kind: str, name: str | None, recipe: Recipe) -> Plan:
        """What a step with this recipe would do: nothing where `current` would find its result."""
        target = self.target(kind, name)
        try:
            pointer = read_pointer(KINDS[kind].pointer(self.root, name))
            if pointer is None:
                return Plan(target, True, ("it is not there",))
            artifact = self.find(kind, name)
        except (CorruptArtifactError, MissingInputError) as error:
            return Plan(target, True, (f"what is there cannot be used: {error.message}",))
        if pointer.recipe == recipe.digest:
            return Plan(target, False)
        reasons = differences(recipe, artifact.manifest.recipe)
        return Plan(target, True, tuple(reasons) or ("what is there was made from another recipe",))

    @contextlib.contextmanager
    def stage(self, kind: str, recipe: Recipe) -> Iterator[Staging]:
        """A folder to fill and publish; removed on leaving the block if it was not published.

        Takes the lock where it is not held yet. A full disk or a forbidden write becomes a WriteError.
        """
        if self.dry_run:
            raise ValueError("nothing is written in a dry run")
        if recipe.kind != kind:
            raise ValueError(f"the recipe of a {recipe.kind} cannot make a {kind}")
        with self.lock():
            path = self.staging / f"{kind}-{secrets.token_hex(4)}"
            self._clear_leftovers()
            self._staged.add(path)
            try:
                with half_made(path):
                    make_folder(path)
                    yield Staging(path, recipe, self.store, self._point)
            except OSError as error:
                if is_write_failure(error, path):
                    raise write_error(path, error) from error
                raise
            finally:
                self._staged.discard(path)
                shutil.rmtree(path, ignore_errors=True)

    def promote(self, artifact: Artifact, alias: str, source: str) -> Pointer:
        """Let `alias` mean an artifact, keeping what it meant before. Hold the lock."""
        pointer = Pointer.now(artifact.digest, artifact.manifest.recipe.digest, source)
        return write_pointer(KINDS[artifact.kind].pointer(self.root, alias), pointer)

    def _clear_leftovers(self) -> None:
        """Remove what killed runs were writing; with the lock held, nobody else is."""
        for kind in KINDS.values():
            for draft in (self.root / (kind.folder or "")).glob(".*.json.new"):
                with contextlib.suppress(OSError):
                    draft.unlink()
        for folder in self.staging.glob("*-" + "[0-9a-f]" * 8 + "*"):
            if folder not in self._staged:
                shutil.rmtree(folder, ignore_errors=True)

    def call(self, artifact: Artifact, name: str) -> Artifact:
        """Let `name` mean an artifact of the store; the artifact as that name calls it. Hold the lock."""
        if self.dry_run:
            pointer = self.pointer(artifact.kind, check_name(name))
            if pointer is None or pointer.digest != artifact.digest:
                self.would(
                    self.target(artifact.kind, name), f"it would mean {artifact.name or artifact.digest[:12]}"
                )
            return artifact
        return self._point(artifact, check_name(name))

    def _point(self, artifact: Artifact, name: str | None) -> Artifact:
        path = KINDS[artifact.kind].pointer(self.root, name)
        pointer = Pointer.now(artifact.digest, artifact.manifest.recipe.digest)
        pointer = write_pointer(path, pointer)
        return dataclasses.replace(artifact, name=name, created=pointer.created)

    def _missing(self, kind: str, name: str | None) -> AweError:
        self.require()
        noun, make = KINDS[kind].noun, f"make it with `{KINDS[kind].how_to_make(name)}`"
        if kind == "dataset":
            make += "; `awe describe FILE` prints the whole command for a file"
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
