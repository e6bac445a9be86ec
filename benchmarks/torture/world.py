"""A tiny data set, a chain of all writing commands on it, and processes that start with everything loaded."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from awe_cli.app import main
from awe_cli.workspace import KINDS, Workspace

# One thread everywhere: a process with worker threads must not be forked. Set before numba or OpenMP start any.
ENVIRONMENT = {"AWE_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
LONGEST = 60  # seconds, after which a forked command is taken to hang, and is killed
SMALL = ("--dim", "4", "--epochs", "2")


@dataclass(frozen=True)
class Step:
    """One command of the chain, without --workspace; {rows}, {output} stand for files."""

    name: str
    arguments: tuple[str, ...]


# What made the workspace that every trial starts from: one version of everything.
YESTERDAY = (
    Step("prepare", ("prepare", "{rows0}", "--user", "user", "--item", "item", "--holdout", "1")),
    Step("train", ("train", "--affinity", "constant", "--name", "m", *SMALL)),
    Step("build-knn", ("build-knn", "--model", "m", "--k", "5", "--lambda", "1")),
    Step("retrain", ("retrain", "--model", "m", "--affinity", "knn", "--name", "awe", "--epochs", "2")),
    Step("train-baseline", ("train-baseline", "popularity")),
    Step("ensemble", ("ensemble", "--model", "m,popularity", "--weights", "0.5,0.5")),
    Step("evaluate", ("evaluate", "--model", "m,popularity", "--name", "scores")),
    Step("predict", ("predict", "--model", "m", "--top-k", "3", "--name", "lists")),
    Step("promote", ("promote", "m", "--as", "champion")),
    Step("predict-output", ("predict", "--model", "champion", "--top-k", "3", "--output", "{output}")),
)
# The same on the data of today, with new people, items and rows.
TODAY = (
    Step("prepare", ("prepare", "{rows1}", "--user", "user", "--item", "item", "--holdout", "1", "--update")),
    Step("train", ("train", "--affinity", "constant", "--name", "m", *SMALL)),
    Step("build-knn", ("build-knn", "--model", "m", "--k", "5", "--lambda", "1")),
    Step("build-affinity", ("build-affinity", "--model", "m", "--affinity", "cluster", "--name", "c")),
    Step("retrain", ("retrain", "--model", "m", "--affinity", "knn", "--name", "awe", "--epochs", "2")),
    Step("train-baseline", ("train-baseline", "popularity")),
    Step("ensemble", ("ensemble", "--model", "m,popularity")),
    Step("evaluate", ("evaluate", "--model", "m,popularity,awe", "--name", "scores", "--per-example")),
    Step("predict", ("predict", "--model", "awe", "--top-k", "3", "--name", "lists")),
    Step("predict-output", ("predict", "--model", "awe", "--top-k", "3", "--output", "{output}")),
    Step("neighbors", ("neighbors", "--model", "m", "--label", "i1", "--json")),
    Step("promote", ("promote", "awe", "--as", "champion", "--if", "ndcg@5 >= 0")),
    Step("rollback", ("rollback", "champion", "--to", "1")),
    Step("gc", ("gc", "--keep", "1")),
    Step("status", ("status", "--verify")),
)
ASK = ("predict", "--model", "champion", "--top-k", "3", "--output", "-")


def write_rows(path: Path, people: int, items: int, seed: int = 3) -> Path:
    """A table of `people` who chose 6 of `items` each; the first 40 people choose the same for any size."""
    rows = []
    for person in range(people):
        draw = random.Random(f"{seed} {person}")
        chosen = draw.sample(range(15), 6) if person < 40 else draw.sample(range(items), 6)
        rows += [{"user": f"u{person}", "item": f"i{item}"} for item in chosen]
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


@dataclass(frozen=True)
class World:
    """A folder with the input, a workspace and an output.

    root  everything lies below it, so that a copy of it is a copy of the world
    """

    root: Path

    @property
    def workspace(self) -> Path:
        """The workspace."""
        return self.root / "workspace"

    @property
    def output(self) -> Path:
        """What `predict --output` writes."""
        return self.root / "out" / "lists.csv"

    def arguments(self, step: Step) -> list[str]:
        """The command line of a step in this world."""
        files = {"rows0": self.root / "rows0.parquet", "rows1": self.root / "rows1.parquet"}
        filled = [part.format(output=self.output, **files) for part in step.arguments]
        return [filled[0], "-w", str(self.workspace), *filled[1:]]

    def copy(self, to: Path) -> World:
        """The same world elsewhere."""
        shutil.copytree(self.root, to, symlinks=True)
        return World(to)

    def names(self) -> dict[str, Any]:
        """What every name means, now and before: without the times, all that must be equal after two equal runs."""
        ws = Workspace(self.workspace)
        found: dict[str, Any] = {}
        for kind in KINDS.values():
            for name in ws.names(kind.name) if kind.folder else [None]:
                pointer = ws.pointer(kind.name, name)
                if pointer is not None:
                    found[f"{kind.name} {name}"] = [(p.digest, p.source) for p in pointer.versions]
        found["store"] = sorted(path.name for path in ws.store.iterdir())
        found["output"] = self.output.read_bytes().hex() if self.output.exists() else None
        return found

    def leftovers(self) -> list[str]:
        """Files that no command needs any more: drafts, staged folders, checkpoints."""
        found = [*self.workspace.glob("staging/*"), *self.workspace.glob("checkpoints/*")]
        found += [*self.root.rglob(".*.new")]
        return sorted(str(path.relative_to(self.root)) for path in found)


@dataclass(frozen=True)
class Outcome:
    """How a forked command ended.

    code    the exit code; minus the number of the signal that killed it
    memory  the most it held at once, in bytes, what it shared with this process included
    """

    code: int
    out: bytes
    err: str
    memory: int = 0

    @property
    def has_traceback(self) -> bool:
        """Whether a person would have seen Python's inside."""
        return "Traceback" in self.err or "bug in awe" in self.err or "Exception ignored" in self.err


