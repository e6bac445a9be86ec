"""Damaged files: bits that flip and files that are cut, in every file of a workspace.

Every byte of small files and a sample of the bytes of larger ones gets one flipped bit; every file is cut at the end
of every block. Each damage must be found when the artifact is opened, with the file named; a sample goes through
whole commands: one that reads the artifact must end with 74, its step must make it anew, and end with the same bytes.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from awe_cli.app import main
from awe_cli.errors import CorruptArtifactError
from awe_cli.workspace import KINDS, Workspace
from benchmarks.torture.shim import KILL, Faults, armed
from benchmarks.torture.world import YESTERDAY, Step, World, forked, in_parallel, run

SMALL = 4096  # bytes up to which every byte is tried
BLOCK = 512  # bytes between two cuts
DAMAGED = 74

Damage = tuple[str, int, int]  # "flip", place and bit; or "cut", size and 0


def damaged(content: bytes, damage: Damage) -> bytes:
    """The bytes with one bit flipped, or cut."""
    what, place, bit = damage
    if what == "cut":
        return content[:place]
    return content[:place] + bytes([content[place] ^ (1 << bit)]) + content[place + 1 :]


def damages(size: int, flips: int, draw: random.Random) -> list[Damage]:
    """Flips of every byte of a small file, or of `flips` of a larger one, and cuts at the end of every block."""
    places: Sequence[int] = range(size) if size <= SMALL else draw.sample(range(size), min(flips, size))
    cuts = sorted({0, size - 1, *range(BLOCK, size, BLOCK)}) if size else []
    return [*(("flip", place, draw.randrange(8)) for place in places), *(("cut", cut, 0) for cut in cuts)]


def names_of(ws: Workspace) -> list[tuple[str, str | None]]:
    """Kind and name of everything in a workspace."""
    return [(k.name, name) for k in KINDS.values() for name in (ws.names(k.name) if k.folder else [None])]


def files_of(ws: Workspace, kind: str, name: str | None) -> list[Path]:
    """Every file that a name needs: its own, the manifest, the files of the artifact."""
    artifact = ws.find(kind, name)
    pointer = KINDS[kind].pointer(ws.root, name)
    return [
        pointer,
        artifact.path / "manifest.json",
        *(artifact.path / file for file in artifact.manifest.files),
    ]


def opened(world: World, *, flips: int, every: int = 1, seed: int = 0) -> dict[str, Any]:
    """Open every artifact with each damage (or each `every`-th of them): how many are found, by kind of file."""
    ws, draw = Workspace(world.workspace), random.Random(seed)
    counts: dict[str, Counter[str]] = {}
    problems = []
    for kind, name in names_of(ws):
        for path in files_of(ws, kind, name):
            content = path.read_bytes()
            what = "names" if path.suffix == ".json" and path.parent.parent == ws.root else path.name
            what = "names" if path.parent == ws.root else what
            count = counts.setdefault(what, Counter())
            for damage in damages(len(content), flips, draw)[::every]:
                path.write_bytes(damaged(content, damage))
                count["tried"] += 1
                try:
                    Workspace(ws.root).find(kind, name)
                except CorruptArtifactError as error:
                    count["found"] += 1
                    if str(path) not in error.message:
                        problems.append(
                            f"{kind} {name}, {damage} of {path.name}: not named in {error.message}"
                        )
                except Exception as error:
                    problems.append(f"{kind} {name}, {damage} of {path.name}: {error!r}")
                else:
                    problems.append(f"{kind} {name}, {damage} of {path.name}: not found")
            path.write_bytes(content)
    return {"files": {what: dict(count) for what, count in sorted(counts.items())}, "problems": problems}


# Through whole commands.

_STEPS = {step.name: step for step in YESTERDAY}
# Kind and name → the step that makes it, and a model whose predictions need it.
_MADE = {
    ("dataset", None): ("prepare", "m"),
    ("model", "m"): ("train", "m"),
    ("neighbors", "m"): ("build-knn", "awe"),
    ("model", "awe"): ("retrain", "awe"),
    ("model", "popularity"): ("train-baseline", "popularity"),
    ("model", "ensemble"): ("ensemble", "ensemble"),
    ("metrics", "scores"): ("evaluate", None),
    ("predictions", "lists"): ("predict", None),
}


def served(world: World, folder: Path, *, sample: int, jobs: int = 1, seed: int = 0) -> dict[str, Any]:
    """Damage a file, run a command that reads it, then the step that makes it: `sample` trials."""
    ws, draw = Workspace(world.workspace), random.Random(seed)
    after = world.names()
    trials = []
    for kind, name in _MADE:
        for path in files_of(ws, kind, name):
            if path.parent == ws.store / after_digest(after, kind, name):
                found = damages(path.stat().st_size, 200, draw)
                trials += [(kind, name, str(path.relative_to(world.root)), damage) for damage in found]
    chosen = draw.sample(trials, min(sample, len(trials)))

    def one(item: tuple[int, Any]) -> list[str]:
        number, (kind, name, inside, damage) = item
        here = world.copy(folder / f"served-{number}")
        path = here.root / inside
        path.write_bytes(damaged(path.read_bytes(), damage))
        try:
            return [
                f"{kind} {name}, {damage} of {path.name}: {one}"
                for one in _serve(here, kind, name, path, after)
            ]
        finally:
            shutil.rmtree(here.root)

    results = [*in_parallel(one, list(enumerate(chosen)), jobs)]
    return {"tried": len(results), "problems": [problem for result in results for problem in result]}


def after_digest(names: dict[str, Any], kind: str, name: str | None) -> str:
    """The digest that a name means."""
    return str(names[f"{kind} {name}"][-1][0])


def _serve(world: World, kind: str, name: str | None, path: Path, after: dict[str, Any]) -> Iterator[str]:
    """What is wrong with how a damaged file is treated by a reader and by its step."""
    step, model = _MADE[kind, name]
    ask = ["status", "-w", str(world.workspace)]
    if model is not None:
        ask = ["predict", "-w", str(world.workspace), "--model", model, "--output", "-"]
    outcome = run(ask)
    if outcome.code != DAMAGED or path.name not in outcome.err or outcome.has_traceback:
        yield f"a reader ended with {outcome.code}: {outcome.err[-200:]}"
    if outcome.out and model is not None:
        yield "something was served"
    again = run(world.arguments(_STEPS[step]))
    if again.code or "up to date" in again.err or again.has_traceback:
        yield f"its step ended with {again.code}: {again.err[-200:]}"
    if world.names() != after:
        yield "its step made other bytes"
    Workspace(world.workspace).find(kind, name, verify=True)


def checkpoints(
    world: World, folder: Path, *, sample: int, step: Step, at: int, seed: int = 0
) -> dict[str, Any]:
    """Kill a step at a point, damage a file of its checkpoint, run it again: `sample` trials.

    world  before the step
    """
    draw = random.Random(seed)
    whole = world.copy(folder / "whole")
    quiet_run = run(whole.arguments(step))
    after = whole.names()
    stopped = world.copy(folder / "stopped")
    faults = Faults(stopped.root, KILL, at)
    forked(lambda: main(stopped.arguments(step)), lambda: armed(faults))
    files = [path for path in stopped.workspace.glob("checkpoints/*/*") if path.is_file()]
    if quiet_run.code or not files:
        raise RuntimeError(f"no checkpoint to damage: {quiet_run.err}")
    problems = []
    for number in range(sample):
        here = stopped.copy(folder / f"checkpoint-{number}")
        path = here.root / draw.choice(files).relative_to(stopped.root)
        damage = draw.choice(damages(path.stat().st_size, 200, draw))
        path.write_bytes(damaged(path.read_bytes(), damage))
        outcome = run(here.arguments(step))
        if outcome.code or outcome.has_traceback:
            problems.append(f"{damage} of {path.name[:30]}: ended with {outcome.code}: {outcome.err[-300:]}")
        elif here.names() != after or here.leftovers():
            problems.append(f"{damage} of {path.name[:30]}: other bytes, or left behind {here.leftovers()}")
        shutil.rmtree(here.root)
    return {"tried": sample, "problems": problems}
