"""What a step that was stopped had finished, for the same command to go on from.

    checkpoints/RECIPE/about              which step it is of, and of which code
    checkpoints/RECIPE/KEY.NUMBER.SHA256.npz   one piece of work

Each file is written under another name, forced to the disk and renamed; its name has the sha256 of its bytes. A newer
piece of the same key has a greater number, and the older one is removed after it is there. So at any instant the
folder has nothing or something whole, and what was damaged later is seen before it is used. Other processes, on this
machine or on others that see the folder, may publish pieces there, too (`publish_piece`), which are parts of the work:
each is as good as another's, so that of a damaged one nothing else is lost.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from awe_cli.errors import AweError, DivergedError
from awe_cli.workspace.arrays import load_arrays, save_arrays
from awe_cli.workspace.artifact import CHECKPOINTS, Recipe, canonical, unreadable
from awe_cli.workspace.fs import file_digest, make_folder, read_small, replace_file, sync_file, sync_folder

ABOUT = "about"
KEPT_DAYS = 7  # `gc` removes a checkpoint that was not written to for so long
_VALUES = "values"  # the piece of all JSON values that have no arrays
_JSON = "json"  # the array that holds the value of a piece
_SHARE = 1 / 20  # of the time that writing checkpoints may take
_MOST_HELD = 64 * 2**20  # bytes that wait to be written
_PART = "part-"  # how the keys of pieces begin that other processes publish
_FILE = re.compile(r"(?P<key>[^.]+)\.(?P<number>\d+)\.(?P<sha256>[0-9a-f]{64})\.npz")


@dataclass(frozen=True)
class CheckpointSettings:
    """How a step keeps checkpoints. None of this changes a byte of what it makes.

    fresh  start over, whatever an earlier run of the same step left
    every  seconds between two checkpoints at the least; None: as many as make writing them a twentieth of the time
    log    takes what a person may want to know: from where a step goes on
    warn   takes what should not be overlooked: a damaged checkpoint
    """

    fresh: bool = False
    every: float | None = None
    log: Callable[[str], None] = lambda line: None
    warn: Callable[[str], None] = lambda line: None


DEFAULT_CHECKPOINTS = CheckpointSettings()


# A piece of work as it is kept: a JSON value, and arrays by name.
SavedPiece = tuple[Any, Mapping[str, NDArray[Any]]]


class CheckpointFolder:
    """The checkpoints of one step. Writing them never fails the step: where it is impossible, there are none.

    path   checkpoints/RECIPE
    about  what the folder is of, as in about
    """

    def __init__(self, path: Path, about: Mapping[str, Any], settings: CheckpointSettings) -> None:
        self.path, self._about, self._settings = path, about, settings
        self._files: dict[str, Path] = {}
        self._held: dict[str, SavedPiece] = {}
        self._values: dict[str, Any] = {}
        self._number = 0
        self._writes = True
        self._next = time.monotonic() + (settings.every or 0.0)
        if not settings.fresh:
            self._open()
        if not self._files:
            self.remove()

    def load(self, key: str) -> SavedPiece | None:
        """The piece kept under a key; None where there is none."""
        if key in self._values:
            return self._values[key], {}
        path = self._files.get(_file_name(key))
        return None if path is None else _read(path)

    def keep(self, key: str, value: Any, arrays: Mapping[str, NDArray[Any]] | None = None) -> None:
        """Hold a piece, and write all that are held if that is due. Arrays must not be changed while they are held."""
        if not self._writes:
            return
        if arrays:
            self._held[key] = (value, arrays)
        else:
            self._values[key] = value
            self._held[_VALUES] = (self._values, {})
        held = sum(array.nbytes for _, arrays in self._held.values() for array in arrays.values())
        if self.is_due() or held > _MOST_HELD:
            self._write_all()

    def is_due(self) -> bool:
        """Whether `keep` would write now."""
        return self._writes and time.monotonic() >= self._next

    def log(self, line: str) -> None:
        """Tell the user."""
        self._settings.log(line)

    def open_to_others(self) -> None:
        """Make the folder, for other processes to publish parts in. Raises WriteError."""
        make_folder(self.path)
        replace_file(self.path / ABOUT, canonical(self._about))

    def has(self, key: str) -> bool:
        """Whether a piece is kept under a key in a file of its own."""
        return _file_name(key) in self._files

    def take(self, name: str) -> SavedPiece:
        """The piece in a file of this folder that another process published. Raises CorruptArtifactError."""
        path = self.path / name
        try:
            self._take(path)
        except (OSError, ValueError) as error:
            raise unreadable(path, "a part of the work, as it was published", error) from error
        return _read(path)

    def remove(self) -> None:
        """Remove all that is kept, and the folder of all checkpoints where this was the last."""
        self._files, self._held, self._values = {}, {}, {}
        shutil.rmtree(self.path, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.path.parent.rmdir()

    def _open(self) -> None:
        """Look at what is there. What is of other code is removed, and all of it where a file is damaged."""
        found = read_about(self.path)
        if found is None:
            if any(self.path.glob("*.npz")):
                self._settings.warn(f"a damaged checkpoint is ignored, starting over: {self.path / ABOUT}")
            return
        if found.get("code") != self._about["code"]:
            self.log("a checkpoint of another version of awe or its libraries is not used: starting over")
            return
        try:
            for path in sorted(self.path.iterdir()):
                self._take_unless_damaged_part(path)
            if _VALUES in self._files:
                self._values = _read(self._files[_VALUES])[0]
        except (OSError, ValueError, AweError) as error:
            self._files, self._values = {}, {}
            self._settings.warn(f"a damaged checkpoint is ignored, starting over: {error}")

    def _take_unless_damaged_part(self, path: Path) -> None:
        """One file of the folder, as `_take`; a damaged part is removed, and will be made again."""
        try:
            self._take(path)
        except ValueError as error:
            if not path.name.startswith(_PART):
                raise
            self._settings.warn(f"a damaged part is made again: {error}")
            path.unlink()

    def _take(self, path: Path) -> None:
        """One file of the folder: a piece, if its bytes are those that were written. Raises OSError, ValueError."""
        if path.name == ABOUT or path.name.startswith("."):
            return
        match = _FILE.fullmatch(path.name)
        if match is None or not path.is_file() or file_digest(path) != match["sha256"]:
            raise ValueError(f"{path}: expected the sha256 in its name")
        number, key = int(match["number"]), match["key"]
        if key not in self._files or number > _number_of(self._files[key]):
            self._files[key] = path
        self._number = max(self._number, number)

    def _write_all(self) -> None:
        started = time.monotonic()
        try:
            if not (self.path / ABOUT).exists():
                make_folder(self.path)
                replace_file(self.path / ABOUT, canonical(self._about))
            for key, piece in self._held.items():
                self._write(_file_name(key), piece)
            sync_folder(self.path)
        except (OSError, AweError) as error:
            self._writes = False
            self._settings.warn(f"no more checkpoints are kept: {error}")
        self._held = {}
        now = time.monotonic()
        pause = (now - started) / _SHARE if self._settings.every is None else self._settings.every
        self._next = now + pause

    def _write(self, key: str, piece: SavedPiece) -> None:
        self._number += 1
        path = _write_piece(self.path, key, self._number, piece)
        before, self._files[key] = self._files.get(key), path
        if before is not None:
            before.unlink(missing_ok=True)


def part_key(name: str, number: int) -> str:
    """The key of a part of the work `name`."""
    return f"{_PART}{name}-{number}"


def publish_piece(folder: Path, key: str, piece: SavedPiece) -> str:
    """Write a part into the folder of another process; return the name of its file. Raises OSError, WriteError."""
    return _write_piece(folder, _file_name(key), 1, piece).name


def _write_piece(folder: Path, key: str, number: int, piece: SavedPiece) -> Path:
    """The file of a piece, whole and on the disk."""
    draft = folder / f".{secrets.token_hex(4)}.new"
    value, arrays = piece
    encoded = np.frombuffer(json.dumps(value).encode(), np.uint8)
    try:
        save_arrays(draft, {**arrays, _JSON: encoded})
        sync_file(draft)
        path = folder / f"{key}.{number:08d}.{file_digest(draft)}.npz"
        os.replace(draft, path)
        return path
    finally:
        draft.unlink(missing_ok=True)


@contextlib.contextmanager
def open_checkpoints(
    root: Path, recipe: Recipe, name: str | None, code: str, settings: CheckpointSettings
) -> Iterator[CheckpointFolder]:
    """The checkpoints of a step for as long as it runs; removed when it ends well, and where training diverged.

    root  folder of the workspace
    name  what the result will be called: a checkpoint of other settings is then spoken of, and removed at the end
    code  digest of what else decides the bytes: sources, libraries, kind of processor
    """
    about = {"kind": recipe.kind, "name": name, "code": code, "parents": dict(recipe.parents)}
    folder = CheckpointFolder(root / CHECKPOINTS / recipe.digest, about, settings)
    others = [path for path in _siblings(folder.path) if _is_of(path, recipe.kind, name)]
    for path in others:
        other = read_about(path) or {}
        what = "settings" if other.get("parents") == about["parents"] else "data"
        what = what if about["parents"] else "files or settings"
        settings.log(f"a checkpoint of other {what} is not used ({path.name[:12]})")
    try:
        yield folder
    except DivergedError:
        folder.remove()
        raise
    for path in others:
        shutil.rmtree(path, ignore_errors=True)
    folder.remove()


def remove_checkpoints(root: Path, recipe: Recipe) -> None:
    """Remove what a cluster had finished of a step that was then done without one."""
    folder = root / CHECKPOINTS / recipe.digest
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):
        folder.parent.rmdir()


def stale_checkpoints(root: Path, needed: set[str], now: float) -> list[Path]:
    """The folders of checkpoints that no command can use, or that are older than a week.

    needed  digests of the artifacts that are kept: a step that is made from another one cannot be run again
    now     seconds since 1970
    """
    return [
        path
        for path in _siblings(root / CHECKPOINTS / "none")
        if (about := read_about(path)) is None
        or not set(about.get("parents", {}).values()) <= needed
        or now - max(file.stat().st_mtime for file in (path, *path.iterdir())) > KEPT_DAYS * 86400
    ]


def read_about(path: Path) -> dict[str, Any] | None:
    """What a folder of checkpoints is of; None where nothing readable says so."""
    try:
        about = json.loads(read_small(path / ABOUT))
        return about if isinstance(about, dict) and isinstance(about.get("parents", {}), dict) else None
    except (OSError, ValueError, RecursionError):
        return None


def _is_of(path: Path, kind: str, name: str | None) -> bool:
    about = read_about(path) or {}
    return about.get("kind") == kind and about.get("name") == name


def _siblings(path: Path) -> list[Path]:
    """The other folders beside that of a step."""
    try:
        return sorted(p for p in path.parent.iterdir() if p != path and p.is_dir() and not p.is_symlink())
    except OSError:
        return []


def _read(path: Path) -> SavedPiece:
    """A piece whose file was found whole when the folder was opened. Raises CorruptArtifactError, ValueError."""
    arrays = load_arrays(path)
    return json.loads(arrays.pop(_JSON).tobytes()), arrays


def _file_name(key: str) -> str:
    """A key as part of a file's name."""
    return quote(key, safe="+ ,").replace(".", "%2E")


def _number_of(path: Path) -> int:
    return int(path.name.split(".")[1])
