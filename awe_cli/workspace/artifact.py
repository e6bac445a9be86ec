"""Artifacts: their kinds, the recipe and manifest of each, and the checks that one is what its manifest says."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from awe_cli.errors import AweError, CorruptArtifactError, MissingInputError, SettingsError, refused_reading
from awe_cli.workspace.fs import file_digest, read_small

# The kinds of artifact, where their pointers lie and the command that makes one.

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_LONGEST_NAME = 100


@dataclass(frozen=True)
class Kind:
    """One kind of artifact.

    noun     what a sentence calls one of them, after "a" or "no"
    folder   where its pointers lie, below the workspace; None where there is one without a name
    command  what the user runs to make one; `{name}` stands for its name
    """

    name: str
    noun: str
    folder: str | None
    command: str

    def pointer(self, root: Path, name: str | None) -> Path:
        """The pointer file of `name`; raises SettingsError where a name is missing or impossible."""
        if self.folder is None:
            return root / f"{self.name}.json"
        if name is None:
            raise SettingsError(f"a {self.noun} needs a name", hint=f"run `{self.how_to_make('NAME')}`")
        return root / self.folder / f"{check_name(name)}.json"

    def how_to_make(self, name: str | None) -> str:
        """The command that makes the artifact `name`."""
        return self.command.format(name=name or "NAME")


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("dataset", "dataset", None, "awe prepare FILE --user COLUMN --item COLUMN"),
        Kind("model", "model", "models", "awe train --affinity constant --name {name}"),
        Kind("neighbors", "neighbour table", "neighbors", "awe build-knn --model MODEL --name {name}"),
        Kind(
            "affinity",
            "built affinity",
            "affinities",
            "awe build-affinity --model MODEL --affinity NAME --name {name}",
        ),
        Kind("index", "index of labels", "indexes", "awe predict --model MODEL --approximate hnsw"),
        Kind("calibration", "calibration", "calibrations", "awe calibrate --model {name}"),
        Kind("predictions", "set of predictions", "predictions", "awe predict --model {name}"),
        Kind("metrics", "comparison", "metrics", "awe evaluate --model {name}"),
    )
}


def check_name(name: str) -> str:
    """`name` itself, if it can name an artifact; SettingsError otherwise."""
    if _NAME.fullmatch(name) and len(name) <= _LONGEST_NAME:
        return name
    raise SettingsError(
        f"{name!r} cannot be a name: expected letters, digits, '.', '_' and '-', "
        f"not starting with '.' or '-', at most {_LONGEST_NAME} characters",
        hint="choose another name, such as 'wsabie-64'",
    )


# What an artifact is made from and what it holds: the two halves of its manifest.


@dataclass(frozen=True)
class Recipe:
    """All that decides what a step will make. Two equal recipes make the same artifact.

    kind      one of KINDS
    version   of the format and of the mathematics behind it; raised when either changes
    settings  JSON values only; no times, no paths, no number of threads
    parents   role → digest of the artifacts it is made from
    """

    kind: str
    version: int
    settings: Mapping[str, Any]
    parents: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The recipe as a JSON object."""
        return {
            "kind": self.kind,
            "version": self.version,
            "settings": dict(self.settings),
            "parents": dict(self.parents),
        }

    @property
    def digest(self) -> str:
        """sha256 of the recipe, in hexadecimal."""
        return digest_of(canonical(self.as_json()))


@dataclass(frozen=True)
class FileRecord:
    """A file as it was when the artifact was written; size in bytes, sha256 in hexadecimal."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """A recipe and the files that came of it, by their path inside the artifact."""

    recipe: Recipe
    files: Mapping[str, FileRecord]

    def encode(self) -> bytes:
        """The bytes of manifest.json. Their digest is the digest of the artifact."""
        files = {name: {"size": file.size, "sha256": file.sha256} for name, file in self.files.items()}
        return canonical({**self.recipe.as_json(), "files": files})

    @classmethod
    def decode(cls, content: bytes) -> Manifest:
        """The manifest in `content`; raises ValueError, KeyError, TypeError or RecursionError where it is none."""
        data = json.loads(content)
        kind, version, settings, parents = (data[key] for key in ("kind", "version", "settings", "parents"))
        if not (isinstance(kind, str) and type(version) is int and isinstance(settings, dict)):
            raise ValueError("expected a kind, a version and settings")
        if not all(is_digest(parent) for parent in dict(parents).values()):
            raise ValueError("expected the parents to be digests")
        files = {
            _inside(name): FileRecord(int(f["size"]), str(f["sha256"])) for name, f in data["files"].items()
        }
        return cls(Recipe(kind, version, settings, dict(parents)), files)


def is_digest(value: object) -> bool:
    """Whether this is a sha256 in hexadecimal, as the folders of the store are called."""
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None


def _inside(name: str) -> str:
    """`name`, if it is a path that stays inside the artifact; ValueError otherwise."""
    parts = name.split("/")
    if not all(parts) or {".", ".."} & set(parts) or "\0" in name or "\\" in name:
        raise ValueError(f"the file name {name!r} leads out of the artifact")
    return name


def canonical(value: Mapping[str, Any]) -> bytes:
    """JSON in one spelling: sorted keys, two spaces, UTF-8, a final newline, no NaN."""
    text = json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode()


def digest_of(content: bytes) -> str:
    """sha256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


