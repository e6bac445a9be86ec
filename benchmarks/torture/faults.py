"""A process that is killed, a machine that loses power, a disk that refuses, at every point of every command.

After each trial the champion must answer with the same bytes as before the command or after it, and the command, run
again without a fault, must end with the bytes of a run that nothing disturbed, and leave nothing behind.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from awe_cli.app import main
from benchmarks.torture.shim import ERRORS, KILL, POWER, REFUSED, Faults, armed
from benchmarks.torture.world import Outcome, Stage, World, ask, forked, in_parallel, run

CANNOT_WRITE, UNREADABLE = 73, 66
MODES = (KILL, POWER, *REFUSED)
READ_MODES = ("EACCES", "EIO", "EMFILE")

# How many points a command has, found by a run in which nothing fails.


def points(stage: Stage, folder: Path, how: str | None, reads: bool = False) -> list[tuple[str, str]]:
    """Every point of the step that `how` can hit: what is done, and the file."""
    world = stage.before.copy(folder / "count")
    log = folder / "points"
    faults = Faults(world.root, how, 1 << 40, reads)

    def count() -> int:
        code = main(world.arguments(stage.step))
        lines = [f"{what} {path}" for what, path in faults.seen]
        with log.open("w") as stream:
            stream.write("\n".join(lines))
        return code

    outcome = forked(count, lambda: armed(faults))
    if outcome.code:
        raise RuntimeError(f"{stage.step.name} ended with {outcome.code} where nothing failed: {outcome.err}")
    found = [(what, path) for what, _, path in (line.partition(" ") for line in log.read_text().splitlines())]
    shutil.rmtree(world.root)
    log.unlink()
    return found


# One trial.


def trial(stage: Stage, folder: Path, how: str, at: int, reads: bool = False) -> list[str]:
    """Run the step with its point `at` failing, look at what is left, and run it again: what went wrong, in words."""
    world = stage.before.copy(folder / f"{stage.step.name}-{how}-{at}".replace(" ", "-"))
    faults = Faults(world.root, how, at, reads)
    try:
        outcome = run(world.arguments(stage.step), lambda: armed(faults))
        return [
            *_ended(outcome, how, reads),
            *_left(stage, world, full=how == "ENOSPC"),
            *_again(stage, world),
        ]
    finally:
        shutil.rmtree(world.root)
        for backup in folder.glob(f"{world.root.name}.backup-*"):
            backup.unlink()


def _ended(outcome: Outcome, how: str, reads: bool) -> Iterator[str]:
    """What is wrong with how the command ended."""
    if how in (KILL, POWER):
        if outcome.code != -signal.SIGKILL:
            yield f"ended with {outcome.code} instead of being killed"
        return
    # What was just written is read back, too: that is a failure to write.
    expected = {0, UNREADABLE, CANNOT_WRITE} if reads else {0, CANNOT_WRITE}
    yield from _message(outcome, expected)
    if reads and "rm -r" in outcome.err:
        yield "advises to remove what could not be read"


def _message(outcome: Outcome, expected: set[int]) -> Iterator[str]:
    if outcome.has_traceback:
        yield f"traceback: {outcome.err[-400:]}"
    elif outcome.code not in expected:
        yield f"exit code {outcome.code}: {outcome.err[-300:]}"
    elif outcome.code and sum(line.startswith("error: ") for line in outcome.err.splitlines()) != 1:
        yield f"not one message: {outcome.err[-300:]}"


def _left(stage: Stage, world: World, full: bool = False) -> Iterator[str]:
    """What is wrong with what the fault left."""
    if full and (left := [path for path in world.leftovers() if "checkpoints" not in path]):
        yield f"left behind on a full disk: {left}"
    yield from _answer(world, stage.answers)


def _answer(world: World, expected: Sequence[bytes]) -> Iterator[str]:
    """What is wrong with what the champion recommends."""
    try:
        if ask(world) not in expected:
            yield "the champion answers differently"
    except RuntimeError as error:
        yield f"the champion does not answer: {error}"


def _again(stage: Stage, world: World) -> Iterator[str]:
    """What is wrong after the same command once more."""
    outcome = run(world.arguments(stage.step))
    yield from (f"again: {problem}" for problem in _message(outcome, {0}))
    now = world.names()
    different = [key for key in stage.after if now.get(key) != stage.after[key]]
    if different or set(now) != set(stage.after):
        yield f"again: other bytes of {different or set(now) ^ set(stage.after)}"
    if left := world.leftovers():
        yield f"again: left behind {left}"
    yield from (f"again: {problem}" for problem in _answer(world, stage.answers[1:]))


# All trials, or a sample of them.


def trials(
    found: Sequence[Stage], folder: Path, modes: Sequence[str], *, reads: bool = False, sample: int | None = None,
    jobs: int = 1, seed: int = 0,
) -> dict[str, Any]:  # fmt: skip
    """Counts and problems of the trials at all points of the steps, or at `sample` of them drawn at random."""
    by_number = dict(enumerate(found))
    all_trials = [
        (number, how, at)
        for number, stage in by_number.items()
        for how in modes
        for at in range(1, len(points(stage, folder, how, reads)) + 1)
    ]
    chosen = (
        all_trials if sample is None else random.Random(seed).sample(all_trials, min(sample, len(all_trials)))
    )

    def one(item: tuple[int, str, int]) -> list[Any]:
        number, how, at = item
        return [by_number[number].step.name, how, at, trial(by_number[number], folder, how, at, reads)]

    counts: Counter[str] = Counter()
    problems = []
    for name, how, at, wrong in in_parallel(one, chosen, jobs):
        counts[how] += 1
        problems += [f"{name}, {how} at point {at}: {problem}" for problem in wrong]
    return {"points": len(all_trials), "counts": dict(counts), "problems": problems}


# A real limit: files of a size beyond which the kernel refuses to write, Arrow's own writing included.


def size_limits(found: Sequence[Stage], folder: Path, limits: Sequence[int]) -> dict[str, Any]:
    """Each step where no file may grow beyond each limit (bytes): by RLIMIT_FSIZE, without the shim."""
    counts, problems = Counter[str](), []
    for stage in found:
        for limit in limits:
            world = stage.before.copy(folder / "limited")

            def limited(limit: int = limit) -> None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

            outcome = forked_logged(world, stage, limited)
            counts[f"exit {outcome.code}"] += 1
            wrong = [
                *_message(outcome, {0, CANNOT_WRITE}),
                *_left(stage, world, full=True),
                *_again(stage, world),
            ]
            problems += [f"{stage.step.name}, files of at most {limit} bytes: {one}" for one in wrong]
            shutil.rmtree(world.root)
    return {"counts": dict(counts), "problems": problems}


def forked_logged(world: World, stage: Stage, before: Any) -> Outcome:
    """The step in a forked process; its messages go through pipes, which the limit does not touch."""
    code = "import sys; from awe_cli.app import main; sys.exit(main(sys.argv[1:]))"  # a process of its own: pipes
    done = subprocess.run(
        [sys.executable, "-c", code, *world.arguments(stage.step)],
        check=False,
        capture_output=True,
        preexec_fn=before,
    )
    return Outcome(done.returncode, done.stdout, done.stderr.decode(errors="replace"))


def full_disk(found: Sequence[Stage], folder: Path, rooms: Sequence[int]) -> dict[str, Any] | None:
    """Each step on a file system of its own with so many bytes left; None where this user may not mount one."""
    mount = folder / "mounted"
    mount.mkdir(exist_ok=True)
    counts, problems = Counter[str](), []
    for stage in found:
        for room in rooms:
            mounted = subprocess.run(
                ["mount", "-t", "tmpfs", "tmpfs", mount], check=False, capture_output=True
            )
            if mounted.returncode:
                return None
            try:
                world = stage.before.copy(mount / "world")
                size = os.statvfs(mount)
                used = (size.f_blocks - size.f_bfree) * size.f_frsize
                subprocess.run(["mount", "-o", f"remount,size={used + room}", mount], check=True)
                outcome = run(world.arguments(stage.step))
                counts[f"exit {outcome.code}"] += 1
                wrong = [*_message(outcome, {0, CANNOT_WRITE}), *_left(stage, world, full=True)]
                subprocess.run(["mount", "-o", "remount,size=1g", mount], check=True)
                wrong += _again(stage, world)
                problems += [f"{stage.step.name}, {room} bytes left: {one}" for one in wrong]
            finally:
                subprocess.run(["umount", mount], check=True)
    return {"counts": dict(counts), "problems": problems}


__all__ = ["ERRORS", "MODES", "READ_MODES", "full_disk", "points", "size_limits", "trial", "trials"]