def run(arguments: Sequence[str], before: Callable[[], None] = lambda: None) -> Outcome:
    """One command of awe in a process forked from this one, with all that is loaded here; `before` runs in it first."""
    return forked(lambda: main(list(arguments)), before)


def forked(work: Callable[[], int], before: Callable[[], None] = lambda: None) -> Outcome:
    """Any work in a forked process."""
    sys.stdout.flush()
    sys.stderr.flush()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            code = 99
            try:
                signal.alarm(LONGEST)
                os.dup2(out.fileno(), 1)
                os.dup2(err.fileno(), 2)
                sys.stdout, sys.stderr = (open(fd, "w", encoding="utf-8", closefd=False) for fd in (1, 2))  # noqa: SIM115
                before()
                code = work()
                sys.stdout.flush()
                sys.stderr.flush()
            except BaseException:
                os.write(2, traceback.format_exc().encode())
            finally:
                os._exit(code)
        _, status, used = os.wait4(child, 0)
        out.seek(0)
        err.seek(0)
        text = err.read().decode(errors="replace")
        return Outcome(os.waitstatus_to_exitcode(status), out.read(), text, used.ru_maxrss * 1024)


def in_parallel(work: Callable[[Any], Any], items: Sequence[Any], jobs: int) -> Iterator[Any]:
    """The results of `work` for each of `items`, in any order, from `jobs` processes forked from this one."""
    if jobs <= 1:
        yield from map(work, items)
        return
    readers = []
    for number in range(jobs):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                os.close(reader)
                with open(writer, "w", encoding="utf-8") as stream:
                    for item in items[number::jobs]:
                        stream.write(json.dumps(work(item)) + "\n")
                        stream.flush()
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        os.close(writer)
        readers.append((child, open(reader, encoding="utf-8")))  # noqa: SIM115 - closed below
    for child, stream in readers:
        with stream:
            yield from map(json.loads, stream)
        _, status = os.waitpid(child, 0)
        if status:
            raise RuntimeError(f"a worker ended with {os.waitstatus_to_exitcode(status)}")


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder for worlds, in memory where the machine has such a place: trials sync many thousand times."""
    memory = Path("/dev/shm")
    place = memory if memory.is_dir() and os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="awe-torture-", dir=place) as folder:
        yield Path(folder)


def loaded() -> None:
    """Settings of this process that forked commands depend on."""
    os.environ.update(ENVIRONMENT, AWE_CHECKPOINT_EVERY="0")
    signal.signal(signal.SIGINT, signal.default_int_handler)


def yesterday(folder: Path, people: int = 40) -> World:
    """A world with one version of everything; running its commands in this process loads every kernel."""
    loaded()
    world = World(folder)
    world.output.parent.mkdir(parents=True)
    write_rows(folder / "rows0.parquet", people, 15)
    write_rows(folder / "rows1.parquet", people + 5, 17)
    for step in YESTERDAY:
        quiet(world.arguments(step))
    return world


def quiet(arguments: Sequence[str]) -> None:
    """One command in this process; RuntimeError with its messages where it fails."""
    with (
        tempfile.TemporaryFile("w+") as log,
        contextlib.redirect_stderr(log),
        contextlib.redirect_stdout(log),
    ):
        code = main(list(arguments))
        if code:
            log.seek(0)
            raise RuntimeError(f"awe {' '.join(arguments)} ended with {code}: {log.read()}")


@dataclass(frozen=True)
class Stage:
    """A step of today: the world before it, and what an undisturbed run of it ends with.

    answers  the bytes of `predict --model champion` before and after the step
    after    what every name means after it
    """

    step: Step
    before: World
    answers: tuple[bytes, bytes]
    after: dict[str, Any]


def stages(folder: Path, world: World, names: Sequence[str] | None = None) -> list[Stage]:
    """The steps of today, each with its undisturbed run; those called `names` only, by default all."""
    found = []
    now = world
    answer = ask(now)
    for number, step in enumerate(TODAY):
        after = now.copy(folder / f"after-{number}")
        moved = after.arguments(step)
        quiet(moved)
        later = ask(after)
        if names is None or step.name in names:
            found.append(Stage(step, now, (answer, later), after.names()))
        now, answer = after, later
    return found


def ask(world: World) -> bytes:
    """What the champion recommends to everyone."""
    outcome = run([ASK[0], "-w", str(world.workspace), *ASK[1:]])
    if outcome.code:
        raise RuntimeError(outcome.err)
    return outcome.out
