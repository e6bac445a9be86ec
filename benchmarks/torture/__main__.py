"""All parts, and the report: see the docstring of the package."""

from __future__ import annotations

import argparse
import datetime
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.machine import machine
from benchmarks.torture import faults, flips, hostile, nights, races
from benchmarks.torture.world import World, scratch, stages, yesterday

Result = dict[str, Any]


def _faults(world: World, folder: Path, sample: int | None, jobs: int) -> Iterator[tuple[str, Result]]:
    found = stages(folder, world, ("prepare", "train", "promote") if sample else None)
    for how, what in (
        ("kill", "kill -9 at each point that changes a file"),
        ("power cut", "power cut at each of them: what was not forced to the disk is lost"),
        ("ENOSPC", "the disk is full from that point on (ENOSPC)"),
        ("EIO", "the point fails once (EIO)"),
        ("EACCES", "the point is forbidden (EACCES)"),
    ):
        yield what, faults.trials(found, folder, [how], sample=sample, jobs=jobs)
    reads = faults.trials(found, folder, faults.READ_MODES, reads=True, sample=sample or 1500, jobs=jobs)
    yield "opening or reading a file is refused (EACCES, EIO, EMFILE), a sample", reads
    if not sample:
        limited = faults.size_limits(found, folder, [0, 100, 2000, 8000])
        yield "files may not grow beyond a limit (RLIMIT_FSIZE)", limited
    full = faults.full_disk(found, folder, [4096] if sample else [0, 4096, 12288, 24576, 49152])
    yield (
        "a file system of its own with 0 to 48 KiB left (tmpfs)",
        full or {"skipped": "this user may not mount one"},
    )


def _flips(world: World, folder: Path, sample: int | None, jobs: int) -> Iterator[tuple[str, Result]]:
    found = flips.opened(world, flips=400, every=5000 // sample if sample else 1)
    for what, count in found["files"].items():
        here = [problem for problem in found["problems"] if what in problem]
        yield f"{what}: one bit flipped, or cut at the end of a block", {"counts": count, "problems": here}
    yield (
        "the same through a reader, which must end with 74, and its step",
        flips.served(world, folder, sample=sample or 1000, jobs=jobs),
    )
    stage = stages(folder, world, ["train"])[0]
    yield (
        "checkpoints of a killed run damaged, then the command again",
        flips.checkpoints(stage.before, folder, sample=sample or 300, step=stage.step, at=300),
    )


def _races(world: World, folder: Path, sample: int | None, jobs: int) -> Iterator[tuple[str, Result]]:
    found = races.races(world, folder, rounds=sample or 2000, jobs=jobs)
    for name, count in found["counts"].items():
        here = [problem for problem in found["problems"] if problem.startswith(name)]
        yield f"{name} at once", {"counts": count, "problems": here}


def _hostile(world: World, folder: Path, sample: int | None, jobs: int) -> Iterator[tuple[str, Result]]:
    found = hostile.hostile(world, folder, sample=sample or 1500, bombs=not sample, jobs=jobs)
    for part, count in found["counts"].items():
        yield f"hostile {part} whose digests agree, read by `predict`", {"counts": count, "problems": []}
    yield "problems of all of them", {"counts": {}, "problems": found["problems"]}


def _nights(world: World, folder: Path, sample: int | None, jobs: int) -> Iterator[tuple[str, Result]]:
    found = nights.month(folder, nights=min(sample or 30, 30))
    for fault, count in sorted(found["counts"].items()):
        here = [problem for problem in found["problems"] if f", {fault}:" in problem]
        yield fault, {"counts": count, "problems": here}


Part = Callable[[World, Path, int | None, int], Iterator[tuple[str, Result]]]
PARTS: dict[str, tuple[str, Part]] = {
    "faults": ("Faults at every point", _faults),
    "flips": ("Damaged files", _flips),
    "races": ("Two commands at once", _races),
    "hostile": ("Hostile artifacts", _hostile),
    "nights": ("A month of nights", _nights),
}


def main() -> int:
    """Run the parts that are named; 1 where there were problems."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.torture", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; by default all")
    parser.add_argument(
        "--sample", type=int, metavar="N", help="about so many trials of each kind, without bombs"
    )
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time (2)")
    parser.add_argument("--report", type=Path, help="where to write the tables, as Markdown")
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"expected parts among {', '.join(PARTS)}, found {', '.join(sorted(unknown))}")
    lines: list[str] = []
    problems: list[str] = []
    for name in options.parts or PARTS:
        title, part = PARTS[name]
        started = time.monotonic()
        lines += [f"## {title}", "", "| what | trials | outcomes | problems |", "|---|---:|---|---:|"]
        with scratch() as folder:
            world = yesterday(folder / "yesterday")
            for what, result in part(world, folder, options.sample, options.jobs):
                line = _row(what, result)
                print(line, file=sys.stderr, flush=True)
                for problem in result.get("problems", ()):
                    print(f"  {problem}", file=sys.stderr, flush=True)
                lines.append(line)
                problems += result.get("problems", ())
        lines += ["", f"In {time.monotonic() - started:,.0f} s.", ""]
        _write(options, lines)
    print(f"{len(problems)} problems", file=sys.stderr)
    return 1 if problems else 0


def _write(options: argparse.Namespace, lines: list[str]) -> None:
    """The report as far as it goes."""
    text = _HEAD.format(
        command=_command(options.sample),
        machine=machine(),
        faulted="prepare, train and promote" if options.sample else "every command",
        date=datetime.date.today().strftime("%-d %B %Y"),
    ) + "\n".join(lines)
    if options.report:
        options.report.write_text(text)


def _command(sample: int | None) -> str:
    return f"python -m benchmarks.torture --sample {sample}" if sample else "make torture"


def _row(what: str, result: Result) -> str:
    if "skipped" in result:
        return f"| {what} | 0 | skipped: {result['skipped']} | 0 |"
    counts = result.get("counts", {})
    tried = result.get("tried") or counts.get("tried") or counts.get("nights") or sum(counts.values())
    shown = ", ".join(f"{key}: {n:,}" for key, n in sorted(counts.items()) if key not in ("tried", "nights"))
    if "points" in result and result["points"] != tried:
        shown += f" (of {result['points']:,} points)"
    return f"| {what} | {tried:,} | {shown or 'as it should be'} | {len(result['problems']):,} |"


_HEAD = """# Reliability

What `{command}` counted on a tiny data set (40 people, 15 items), with faults in {faulted}: {machine},
{date}.
A problem is anything but what [workspace.md](workspace.md#guarantees) promises: other bytes, an artifact that is
served though it is damaged, a traceback, a wrong exit code, a file left behind.

- After each fault the champion must answer `predict` with the same bytes as before the command or after it, and the
  same command, run once more, must end with the bytes of a run that nothing disturbed.
- A point is a call that creates, writes, forces to the disk, renames or removes a file; a killed write is half done.
- A power cut also takes every byte and every name that was not forced to the disk.
- A night's fault is named by an exit code or a warning. The file of the day before needs no alarm: where it was
  prepared already, `prepare` is up to date.

"""

if __name__ == "__main__":
    sys.exit(main())
