"""A month of simulated nights with a fault in most of them.

Every night brings the rows of a day, and runs what cron would: prepare --update, train from the champion, evaluate
and promote through a gate, predict, gc. Faults: the command killed at a random point, a full disk, an empty file, the
file of the day before, doubled rows, a renamed column, half of the rows missing. Every night recommendations must go
out, by a champion that passed the gate, and the exit code and the messages must say what was wrong.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from awe_cli.app import main
from awe_cli.workspace import Workspace
from benchmarks.torture.shim import KILL, Faults, armed
from benchmarks.torture.world import Outcome, World, forked, loaded, quiet, run

PEOPLE, ITEMS = 60, 25
GATE = "ndcg@5 >= champion - 0.02"
FAULTS = (
    "none",
    "killed",
    "full disk",
    "empty file",
    "file of the day before",
    "doubled rows",
    "renamed column",
    "half of the rows",
)


def rows_of(day: int) -> pa.Table:
    """All rows up to a day: people come and choose more with time, in three groups of taste."""
    rows = []
    for person in range(PEOPLE + day):
        draw = random.Random(f"nights {person}")
        taste = person % 3
        liked = [item for item in range(ITEMS + day // 4) if item % 3 == taste]
        others = [item for item in range(ITEMS) if item % 3 != taste]
        chosen = draw.sample(liked, min(len(liked), 6)) + draw.sample(others, 2)
        rows += [{"user": f"u{person}", "item": f"i{item}"} for item in chosen[: 6 + (day + person) % 3]]
    return pa.Table.from_pylist(rows)


@dataclass
class Night:
    """What happened: exit codes and messages by command, in order."""

    fault: str
    log: list[tuple[str, Outcome]]
    before: str = "none"  # the fault of the data that was prepared last

    @property
    def codes(self) -> dict[str, int]:
        """Command → exit code of its last run."""
        return {name: outcome.code for name, outcome in self.log}


def deliver(path: Path, day: int, fault: str) -> None:
    """Write the file of a day as the fault has it."""
    table = rows_of(day - 1 if fault == "file of the day before" else day)
    if fault == "doubled rows":
        table = pa.concat_tables([table, table])
    if fault == "half of the rows":
        table = table.slice(0, table.num_rows // 2)
    if fault == "renamed column":
        table = table.rename_columns(["person", "item"])
    if fault == "empty file":
        path.write_bytes(b"")
    else:
        pq.write_table(table, path)


def script(world: World, rows: Path) -> list[tuple[str, list[str]]]:
    """What cron runs, in order; a failure ends it, but for predict, which always runs."""
    w = ["-w", str(world.workspace), "-q"]
    return [
        (
            "prepare",
            ["prepare", str(rows), *w, "--user", "user", "--item", "item", "--holdout", "1", "--update"],
        ),
        (
            "train",
            [
                "train",
                *w,
                "--affinity",
                "constant",
                "--start",
                "champion",
                "--name",
                "tonight",
                "--epochs",
                "3",
            ],
        ),
        ("promote", ["promote", "tonight", *w, "--as", "champion", "--if", GATE]),
        ("gc", ["gc", *w]),
    ]


def run_night(world: World, day: int, fault: str, draw: random.Random) -> Night:
    """One night; the command that is killed, or meets a full disk, is run once more when the machine is back."""
    rows = world.root / "today.parquet"
    deliver(rows, day, fault)
    night = Night(fault, [])
    steps = script(world, rows)
    struck = draw.randrange(len(steps)) if fault in ("killed", "full disk") else -1
    for number, (name, arguments) in enumerate(steps):
        if number == struck:
            how = KILL if fault == "killed" else "ENOSPC"
            faults = Faults(world.root, how, draw.randrange(1, 12))
            night.log.append((f"{name} ({fault})", forked(_main(arguments), _arm(faults))))
        outcome = run(arguments)
        night.log.append((name, outcome))
        if outcome.code:
            break
    output = [
        "predict",
        "-w",
        str(world.workspace),
        "-q",
        "--model",
        "champion",
        "--top-k",
        "5",
        "--output",
        str(world.output),
    ]
    night.log.append(("predict", run(output)))
    return night


def _main(arguments: Sequence[str]) -> Callable[[], int]:
    return lambda: main(list(arguments))


def _arm(faults: Faults) -> Callable[[], None]:
    return lambda: armed(faults)


def month(folder: Path, *, nights: int, seed: int = 0) -> dict[str, Any]:
    """The nights, their faults, what was said, and what went wrong."""
    loaded()
    draw = random.Random(seed)
    world = World(folder / "nights")
    world.output.parent.mkdir(parents=True)
    rows = world.root / "today.parquet"
    deliver(rows, 0, "none")
    w = ["-w", str(world.workspace), "-q"]
    quiet(["prepare", str(rows), *w, "--user", "user", "--item", "item", "--holdout", "1", "--update"])
    quiet(["train", *w, "--affinity", "constant", "--name", "tonight", "--dim", "8", "--epochs", "8"])
    quiet(["promote", "tonight", *w, "--as", "champion"])
    passed = {_champion(world)}
    counts: dict[str, dict[str, int]] = {}
    problems: list[str] = []
    prepared = "none"
    for day in range(1, nights + 1):
        fault = FAULTS[day % len(FAULTS)] if day <= 2 * len(FAULTS) else draw.choice(FAULTS)
        world.output.unlink(missing_ok=True)
        night = run_night(world, day, fault, draw)
        night.before = prepared
        prepared = fault if night.codes["prepare"] == 0 else prepared
        count = counts.setdefault(fault, {"nights": 0, "promoted": 0, "named": 0})
        count["nights"] += 1
        if night.codes.get("promote") == 0:
            passed.add(_champion(world))
            count["promoted"] += 1
        problems += [f"night {day}, {fault}: {problem}" for problem in _wrong(world, night, passed)]
        count["named"] += _is_named(night)
        if not _is_named(night):
            problems.append(f"night {day}, {fault}: no code and no message names it: {night.codes}")
    return {"nights": nights, "counts": counts, "problems": problems}


def _champion(world: World) -> str:
    pointer = Workspace(world.workspace).pointer("model", "champion")
    return pointer.digest if pointer else "none"


def _wrong(world: World, night: Night, passed: set[str]) -> list[str]:
    """What must not be after any night."""
    found = [f"{name}: {outcome.err[-400:]}" for name, outcome in night.log if outcome.has_traceback]
    if night.codes["predict"]:
        found.append(f"no recommendations: {night.log[-1][1].err[-400:]}")
    elif not world.output.exists() or len(world.output.read_bytes().splitlines()) < PEOPLE:
        found.append("recommendations are missing")
    if _champion(world) not in passed:
        found.append("the champion did not pass the gate")
    if left := [path for path in world.leftovers() if "checkpoints" not in path]:
        found.append(f"left behind {left}")
    return found


def _is_named(night: Night) -> bool:
    """Whether exit codes or messages tell the fault; a night without one must not raise an alarm of its own."""
    codes, said = night.codes, " ".join(outcome.err for _, outcome in night.log)
    struck = [outcome for name, outcome in night.log if "(" in name]
    if night.fault in ("none", "file of the day before"):
        return all(code in (0, 79) for code in codes.values())
    if night.fault == "killed":
        return struck == [] or struck[0].code in (-signal.SIGKILL, 0, 79)
    if night.fault == "full disk":
        return struck == [] or struck[0].code in (73, 0, 79)
    if night.fault == "empty file":
        return codes["prepare"] == 65 and "empty" in said
    if night.fault == "renamed column":
        return codes["prepare"] == 66 and "user" in said
    # Half of the rows after half of the rows is no loss against the version before, which was warned of.
    return "warning" in said.lower() or night.before == night.fault == "half of the rows"
