"""Files at addresses that fsspec knows, such as s3://bucket/key: read from a copy, and written whole or not at all.

A file is read over the network once, into a temporary file: it is read several times afterwards, for its digest, its
first bytes and its rows, and these must be of the same bytes. No other module imports fsspec.
"""

from __future__ import annotations

import contextlib
import functools
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from awe_cli.cleanup import half_made
from awe_cli.errors import NO_ROOM, AweError, BusyError, MissingInputError, UsageError, WriteError

INSTALL = "pip install 'awe-cli[remote]'"
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_CONNECT, _READ = 10, 30  # seconds until a server counts as away: to connect, and between two pieces
_TRIES = 2
_READ_ONLY = ("http", "https")
# Of these a file is there when it is complete, and not before; elsewhere it is written beside, and renamed.
_WHOLE = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss", "oci", "memory")
# What libraries of several stores call it, which share no class, where nobody answers or nobody says who asks.
_AWAY = re.compile(r"timeout|connect|dns", re.IGNORECASE)
_UNKNOWN = re.compile(r"credential|auth|forbidden|accessdenied|permission", re.IGNORECASE)


def is_remote(name: str) -> bool:
    """Whether a name is an address, such as s3://bucket/key, and no path."""
    return _ADDRESS.match(name) is not None


@dataclass(frozen=True)
class RemoteFile:
    """An address to write to."""

    address: str

    def __str__(self) -> str:
        return self.address

    @property
    def suffix(self) -> str:
        """Of the name, with its point: ".parquet"."""
        return PurePosixPath(self.address).suffix

    @property
    def name(self) -> str:
        """Of the file in its folder."""
        return PurePosixPath(self.address).name

    @contextlib.contextmanager
    def whole(self, option: str) -> Iterator[IO[bytes]]:
        """A stream that becomes the file when the block ends, and leaves no trace where it fails.

        It is spooled to a temporary file, and sent when it is complete. That the place can be written to is seen before
        the block. Raises MissingInputError where the library is missing, UsageError for what is read only, WriteError
        where the store refuses, BusyError where it does not answer; the hint names the `option`.
        """
        with _told(self.address, f"name another file with {option}", writes=True):
            store, path = _store(self.address)
            if _protocol(self.address) in _READ_ONLY:
                raise UsageError(
                    f"{option} {self.address}: expected a place to write to, found one that is only read",
                    hint="name a file, or an address of a store, such as s3://bucket/key",
                )
            _try_to_write(store, path)
        with _temporary_folder() as folder, half_made(folder):
            draft = folder / "draft"
            with draft.open("wb") as stream:
                yield stream
            with _told(self.address, f"name another file with {option}", writes=True):
                if _protocol(self.address) in _WHOLE:
                    store.put_file(str(draft), path)
                    return
                beside = f"{path}.new"
                try:
                    store.put_file(str(draft), beside)
                    store.mv(beside, path)
                except BaseException:
                    with contextlib.suppress(Exception):
                        store.rm_file(beside)
                    raise


def target_of(name: str) -> Path | RemoteFile:
    """Where an output is written: at an address, or a path."""
    return RemoteFile(name) if is_remote(name) else Path(name)


def path_of(name: str) -> Path:
    """Where the file, or folder, that a user named lies: itself, or a copy that lives as long as this process.

    A file that has changed since it was copied is copied again. Raises MissingInputError where there is none or its
    store refuses, or where the library for it is missing; BusyError where nobody answers; WriteError where the copy
    finds no room.
    """
    if not is_remote(name):
        return Path(name)
    with _told(name, "check the address"):
        store, path = _store(name)
        store.invalidate_cache()
        about = store.info(path)
        files = store.find(path, detail=True) if about["type"] == "directory" else None
        version = repr(sorted((key, str(value)) for key, value in (files or about).items()))
        known = _copies.get(name)
        if known is None or known[0] != version:
            _copies[name] = version, _copy(store, path, None if files is None else sorted(files))
        return _copies[name][1]


_copies: dict[str, tuple[str, Path]] = {}  # address → what the store says of the file, and its copy


def _copy(store: Any, path: str, files: list[str] | None) -> Path:
    """A copy of a file, or, where `path` is a folder, of these files in it but hidden ones."""
    target = Path(tempfile.mkdtemp(dir=_kept_folder())) / "copy"
    if files is None:
        store.get_file(path, str(target))
        return target
    target.mkdir()
    for file in files:
        inside = PurePosixPath(file).relative_to(PurePosixPath(path))
        if not any(part.startswith((".", "_")) for part in inside.parts):
            (target / inside).parent.mkdir(parents=True, exist_ok=True)
            store.get_file(file, str(target / inside))
    return target