# A finished artifact, and the checks that it is what its manifest says.

MANIFEST = "manifest.json"
CHECKPOINTS = "checkpoints"  # the folder, below a workspace, of what unfinished steps keep
VERIFY = "AWE_VERIFY"  # always (the default) or never: whether the sha256 of what is opened is compared
# Times of change are as coarse as the kernel's clock: a file that changed just now may change again unnoticed.
_SETTLED = 0.1  # seconds
_verified: dict[tuple[str, int, int, int, int, int], str] = {}  # what this process read already


@dataclass(frozen=True)
class Artifact:
    """A folder of the store whose manifest and files have been checked.

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
        """One of KINDS, such as dataset or model."""
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
        """The settings of the step, as stored."""
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

    The manifest must have this digest, every file its size and its sha256. What this process has read already is
    read again only where it has changed since, or with `verify`. Raises CorruptArtifactError naming the file, what
    was expected and what was found; MissingInputError for what may not be read.
    """
    source = path / MANIFEST
    try:
        content = read_small(source)
    except (OSError, ValueError) as error:
        raise unreadable(source, "a manifest", error) from error
    if (found := digest_of(content)) != digest:
        raise corrupt_file(source, f"sha256 {digest}", f"sha256 {found}")
    try:
        manifest = Manifest.decode(content)
    except UNDECODABLE as error:
        raise corrupt_file(source, "a manifest of awe", repr(error)) from error
    artifact = Artifact(path, digest, manifest)
    for name in manifest.files:
        _check_file(artifact, name, verify)
    return artifact


# What decoding bytes that are not what they should be can raise.
UNDECODABLE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NotImplementedError,  # of Arrow, for a column of another type
    RecursionError,
    SyntaxError,
    TypeError,
    ValueError,
)


@contextlib.contextmanager
def decoding(path: Path, expected: str) -> Iterator[None]:
    """Turn what decoding the stored file `path` raises inside the block into a CorruptArtifactError."""
    try:
        yield
    except AweError:
        raise
    except OSError as error:
        raise unreadable(path, expected, error) from error
    except UNDECODABLE as error:
        raise corrupt_file(path, expected, f"{type(error).__name__}: {error}") from error


class Document(dict[str, Any]):
    """A stored JSON object; CorruptArtifactError where a key is asked for that it does not have."""

    def __init__(self, path: Path, content: Mapping[str, Any]) -> None:
        super().__init__(content)
        self.path = path

    def __missing__(self, key: str) -> Any:
        raise corrupt_file(self.path, f"a value of {key!r}", f"only {', '.join(sorted(self)) or 'none'}")


def read_document(path: Path) -> dict[str, Any]:
    """The JSON object in a stored file. Raises CorruptArtifactError, here and where a missing key is looked up."""
    with decoding(path, "a JSON object"):
        document = json.loads(read_small(path))
        if not isinstance(document, dict):
            raise ValueError(f"a {type(document).__name__}")
        return Document(path, document)


def unreadable(path: Path, expected: str, error: Exception) -> AweError:
    """The error for a stored file that cannot be read: where the system refuses, the file may well be whole."""
    if (refusal := refused_reading(error)) is not None:
        forbidden = isinstance(refusal, PermissionError)
        first = "allow this user to read the workspace" if forbidden else "try again, and check the disk"
        return MissingInputError(
            f"{path}: cannot be read: {os.strerror(refusal.errno or 0)}",
            hint=f"{first}; nothing is known to be damaged",
        )
    return corrupt_file(path, expected, getattr(error, "strerror", None) or str(error))


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
        _refuse_links(artifact, name)
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            raise artifact.corrupt(name, "a regular file", stat.filemode(status.st_mode))
        if status.st_size != record.size:
            raise artifact.corrupt(name, f"{record.size} bytes", f"{status.st_size} bytes")
        if not verify and not _verifies():
            return
        changed = status.st_mtime_ns, status.st_ctime_ns
        key = (str(path), status.st_dev, status.st_ino, status.st_size, *changed)
        if not verify and _verified.get(key) == record.sha256:
            return
        found = file_digest(path)
    except OSError as error:
        raise unreadable(path, f"{record.size} bytes", error) from error
    if found != record.sha256:
        raise artifact.corrupt(name, f"sha256 {record.sha256}", f"sha256 {found}")
    if time.time() - max(changed) / 1e9 > _SETTLED:
        _verified[key] = found


def _refuse_links(artifact: Artifact, name: str) -> None:
    """Raise CorruptArtifactError where a folder between the artifact and its file leads elsewhere."""
    folder = artifact.path
    for part in Path(name).parts[:-1]:
        folder /= part
        if folder.is_symlink():
            raise artifact.corrupt(name, "a file inside the artifact", f"{folder} is a link")


def _verifies() -> bool:
    setting = os.environ.get(VERIFY) or "always"
    if setting not in ("always", "never"):
        raise SettingsError(f"{VERIFY}: expected always or never, found {setting!r}", hint=f"unset {VERIFY}")
    return setting == "always"
