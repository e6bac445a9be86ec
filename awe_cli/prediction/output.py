"""Where rows go: the format of an output, and a file or folder that appears complete or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from awe_cli.cleanup import half_made
from awe_cli.errors import UsageError, WriteError
from awe_cli.io.remote import RemoteFile
from awe_cli.workspace.fs import is_write_failure, replace_folder, sync_file, sync_folder

_JUST_MADE = 1.0  # seconds in which a draft may not be locked yet
_FORMATS = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".trec": "trec",
    ".run": "trec",
    "": "parquet",
}


def output_format(request: str | None, output: Path | RemoteFile | IO[bytes] | None) -> str:
    """The format asked for, else what the name of the output tells. Raises UsageError where it does not."""
    if request is not None:
        return request
    if output is None:
        return "parquet"
    if not isinstance(output, Path | RemoteFile):
        return "jsonl"
    suffix = output.suffix.lower()
    if suffix in _FORMATS:
        return _FORMATS[suffix]
    raise UsageError(
        f"--output {output}: expected a name that ends in .parquet, .jsonl, .csv, .tsv or .trec, found {suffix!r}",
        hint="name the format with --format parquet, jsonl, csv, tsv or trec",
    )


def check_output(request: str | None, output: Path | RemoteFile) -> None:
    """See that an output can be written, before work begins. Raises UsageError, WriteError."""
    output_format(request, output)
    if not isinstance(output, Path):
        return
    path = check_file(output)
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise WriteError(
            f"cannot write {path}: it is not allowed", hint="allow writing there, or name another --output"
        )


def check_file(path: Path) -> Path:
    """The whole path of a file that `whole_file` could write. Raises WriteError for a folder, or where none is."""
    path = path.resolve()
    if path.is_dir():
        raise WriteError(f"cannot write {path}: it is a folder", hint="name a file inside it")
    _require_parent(path)
    return path


def _require_parent(path: Path) -> None:
    if not path.parent.is_dir():
        raise WriteError(
            f"cannot write {path}: there is no folder {path.parent}", hint="make the folder first"
        )


@contextlib.contextmanager
def whole_file(path: Path | RemoteFile, option: str = "--output") -> Iterator[IO[bytes]]:
    """A stream that becomes the file `path` when the block ends, and leaves no trace where it fails.

    It is written beside `path` as .NAME.HEX.new, forced to the disk and renamed; what was at `path` stays as it is
    until then. Such files that killed runs left for the same `path` are removed. A pipe or a device is written to
    directly, an address as `RemoteFile.whole` says. Raises WriteError, whose hint names the `option` that the path
    came with.
    """
    if isinstance(path, RemoteFile):
        with path.whole(option) as stream:
            yield stream
        return
    path = check_file(path)
    special = path.exists() and not path.is_file()
    draft = path if special else path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    if not special:
        _remove_abandoned(path)
    try:
        guard = contextlib.nullcontext() if special else half_made(draft)
        with guard, _create(draft, path, option, locked=not special) as stream:
            yield stream
            if not special:
                stream.flush()
                sync_file(draft)
                os.replace(draft, path)  # while it is locked: else another run could take it for abandoned
                sync_folder(path.parent)
    except OSError as error:
        about = {str(draft), str(path), str(path.parent)}
        if not (error.filename in about or (error.filename is None and is_write_failure(error, draft))):
            raise  # of a file that is read
        reason = error.strerror or str(error)
        raise WriteError(
            f"cannot write {path}: {reason}",
            hint=f"make room there, allow writing, or name another {option}; nothing was changed",
        ) from error
    finally:
        if not special:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)


def check_folder(path: Path, is_ours: Callable[[Path], bool], option: str = "--output") -> Path:
    """The whole path of a folder that `whole_folder` could write. Raises WriteError where it could not."""
    path = path.resolve()
    if path.exists() and not (path.is_dir() and (not any(path.iterdir()) or is_ours(path))):
        what = "a folder with other files in it" if path.is_dir() else "a file"
        raise WriteError(f"cannot write {path}: it is {what}", hint=f"name a new folder with {option}")
    _require_parent(path)
    return path


@contextlib.contextmanager
def whole_folder(path: Path, is_ours: Callable[[Path], bool], option: str = "--output") -> Iterator[Path]:
    """An empty folder that becomes the folder `path` when the block ends, and leaves no trace where it fails.

    It is made beside `path` as .NAME.HEX.new, its files are forced to the disk, and it is renamed; a folder that was
    at `path` stays as it is until then. That one is replaced only where it is empty, or `is_ours` says so. Drafts that
    killed runs left for the same `path` are removed. Raises WriteError, whose hint names the `option`.
    """
    path = check_folder(path, is_ours, option)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    _remove_abandoned(path)
    descriptor = -1
    try:
        with half_made(draft):
            draft.mkdir()
            descriptor = os.open(draft, os.O_RDONLY)
            _lock(descriptor)
            yield draft
            for file in draft.iterdir():
                sync_file(file)
            sync_folder(draft)
            replace_folder(draft, path)
    except OSError as error:
        if not is_write_failure(error, path.parent):
            raise  # of a file that is read
        raise WriteError(
            f"cannot write {path}: {error.strerror or error}",
            hint=f"make room there, allow writing, or name another folder with {option}; nothing was changed",
        ) from error
    finally:
        if descriptor >= 0:
            os.close(descriptor)
        shutil.rmtree(draft, ignore_errors=True)


def _remove_abandoned(path: Path) -> None:
    """Remove the drafts of `path` that nobody writes: a run locks its own, and the lock ends with the process."""
    own = re.compile(re.escape(f".{path.name}.") + r"[0-9a-f]{8}\.new")
    with contextlib.suppress(OSError):
        for entry in [entry for entry in os.scandir(path.parent) if own.fullmatch(entry.name)]:
            with contextlib.suppress(OSError):
                _remove_unlocked(Path(entry.path))


def _remove_unlocked(draft: Path) -> None:
    descriptor = os.open(draft, os.O_RDONLY)
    try:
        if _lock(descriptor):
            if draft.is_dir():
                shutil.rmtree(draft)
            else:
                draft.unlink()
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Lock an open file, unless somebody else has; whether that was possible."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _create(draft: Path, path: Path, option: str, *, locked: bool) -> IO[bytes]:
    """The draft, open for writing and `locked`. Raises WriteError, whatever the system says against it."""
    try:
        stream = open(draft, "wb")  # noqa: SIM115 - the caller closes it
        while locked and _lock(stream.fileno()) and not draft.exists():
            stream.close()  # another run took it for abandoned before it was locked
            stream = open(draft, "wb")  # noqa: SIM115 - the caller closes it
        return stream
    except OSError as error:
        raise WriteError(
            f"cannot write {path}: {error.strerror or error}", hint=f"name another file with {option}"
        ) from error
