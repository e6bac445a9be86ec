"""Blocks of work on the workers of a Dask cluster; no other module imports Dask, and this one only when asked to.

What a block needs beside its number is pickled once, and unpickled once by every worker. These pickles pass between the
processes of the cluster, and none is ever stored.
"""

from __future__ import annotations

import errno
import functools
import hashlib
import logging
import os
import platform
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

from awe_cli import __version__
from awe_cli.cleanup import half_made
from awe_cli.engine.local import available_threads, one_blas_thread
from awe_cli.errors import AweError, BusyError, MissingInputError, SettingsError

# What decides the bytes of a block beside the block itself: processes that share the work must agree on it.

Fingerprint = Mapping[str, str]  # what it is of → what was found

ALIKE = (
    "a result has the same bytes whoever works it out: install the same versions on all machines of the cluster, and "
    "start workers again that began before"
)
_LIBRARIES = ("numpy", "scipy", "numba", "faiss-cpu")


@functools.cache
def fingerprint() -> Fingerprint:
    """Versions, the sources of awe, and the type of the processor, of this process.

    Not its model: processors of one type differ in what they can do, and so, seldom, in a last digit.
    """
    package, digest = Path(__file__).parent.parent, hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return {
        "awe": __version__,
        "Python": ".".join(platform.python_version_tuple()[:2]),
        **{name: _version(name) for name in _LIBRARIES},
        "sources of awe": digest.hexdigest()[:12],
        "processor": platform.machine(),
    }


def code_digest() -> str:
    """sha256 of the kind in hexadecimal: what a checkpoint is bound to."""
    return hashlib.sha256(repr(sorted(fingerprint().items())).encode()).hexdigest()


def expect_fingerprint(found: Fingerprint, expected: Fingerprint, where: str) -> None:
    """Raise SettingsError where the kinds differ, with what differs first."""
    for name, value in expected.items():
        if found.get(name) != value:
            raise SettingsError(
                f"--scheduler: {where}: expected {name} {value}, as here, found {found.get(name)}",
                hint=ALIKE,
            )


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "of no known version"


# Libraries that log what the error will say.


@contextmanager
def unlogged(names: Sequence[str]) -> Iterator[None]:
    """Without what these loggers would say of a failure, trace by trace: the one error that is raised says it."""
    loggers = [logging.getLogger(name) for name in names]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


Block = TypeVar("Block")
Result = TypeVar("Result")

INSTALL = "pip install 'awe-cli[dask]'"
_PATIENCE = 10.0  # seconds: for a scheduler to answer, for a first worker, between looks whether one is left
_LOGGERS = ("distributed", "distributed.client", "tornado.application")
_AHEAD = 2  # blocks sent for each thread of a worker: one that it works on, and one that waits


@contextmanager
def connect(address: str) -> Iterator[Dask]:
    """The engine of the scheduler at an address such as tcp://host:8786.

    Raises SettingsError where Dask is not installed, or a worker has other versions than this process; BusyError where
    no scheduler answers, or none that has workers; MissingInputError for what is no address.
    """
    _expect_library()
    with unlogged(_LOGGERS):
        client = _client(address)
        engine = Dask(client, address)
        try:
            with engine._reached():
                _check(client, address)
            yield engine
        finally:
            client.close()


# A cluster of processes on this machine. Its scheduler is a process, too, in a session of its own: signals are for the
# command alone, which ends all of them at once. Where the command is killed, their standard input ends, and so do they.

_STARTING = 60.0  # seconds at most


@contextmanager
def local_cluster(threads: int | None) -> Iterator[str]:
    """The address of a scheduler whose workers are processes on this machine; all of them end with the block.

    threads  of all workers together; None: as many as there are cores

    Raises SettingsError where Dask is not installed, BusyError where the workers do not start.
    """
    _expect_library()
    with (
        tempfile.TemporaryDirectory(prefix="awe-") as folder,
        half_made(Path(folder)),
        open(Path(folder) / "said", "w+") as said,
    ):
        told = f"{threads or available_threads()}, {folder!r}"
        code = f"from awe_cli.engine.dask import run_local_cluster; run_local_cluster({told})"
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, start_new_session=True,
        )  # fmt: skip
        assert process.stdin
        assert process.stdout
        try:
            begins = select.select([process.stdout], [], [], _STARTING)[0]
            address = process.stdout.readline().decode().strip() if begins else ""
            if not address:
                said.seek(0)
                raise BusyError(
                    "--engine dask: no cluster can be started on this machine: "
                    + (said.read().strip().rpartition("\n")[2] or f"nothing after {_STARTING:.0f} s"),
                    hint="try again, or use the threads of this process (--engine local), which give the same result",
                )
            yield address
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            process.stdin.close()
            process.stdout.close()


