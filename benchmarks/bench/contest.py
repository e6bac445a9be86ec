"""Contenders side by side: each a process of its own, one round of each in turn, so that all meet the same weather."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.peers.catalog import PEERS
from benchmarks.peers.environments import NotThereError, environment, version
from benchmarks.peers.protocol import Peer

HERE = Path(__file__).parents[2]
_PEERS = {
    **{name: PEERS[name] for name in ("implicit", "lightfm", "sklearn")},
    "faiss": Peer("faiss", ("faiss-cpu",), ()),
}


@dataclass(frozen=True)
class Scale:
    """How much is measured.

    people, items, mean  of the synthetic interactions: about people · mean of them
    bags                 people of LightFM's fit with bags, which is slow
    late                 people of the fit that goes on for many epochs; all others learn from everyone
    ranked               people who are ranked for
    points               whose neighbours are searched for
    runs                 rounds that count, after one that does not
    epochs               of a whole `awe train`
    curve                processor seconds after which a curve ends, and how many are judged at each of its points
    """

    people: int
    items: int
    mean: float
    bags: int
    late: int
    ranked: int
    points: int
    runs: int
    epochs: int
    curve: tuple[float, int]


SCALES = {
    "full": Scale(50_000, 20_000, 150.0, 500, 5_000, 10_000, 20_000, 3, 4, (20.0, 2000)),
    "small": Scale(4_000, 4_000, 60.0, 200, 2_000, 2_000, 5_000, 3, 2, (5.0, 1000)),
}


@dataclass(frozen=True)
class Contender:
    """One side: `work` is "module:function" of this package, in the environment of a peer or, without one, awe's."""

    title: str
    work: str
    settings: Mapping[str, Any]
    threads: int = 1
    peer: str = ""


@dataclass
class Rounds:
    """What came of a contender: an answer for each round that counts; `why` there are none."""

    answers: list[dict[str, Any]] = field(default_factory=list)
    why: str = ""

    def median(self, name: str = "seconds") -> float:
        """The median of a figure over the rounds."""
        return statistics.median(self.of(name))

    def of(self, name: str) -> list[float]:
        """A figure of each round."""
        return [float(answer[name]) for answer in self.answers]

    def over(self, other: Rounds, name: str = "seconds") -> float:
        """The median over the rounds of this figure by the other's in the same round."""
        return statistics.median(a / b for a, b in zip(self.of(name), other.of(name), strict=True))


class Arena:
    """Where contests take place: a scale, a folder for data, and the environments of the peers, made where missing."""

    def __init__(self, scale: Scale, folder: Path, environments: Path) -> None:
        self.scale, self.folder, self._environments = scale, folder, environments
        self.versions: dict[str, str] = {}
        self.limits: dict[str, Rounds] = {}  # what the machine can do, once that is known
        self._pythons: dict[str, Path | NotThereError] = {}

    def contest(
        self, contenders: Sequence[Contender], runs: int | None = None, *, warm: bool = True
    ) -> dict[str, Rounds]:
        """title → what came of it; first a round for all that does not count, in which kernels compile."""
        with contextlib.ExitStack() as stack:
            playing, out = {}, {one.title: Rounds() for one in contenders}
            for one in contenders:
                try:
                    playing[one.title] = stack.enter_context(self._process(one))
                except NotThereError as error:
                    out[one.title] = Rounds(why=f"not installed: {error}")
            for number in range(1 - warm, 1 + (self.scale.runs if runs is None else runs)):
                for title, process in list(playing.items()):
                    answer = _round(process)
                    if answer is None:
                        out[title] = Rounds(why=f"ended with status {playing.pop(title).wait()}")
                    elif number:
                        out[title].answers.append(answer)
        return out

    @contextlib.contextmanager
    def _process(self, one: Contender) -> Iterator[subprocess.Popen[str]]:
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(one.threads))
        process = subprocess.Popen(
            [str(self.python(one.peer)), "-m", "benchmarks.bench.child", one.work, json.dumps(dict(one.settings))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=HERE,
            env={**os.environ, **threads},
        )  # fmt: skip
        try:
            yield process
        finally:
            with contextlib.suppress(BrokenPipeError):
                assert process.stdin is not None
                process.stdin.close()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def python(self, peer: str) -> Path:
        """The Python of a peer's environment; awe's own for "". Raises NotThereError."""
        if not peer:
            return Path(sys.executable)
        if peer not in self._pythons:
            try:
                self._pythons[peer] = environment(_PEERS[peer], self._environments)
                self.versions[peer] = version(self._pythons[peer], _PEERS[peer])
            except NotThereError as error:
                self._pythons[peer] = error
        found = self._pythons[peer]
        if isinstance(found, NotThereError):
            raise found
        return found.absolute()


def _round(process: subprocess.Popen[str]) -> dict[str, Any] | None:
    """What one round gave; None where the process has ended."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        print("round", file=process.stdin, flush=True)
    except BrokenPipeError:
        return None
    line = process.stdout.readline()
    return json.loads(line) if line else None


def table(head: str, rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    columns = head.split(" | ")
    lines = [f"| {head} |", "|---|" + "---:|" * (len(columns) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])
