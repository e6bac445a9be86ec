"""Whole commands: a training with validation and the second fit, what follows it, memory, start-up and compiling."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.bench.affinity_rows import D
from benchmarks.bench.contest import HERE, Arena, table
from benchmarks.reproduce.page import folded
from benchmarks.synthetic import write

MB = 1e6
METRICS = "precision,recall,ndcg,map,mrr,mean-rank,coverage,novelty,popularity"
_PREPARE = "prepare {file} --user user --item item --holdout 5"
_TINY = (200, 400)  # people and items of a set on which a command has hardly any work
_SECONDS = "3600"  # of the processor that a command may take
_BARE = Path(__file__).with_name("bare.py")


class Cost(NamedTuple):
    """What one command took: seconds by the clock and of all processors, the most bytes of memory; what it printed."""

    seconds: float
    processor: float
    most: int
    printed: str


def whole(arena: Arena) -> str:
    """The section of commands with much to do, on the interactions of the section on training."""
    scale, ws = arena.scale, arena.folder / "whole"
    pairs = _prepared(arena.folder, ws, scale.people, scale.items, scale.mean)
    train = f"train --dim {D}"
    awe(ws, f"{train} --epochs 1 --name warm")  # compiles, where these sources are new
    awe(ws, f"evaluate --model warm --metric {METRICS}")
    trained = awe(ws, f"{train} --epochs {scale.epochs} --name whole")
    predict = "predict --model whole --top-k 10"
    near = awe(ws, f"{predict} --approximate hnsw --json -o {ws / 'near.parquet'}")
    recall = json.loads(near.printed[near.printed.index("{") :])["recall"]
    passes = pairs * scale.epochs
    data = (
        pairs * (4 + 4) + scale.people * 8
    )  # an index and a value for each entry, an offset for each person
    embeddings = 2 * scale.items * D * 4
    commands = {
        f"`awe train --dim {D} --epochs {scale.epochs}`": trained,
        "`awe predict`, the 10 best for everyone": awe(ws, f"{predict} -o {ws / 'out.parquet'}"),
        f"the same, `--approximate hnsw`: recall {recall:.4f}": near,
        "`awe evaluate`, one metric": awe(ws, "evaluate --model whole --metric ndcg@20"),
        "`awe evaluate`, nine metrics at 1, 10 and 100": awe(
            ws, f"evaluate --model whole --at 1,10,100 --metric {METRICS}"
        ),
        "`awe build-knn --k 50 --lambda 1`": awe(ws, "build-knn --model whole --k 50 --lambda 1"),
    }
    rows = [
        (title, f"{cost.seconds:.1f}", f"{cost.processor:.1f}", f"{cost.most / MB:,.0f}")
        for title, cost in commands.items()
    ]
    words = (
        f"{scale.people:,} people × {scale.items:,} items, {pairs:,} interactions, 5 of each person held out, d = {D}, "
        "two threads:"
    )
    more = (
        "Every epoch is validated, and learned again in the second fit. Counted once, `awe train` learns "
        f"{passes / trained.seconds / 1e6:.2f} M interactions/s from its start to its end. The training matrix, U "
        f"and V take {(data + embeddings) / MB:,.0f} MB."
    )
    head = "command | seconds | processor seconds | most memory, MB"
    return "\n\n".join((folded(words), table(head, rows), folded(more)))


def start(arena: Arena) -> str:
    """The section of commands with next to nothing to do."""
    ws = arena.folder / "tiny"
    _prepared(arena.folder, ws, *_TINY, 20.0)
    awe(ws, "train --epochs 1 --name warm")
    runs = 3 * arena.scale.runs
    script = Path(sys.executable).with_name("awe")
    beside = {
        "a program of typer and rich: `--help`": [[sys.executable, str(_BARE), "--help"]] * (runs + 1),
        "`awe --help`": [[str(script), "--help"]] * (runs + 1),
        "`awe train` that is up to date": [_command(ws, "train --epochs 1 --name warm")] * (runs + 1),
        "`awe train`, 200 people, an epoch, kernels compiled": [
            _command(ws, f"train --epochs 1 --name new --seed {seed}") for seed in range(1, runs + 2)
        ],
    }
    seconds: dict[str, list[float]] = {title: [] for title in beside}
    for commands in zip(*beside.values(), strict=True):
        for title, command in zip(beside, commands, strict=True):
            seconds[title].append(run(command).seconds)
    bare, *_ = seconds.values()
    rows = [
        (title, f"{statistics.median(of[1:]):.2f}", f"{_ratio(of, bare):.2f} ×" if "help" in title else "")
        for title, of in seconds.items()
    ]
    return "\n\n".join((table("command | seconds | of the bare program", rows), _compiling(arena, ws)))


def _ratio(seconds: list[float], others: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(seconds[1:], others[1:], strict=True))


def _compiling(arena: Arena, ws: Path) -> str:
    """Each command of the common path for the first time on a machine, and once more."""
    empty = {"NUMBA_CACHE_DIR": str(arena.folder / "compiled")}
    path = {
        "train": "train --epochs 2 --name {name}",
        "evaluate": "evaluate --model {name}",
        "predict": "predict --model {name} --top-k 5 -o {ws}/{name}.parquet",
        "build-knn": "build-knn --model {name} --k 5 --lambda 1",
        "retrain": "retrain --model {name} --affinity knn --name {name}-knn --epochs 1",
        "evaluate, knn": "evaluate --model {name}-knn",
    }
    found = [
        [awe(ws, words.format(name=name, ws=ws), empty).seconds for words in path.values()]
        for name in ("cold", "again")
    ]
    rows = [
        (f"`awe {title}`", f"{cold:.1f}", f"{again:.1f}", f"{cold - again:.1f}")
        for title, cold, again in zip(path, *found, strict=True)
    ]
    rows.append(("all", *(f"{sum(of):.1f}" for of in (*found, [a - b for a, b in zip(*found, strict=True)]))))
    return (
        "The first time on a machine, when nothing is compiled, and then with another model, in this order:\n\n"
        + table("command | first, s | then, s | compiling, s", rows)
    )


def _prepared(folder: Path, ws: Path, people: int, items: int, mean: float) -> int:
    """Synthetic interactions, prepared; returns how many there are."""
    file = folder / f"{ws.name}.parquet"
    pairs = write(str(file), people, items, mean)
    awe(ws, _PREPARE.format(file=file))
    return pairs


def awe(ws: Path, words: str, environment: dict[str, str] | None = None) -> Cost:
    """What one command of awe takes."""
    return run(_command(ws, words), environment)


def _command(ws: Path, words: str) -> list[str]:
    return [sys.executable, "-m", "awe_cli", "-w", str(ws), *words.split(), "--quiet"]


def run(command: Sequence[str], environment: dict[str, str] | None = None) -> Cost:
    """What a command takes; what it prints is shown only where it fails, which ends the benchmark.

    Python may keep the bytecode of what it imports, as it has that of a package that pip installed.
    """
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "used.json"
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.peers.measure", str(file), _SECONDS, *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=HERE,
            env={**inherited, **(environment or {})},
            check=True,
        )
        status, processor, kilobytes, seconds = json.loads(file.read_text())
    if status:
        raise SystemExit(f"{' '.join(command)} ended with status {status}\n{done.stdout}")
    return Cost(seconds, processor, kilobytes * 1024, done.stdout)
