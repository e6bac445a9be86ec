"""Two commands at once, in thousands of rounds: each ends as it would alone, or says who is writing (75).

A round forks both commands from a process that has everything loaded, the second after a random pause, so that they
meet at any instant. After it every name must mean a whole artifact.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from collections import Counter
from pathlib import Path
from typing import Any

from awe_cli.errors import AweError
from awe_cli.workspace import Workspace
from benchmarks.torture.flips import names_of
from benchmarks.torture.world import SMALL, Outcome, World, in_parallel, run

BUSY = 75
PAUSE = 0.12  # seconds, the longest between the two


def together(first: list[str], second: list[str], pause: float, folder: Path) -> tuple[Outcome, Outcome]:
    """Two commands, the second begun `pause` seconds after the first."""
    out = folder / "first"
    reader = os.fork()
    if reader == 0:
        outcome = run(first)
        out.write_bytes(b"%d\n" % outcome.code + outcome.err.encode() + b"\0" + outcome.out)
        os._exit(0)
    time.sleep(pause)
    later = run(second)
    os.waitpid(reader, 0)
    head, _, data = out.read_bytes().partition(b"\0")
    code, _, err = head.decode(errors="replace").partition("\n")
    return Outcome(int(code), data, err), later


Round = tuple[list[str], list[str], set[int], set[int]]  # both commands, and the codes that each may end with


def pairs(world: World, draw: random.Random) -> dict[str, Round]:
    """The races, with arguments that make each round do work."""
    w = ["-w", str(world.workspace)]
    seed = str(draw.randrange(1 << 30))
    train = ["train", *w, "--name", "m", "--affinity", "constant", *SMALL]
    predict = ["predict", *w, "--top-k", "3", "--output", "-", "--model"]
    return {
        "train, train": ([*train, "--seed", seed], [*train, "--seed", seed + "1"], {0, BUSY}, {0, BUSY}),
        "retrain, predict": (
            ["retrain", *w, "--model", "m", "--affinity", "knn", "--name", "awe", "--epochs", "1",
             "--learning-rate", f"{draw.uniform(0.01, 0.2):.6f}"],
            [*predict, "awe"], {0}, {0},
        ),
        "gc, predict": (["gc", *w], [*predict, "champion"], {0}, {0}),
        "promote, predict": (
            ["promote", *w, draw.choice(["m", "popularity", "awe"]), "--as", "champion"], [*predict, "champion"],
            {0}, {0},
        ),
        "rollback, evaluate": (
            ["rollback", *w, "champion"], ["evaluate", *w, "--model", "champion", "--name", f"r{seed}"],
            {0, BUSY}, {0, BUSY},
        ),
    }  # fmt: skip


def races(world: World, folder: Path, *, rounds: int, jobs: int = 1, seed: int = 0) -> dict[str, Any]:
    """Counts of how the commands of `rounds` rounds ended, by race, and problems."""

    def work(worker: int) -> list[Any]:
        draw = random.Random(f"{seed} {worker}")
        counts: dict[str, Counter[str]] = {}
        problems: list[str] = []
        here = _fresh(world, folder / f"race-{worker}")
        for number in range(worker, rounds, jobs):
            name = list(pairs(here, draw))[number // jobs % 5]
            if name.startswith("retrain"):  # a model of another version of m would have no neighbours
                shutil.rmtree(here.root)
                here = _fresh(world, folder / f"race-{worker}")
            first, second, *allowed = pairs(here, draw)[name]
            possible = (
                [_answer(here, model) for model in ("champion", first[3])]
                if name == "promote, predict"
                else []
            )
            outcomes = together(first, second, draw.random() * PAUSE, here.root)
            for command, outcome, codes in zip((first, second), outcomes, allowed, strict=True):
                counts.setdefault(name, Counter())[f"{command[0]}: exit {outcome.code}"] += 1
                if outcome.code not in codes or outcome.has_traceback:
                    problems.append(f"{name}: {command[0]} ended with {outcome.code}: {outcome.err[-300:]}")
            if name == "promote, predict" and outcomes[1].code == 0 and outcomes[1].out not in possible:
                problems.append(f"{name}: the champion answered as neither model does")
            problems += [f"{name}: {problem}" for problem in _broken(here)]
            if name == "rollback, evaluate":
                _add_version(here, draw)
        shutil.rmtree(here.root)
        return [{name: dict(count) for name, count in counts.items()}, problems]

    total: dict[str, Counter[str]] = {}
    wrong: list[str] = []
    for counts, problems in in_parallel(work, range(jobs), jobs):
        for name, count in counts.items():
            total.setdefault(name, Counter()).update(count)
        wrong += problems
    return {
        "rounds": rounds,
        "counts": {name: dict(count) for name, count in total.items()},
        "problems": wrong,
    }


def _fresh(world: World, folder: Path) -> World:
    """A copy in which the champion has two versions, so that it can be rolled back."""
    here = world.copy(folder)
    run(["promote", "-w", str(here.workspace), "popularity", "--as", "champion"])
    return here


def _add_version(world: World, draw: random.Random) -> None:
    run(["promote", "-w", str(world.workspace), draw.choice(["m", "popularity"]), "--as", "champion"])


def _answer(world: World, model: str) -> bytes:
    """What a model recommends."""
    return run(["predict", "-w", str(world.workspace), "--top-k", "3", "--output", "-", "--model", model]).out


def _broken(world: World) -> list[str]:
    """What is not whole after a round."""
    ws, found = Workspace(world.workspace), []
    for kind, name in names_of(ws):
        try:
            ws.find(kind, name)
        except AweError as error:
            found.append(f"{kind} {name} is not whole: {error.message}")
    return found