@functools.cache
def _kept_folder() -> Path:
    """A temporary folder that is removed when the process ends."""
    kept = tempfile.TemporaryDirectory(prefix="awe-")
    _kept.append(kept)
    return Path(kept.name)


_kept: list[tempfile.TemporaryDirectory[str]] = []


@contextlib.contextmanager
def _temporary_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="awe-") as folder:
        yield Path(folder)


def _protocol(address: str) -> str:
    return address.split("://")[0].lower()


def _store(address: str) -> tuple[Any, str]:
    """The store of an address, which waits for a bounded time, and the path in it."""
    try:
        import fsspec
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise MissingInputError(
            f"{address} needs the package fsspec, which is not installed", hint=f"install it with `{INSTALL}`"
        ) from error
    protocol = _protocol(address)
    if protocol not in fsspec.available_protocols():
        raise UsageError(
            f"{address}: expected a path, or an address that fsspec knows, found {protocol}://",
            hint="s3://bucket/key, for example, is one",
        )
    try:
        store, path = url_to_fs(address, **_patience(protocol))
    except ImportError as error:
        raise MissingInputError(
            f"{address} needs a library that is not installed: {error}",
            hint=f"install it; that of s3:// and https:// comes with `{INSTALL}`",
        ) from error
    if hasattr(store, "retries"):  # of s3fs, around those of the library below it
        store.retries = _TRIES
    return store, str(path)


def _patience(protocol: str) -> dict[str, Any]:
    """The options of a store that bound how long it waits, where the user's own configuration has none."""
    import fsspec

    own = fsspec.config.conf.get(protocol, {})
    if protocol in ("s3", "s3a"):
        waits = {
            "connect_timeout": _CONNECT,
            "read_timeout": _READ,
            "retries": {"total_max_attempts": _TRIES},
        }
        return {"config_kwargs": {**waits, **own.get("config_kwargs", {})}}
    if protocol in ("http", "https"):
        from aiohttp import ClientTimeout

        waits = {"timeout": ClientTimeout(total=None, sock_connect=_CONNECT, sock_read=_READ)}
        return {"client_kwargs": {**waits, **own.get("client_kwargs", {})}}
    return {}


def _try_to_write(store: Any, path: str) -> None:
    """Ask the store whether a file may be written, before hours of work; raises what it says against it.

    S3 is asked to begin an upload in parts, which is given up at once, and was never a file.
    """
    if hasattr(store, "call_s3"):
        bucket, key, _ = store.split_path(path)
        begun = store.call_s3("create_multipart_upload", Bucket=bucket, Key=key)
        store.call_s3("abort_multipart_upload", Bucket=bucket, Key=key, UploadId=begun["UploadId"])
    else:
        store.exists(path)


@contextlib.contextmanager
def _told(address: str, otherwise: str, *, writes: bool = False) -> Iterator[None]:
    """Turn what a store says against it into one message; for writing, what it refuses is a WriteError."""
    verb, refused = ("write", WriteError) if writes else ("read", MissingInputError)
    try:
        yield
    except AweError:
        raise
    except Exception as error:
        kinds = [*type(error).__mro__, *type(error.__cause__).__mro__]
        names = " ".join(cls.__name__ for cls in kinds)
        reason = f"{str(error) or type(error).__name__}".splitlines()[0]
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            raise WriteError(
                f"{address} cannot be spooled to {tempfile.gettempdir()}: {error.strerror}",
                hint="free some room there, or set TMPDIR to a folder that has it",
            ) from error
        if _AWAY.search(names):
            raise BusyError(
                f"cannot {verb} {address}: the store does not answer: {reason}",
                hint="try again later; see that its address is right, such as AWS_ENDPOINT_URL",
            ) from error
        if isinstance(error, PermissionError) or _UNKNOWN.search(names):
            raise refused(
                f"cannot {verb} {address}: the store refuses: {reason}",
                hint=f"allow it, or give the keys of somebody who may, such as AWS_ACCESS_KEY_ID; else {otherwise}",
            ) from error
        if isinstance(error, FileNotFoundError):
            what = "there is no such bucket or folder" if writes else "there is no such file"
            raise refused(f"cannot {verb} {address}: {what} ({reason})", hint=otherwise) from error
        raise refused(f"cannot {verb} {address}: {reason}", hint=otherwise) from error