def run_local_cluster(threads: int, folder: str) -> None:
    """What the process of a local cluster does: write its address, and wait for the end of standard input.

    threads  of all workers together; folder: for files of Dask, which is removed in the end
    """
    from distributed import LocalCluster
    from distributed.deploy.utils import nprocesses_nthreads

    processes, threads_each = nprocesses_nthreads(threads)
    try:
        with LocalCluster(
            n_workers=processes,
            threads_per_worker=threads_each,
            memory_limit=None,  # as for the threads of a process: a worker is not killed for a share of memory
            dashboard_address="127.0.0.1:0",  # any free port: None would be one that others may have
            local_directory=folder,
        ) as cluster:
            print(cluster.scheduler_address, flush=True)
            sys.stdin.read()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Dask:
    """The engine that is the workers of a cluster."""

    def __init__(self, client: Any, address: str) -> None:
        self._client, self._address = client, address

    def map(self, function: Callable[[Block], Result], blocks: Iterable[Block]) -> Iterator[Result]:
        """The results of `function` for each of `blocks`, in their order.

        A block whose worker is lost is worked on by another. The first error of a block, in their order, is raised as
        it would be here; BusyError where the cluster is lost, SettingsError where workers die of a block.
        """
        from distributed.protocol.pickle import dumps

        with self._reached():
            most = _AHEAD * max(1, sum(self._client.nthreads().values()))
        sent = self._send(function)
        pending: deque[Any] = deque()
        try:
            for block in blocks:
                pending.append(self._begin(sent, _Sent(dumps(block))))
                if len(pending) >= most:
                    yield self._result(pending.popleft())
            while pending:
                yield self._result(pending.popleft())
        finally:
            pending.clear()  # what nobody waits for is not begun

    def place(self, functions: Sequence[Callable[[Block], Result]]) -> Callable[[Block], Iterator[Result]]:
        """The results of all functions for a block; each stays on the worker that has it. Raises as `map`."""
        placed = [self._send(function) for function in functions]

        def call(block: Block) -> Iterator[Result]:
            sent = self._send(block)
            for future in [self._begin(function, sent) for function in placed]:
                yield self._result(future)

        return call

    def _send(self, content: Any) -> Any:
        """What was sent, on some worker, from which others take it.

        As a task, and not as data that is scattered: it is made again where the workers that had it are lost.
        """
        from dask import config
        from distributed.protocol.pickle import dumps

        with self._reached(), config.set({"distributed.admin.large-graph-warning-threshold": "1 PiB"}):
            return self._client.submit(_Sent, dumps(content), pure=False)

    def _begin(self, function: Any, block: Any) -> Any:
        """A block under way; what it ends with comes by `_result`."""
        with self._reached():
            return self._client.submit(_run, function, block, fingerprint(), pure=False)

    def expect_shared(self, folder: Path, *others: Path) -> None:
        """See that all workers share a folder with this process, both to read and to write, and see other paths, too.

        Raises MissingInputError.
        """
        token = secrets.token_hex(8)
        folder, others = folder.resolve(), tuple(path.resolve() for path in others)  # workers are elsewhere
        try:
            _question(folder, token).write_text(token)
            with self._reached():
                answers = self._client.run(_answer, folder, others, token, on_error="return")
            for worker, answer in answers.items():
                if isinstance(answer, OSError) and answer.filename in map(str, others):
                    raise MissingInputError(
                        f"--scheduler: the worker {worker} of {self._address} cannot read {answer.filename}, as this "
                        f"command does: {answer.strerror}",
                        hint="files that are named must lie on a file system that all machines of the cluster have at "
                        "the same path, for the user of the workers to read; --engine local reads them here",
                    )
                if isinstance(answer, BaseException) or not (folder / answer).exists():
                    raise MissingInputError(
                        f"--scheduler: the worker {worker} of {self._address} does not share {folder} with this "
                        f"command: {answer if isinstance(answer, OSError) else 'it sees another folder there'}",
                        hint="the workspace and all files that are named must lie on a file system that all machines "
                        "of the cluster have at the same path, and the workspace must be one that they may write to",
                    )
        finally:
            for probe in folder.glob(f".{token}.*"):
                probe.unlink(missing_ok=True)

    def _result(self, future: Any) -> Any:
        from distributed.scheduler import KilledWorker

        with self._reached():
            error = self._wait(future)
            if error is None:
                return future.result()
        if isinstance(error, KilledWorker):
            raise SettingsError(
                f"--scheduler: workers of {self._address} died, one after the other, of the same block",
                hint="their logs say why; mostly they need more memory, or fewer threads in each",
            ) from error
        raise error.with_traceback(future.traceback())

    def _wait(self, future: Any) -> BaseException | None:
        """What a block ended with; it may take its time, as long as there is somebody who works on it."""
        while True:
            try:
                error: BaseException | None = future.exception(timeout=_PATIENCE)
                return error
            except TimeoutError:
                if not self._client.nthreads():
                    raise OSError("it has no workers any more") from None

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """Raise BusyError where the cluster is lost, or was lost before."""
        try:
            if self._client.status == "closed":
                raise OSError("the connection was closed")
            yield
        except (CancelledError, OSError) as error:
            raise BusyError(
                f"--scheduler: the cluster of {self._address} was lost: {getattr(error, 'reason', error)}",
                hint="the same command goes on from what was finished; logs of the scheduler and its workers say more, "
                "mostly of too little memory",
            ) from error


