"""Where rows go: the format of an output, and a file that appears complete or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from awe_cli.errors import UsageError, WriteError
from awe_cli.workspace.fs import is_write_failure, sync_file, sync_folder

_FORMATS = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    "": "parquet",
}


def output_format(request: str | None, output: Path | IO[bytes] | None) -> str:
    """The format asked for, else what the name of the output tells. Raises UsageError where it does not."""
    if request is not None:
        return request
    if output is None:
        return "parquet"
    if not isinstance(output, Path):
        return "jsonl"
    suffix = output.suffix.lower()
    if suffix in _FORMATS:
        return _FORMATS[suffix]
    raise UsageError(
        f"--output {output}: expected a name that ends in .parquet, .jsonl or .csv, found {suffix!r}",
        hint="name the format with --format parquet, jsonl or csv",
    )


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A stream that becomes the file `path` when the block ends, and leaves no trace where it fails.

    It is written beside `path` under another name, forced to the disk and renamed; what was at `path` stays
    as it is until then. A pipe or a device is written to directly. Raises WriteError.
    """
    path = path.resolve()
    if path.is_dir():
        raise WriteError(f"cannot write {path}: it is a folder", hint="name a file inside it")
    if not path.parent.is_dir():
        raise WriteError(
            f"cannot write {path}: there is no folder {path.parent}", hint="make the folder first"
        )
    special = path.exists() and not path.is_file()
    draft = path if special else path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    try:
        with _create(draft, path) as stream:
            yield stream
        if not special:
            sync_file(draft)
            os.replace(draft, path)
            sync_folder(path.parent)
    except OSError as error:
        if not is_write_failure(error, path.parent):
            raise
        reason = error.strerror or str(error)
        raise WriteError(
            f"cannot write {path}: {reason}",
            hint="make room there, allow writing, or name another --output; nothing was changed",
        ) from error
    finally:
        if not special:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)


def _create(draft: Path, path: Path) -> IO[bytes]:
    """The draft, open for writing. Raises WriteError, whatever the system says against it."""
    try:
        return open(draft, "wb")
    except OSError as error:
        raise WriteError(
            f"cannot write {path}: {error.strerror or error}", hint="name another file with --output"
        ) from error