def _question(folder: Path, token: str) -> Path:
    return folder / f".{token}.question"


def _answer(folder: Path, others: Sequence[Path], token: str) -> str:
    """On a worker: see the question and the other paths, and write a file into the folder, whose name is returned.

    A network file system may show a new file late. Raises OSError.
    """
    question, until = _question(folder, token), time.monotonic() + _PATIENCE / 2
    while not question.exists() and time.monotonic() < until:
        time.sleep(0.1)
    for path in (question, *others):
        path.stat()
        if not os.access(path, os.R_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    answer = folder / f".{token}.{secrets.token_hex(4)}"
    answer.touch()
    return answer.name


class _Sent:
    """A function, or data, on its way to a worker, which keeps it for as long as blocks need it.

    Its pickle is opaque to Dask, which would unpack arrays where they lie in a message, at odd addresses: compiled
    kernels would be compiled once more for these.
    """

    def __init__(self, pickled: bytes) -> None:
        self._pickled = pickled

    def __reduce__(self) -> tuple[type[_Sent], tuple[bytes]]:
        return _Sent, (self._pickled,)

    def __sizeof__(self) -> int:
        return 2 * len(self._pickled)  # the pickle, and what becomes of it

    @functools.cached_property
    def content(self) -> Any:
        """What was sent."""
        from distributed.protocol.pickle import loads

        return loads(self._pickled)


def _run(sent: _Sent, block: Any, expected: Fingerprint) -> Any:
    """What a worker does of one block. A worker that joined later, of another kind, refuses: Raises SettingsError."""
    expect_fingerprint(fingerprint(), expected, f"the worker on {platform.node()}")
    one_blas_thread()  # for as long as this thread lives: others of the worker may be within a product
    return sent.content(block.content if isinstance(block, _Sent) else block)


def _expect_library() -> None:
    """Import Dask, which sets up its loggers. Raises SettingsError where it is not installed."""
    try:
        import distributed  # noqa: F401
    except ImportError as error:
        raise SettingsError(
            "--scheduler and --engine dask need the package distributed, which is not installed",
            hint=f"install it with `{INSTALL}`, on the workers, too",
        ) from error


def _client(address: str) -> Any:
    """A client of the scheduler. Raises MissingInputError for what is no address, BusyError where nobody answers."""
    from distributed import Client, Security
    from distributed.comm.addressing import get_address_host_port

    hint = "`dask scheduler` starts one and says its address, such as tcp://host:8786"
    try:
        get_address_host_port(address)  # raises for what is none; a client of it would not close
        secret = address.startswith(("tls:", "wss:"))
        if secret and not Security().get_connection_args("client")["ssl_context"]:
            raise ValueError("Dask's configuration names no certificates (distributed.comm.tls)")
    except (ValueError, RuntimeError) as error:
        raise MissingInputError(
            f"--scheduler: expected the address of a Dask scheduler, found {address!r}: {error}", hint=hint
        ) from error
    try:
        if not secret:
            _expect_greeting(*get_address_host_port(address))
        return Client(address, timeout=_PATIENCE, set_as_default=False, name="awe")
    except (
        OSError,
        ValueError,
        RuntimeError,
        TypeError,
    ) as error:  # the last from a worker, which is no scheduler
        raise BusyError(
            f"--scheduler: no Dask scheduler answers at {address!r} within {_PATIENCE:.0f} s: {error}",
            hint=hint,
        ) from error


def _expect_greeting(host: str, port: int) -> None:
    """See that who listens there speaks first, as Dask does: its client would wait for ever. Raises OSError."""
    try:
        connection = socket.create_connection((host, port), timeout=_PATIENCE)
    except OSError:
        return  # nobody, yet: the client tries for a while
    with connection:
        if not connection.recv(1):
            raise OSError("the connection was closed")


def _check(client: Any, address: str) -> None:
    """See that there are workers, all like this process. Raises BusyError, SettingsError; OSError for a lost one."""
    try:
        client.wait_for_workers(1, timeout=_PATIENCE)
    except TimeoutError as error:
        raise BusyError(
            f"--scheduler: the scheduler at {address} has no workers, after {_PATIENCE:.0f} s",
            hint=f"start some with `dask worker {address}`",
        ) from error
    try:
        client.run_on_scheduler(fingerprint)  # it unpickles the names of functions that it passes on
    except OSError:  # it is gone
        raise
    except Exception as error:
        raise _without_awe(f"the scheduler at {address}", error) from error
    for worker, found in client.run(fingerprint, on_error="return").items():
        if isinstance(found, OSError):
            raise found  # it is gone
        if isinstance(found, BaseException):
            raise _without_awe(f"the worker {worker} of {address}", found) from found
        expect_fingerprint(found, fingerprint(), f"the worker {worker} of {address}")


def _without_awe(where: str, error: BaseException) -> AweError:
    return SettingsError(
        f"--scheduler: {where} has no awe {__version__} that can be asked: {type(error).__name__}: {error}",
        hint=ALIKE,
    )
