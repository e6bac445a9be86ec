"""Running the commands of a table, and collecting what `awe evaluate` says."""

from __future__ import annotations

import io
import json
import shlex
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from awe_cli.app import main
from awe_cli.workspace import Workspace
from benchmarks.reproduce.budget import budget
from benchmarks.reproduce.contrast import averaged
from benchmarks.reproduce.found import Found, per_example
from benchmarks.reproduce.origin import digests, origin
from benchmarks.reproduce.shape import Data, Listing, Row, Run, Table
from benchmarks.reproduce.times import Taken, Times, measured

_NAMES = {"seed": "SEED", "fold": "FOLD", "data": "DATA", "made": "MADE"}


@dataclass
class Folders:
    """Where things are: research data, what is made of it, and workspaces."""

    data: Path
    root: Path

    @property
    def made(self) -> Path:
        """Files that are made of the data."""
        return self.root / "made"


def missing(data: Data, folders: Folders) -> list[str]:
    """The files of a set of data that are not there."""
    return [name for name in data.files if not (folders.data / name).exists()]


def measure(table: Table, data: Data, folders: Folders, seeds: int) -> Found:
    """Make every model of every run, and evaluate them together. What is up to date is not made again."""
    rows, runs = table.rows_for(data), list(table.runs(data, seeds))
    typed: dict[str, None] = {}
    chosen: dict[str, list[Row]] = {row.name: [] for row in rows if row.tries}
    documents, examples = [], []
    for run in runs:
        for command in commands(table, run):
            typed[shown(command, run)] = None
            call(command, run, folders)
        for row in rows:
            if row.tries:
                typed[shown(choosing(table, row, run), run)] = None
                chosen[row.name].append(choose(table, row, run, folders))
        models = {row.name: (chosen[row.name][-1] if row.tries else row).model for row in rows}
        typed[shown(evaluation(table, run, {row.name: row.model for row in rows}), run)] = None
        document = json.loads(call(evaluation(table, run, models) + " --json", run, folders))
        documents.append(({name: model.format(seed=run.seed) for name, model in models.items()}, document))
        examples.append(_per_example(table, run, models, folders))
    return Found(
        values=_values(table, data, documents),
        minutes=_minutes(rows, runs, Times(folders.root)),
        budget=budgets(table, rows, runs[0], folders),
        chosen={name: [row.name for row in found] for name, found in chosen.items()},
        commands=list(typed),
        digests=dict(digests(data, folders.data)),
        origin=origin(),
        examples=averaged(examples),
    )


def commands(table: Table, run: Run) -> Iterator[str]:
    """What makes the models of a run, each command once."""
    rows = table.rows_for(run.data)
    yield from dict.fromkeys([run.data.prepare, *(command for row in rows for command in row.all_commands)])


def evaluation(table: Table, run: Run, models: dict[str, str]) -> str:
    """The command that compares the rows, whose models are named here."""
    listed = ",".join(dict.fromkeys(models.values()))
    return (
        f"evaluate --model {listed} --baseline-model {models[table.baseline]} "
        f"--metric {table.metrics_for(run.data)} --per-example --name {table.name}-{{seed}}"
    )


def choosing(table: Table, row: Row, run: Run) -> str:
    """The command that compares what a row is chosen from, on validation."""
    models = ",".join(tried.model for tried in row.tries)
    return (
        f"evaluate --split valid --model {models} --metric {table.chosen_by(run.data)} "
        f"--name {row.model}-valid-{{seed}}"
    )


def choose(table: Table, row: Row, run: Run, folders: Folders) -> Row:
    """The best on validation, the first of equals."""
    document = json.loads(call(choosing(table, row, run) + " --json", run, folders))
    metric = table.chosen_by(run.data)

    def on_validation(tried: Row) -> float:
        return float(document["models"][tried.model.format(seed=run.seed)]["metrics"][metric])

    return max(row.tries, key=on_validation)


def listed(listing: Listing, folders: Folders) -> tuple[str, list[str]]:
    """What a listing's command prints, and all commands that led to it."""
    run = next(listing.data.runs(1))
    workspace = folders.root / run.workspace
    prepare = [run.data.prepare] if run.data.prepare else []
    before = list(dict.fromkeys([*prepare, *(c for row in listing.rows for c in row.all_commands)]))
    for command in before:
        call(command, run, folders)
    words = shlex.split(listing.command.format(workspace=workspace, data=folders.data))
    print(f"[{run.workspace}] {shlex.join(words)}", file=sys.stderr, flush=True)
    start = [sys.executable, "-m", "awe_cli", "-w", str(workspace)] if words[0] == "awe" else [sys.executable]
    done = subprocess.run([*start, *words[1:]], stdout=subprocess.PIPE, text=True, check=True)
    shown_command = listing.command.format(workspace="WORKSPACE", data="DATA")
    return done.stdout, [*(shown(command, run) for command in before), shown_command]


def call(command: str, run: Run, folders: Folders) -> str:
    """Run a command of awe in this process; what it prints. Raises SystemExit where it fails: its message is above.

    A process of its own would take longer to start than most models take to train.
    """
    if run.data.make is not None and "{made}" in command:
        folders.made.mkdir(parents=True, exist_ok=True)
        run.data.make(folders.data, folders.made, run.seed if run.data.folds else 0)
    told = command.format(seed=run.seed, fold=run.seed, data=folders.data, made=folders.made)
    print(f"[{run.workspace}] awe {told}", file=sys.stderr, flush=True)
    said, printed = io.StringIO(), io.StringIO()
    with measured() as taken, redirect_stderr(said), redirect_stdout(printed):
        code = main(["-w", str(folders.root / run.workspace), *shlex.split(told)])
    sys.stderr.write(said.getvalue())
    if code:
        raise SystemExit(f"awe {told}: exit code {code}")
    if "up to date: " not in said.getvalue():
        Times(folders.root).note(run.workspace, _key(command, run), taken[0])
    return printed.getvalue()


def shown(command: str, run: Run) -> str:
    """The command as a reader would type it: seeds and folders by their names."""
    return "awe " + command.format(**_NAMES)


def budgets(table: Table, rows: Iterable[Row], run: Run, folders: Folders) -> dict[str, str]:
    """row → what was left to validation, in words; the rows that leave nothing are absent."""
    ws, found = Workspace(folders.root / run.workspace), {}
    for row in rows:
        if row.tries:
            settings = "; ".join(tried.name for tried in row.tries)
            found[row.name] = f"{len(row.tries)} settings by {table.chosen_by(run.data)}: {settings}"
            continue
        parts = [budget(command.format(seed=run.seed), ws) for command in row.commands]
        if any(parts):
            found[row.name] = "; ".join(part for part in parts if part)
    return found


def _key(command: str, run: Run) -> str:
    """The command without folders, which may be elsewhere the next time."""
    return command.format(**{**_NAMES, "seed": run.seed, "fold": run.seed})


def _per_example(table: Table, run: Run, models: dict[str, str], folders: Folders) -> dict[str, Any]:
    names = [model.format(seed=run.seed) for model in models.values()]
    prefix = f"{run.seed}:" if run.data.folds else ""
    found = per_example(Workspace(folders.root / run.workspace), f"{table.name}-{run.seed}", names, prefix)
    return dict(zip(models, found, strict=True))


def _values(
    table: Table, data: Data, documents: list[tuple[dict[str, str], dict[str, Any]]]
) -> dict[str, dict[str, list[float]]]:
    """row → measure → a number for each run, from (row → model, document) of each."""
    return {
        row.name: {
            metric: [
                document["models"][models[row.name]]["metrics"][metric] for models, document in documents
            ]
            for metric in table.metrics_for(data).split(",")
        }
        for row in table.rows_for(data)
    }


def _minutes(rows: Iterable[Row], runs: Iterable[Run], times: Times) -> dict[str, tuple[float, float]]:
    """row → minutes of the processor and by the clock, mean of the runs."""
    found = {}
    for row in rows:
        taken = [times.total(run.workspace, (_key(c, run) for c in row.all_commands)) for run in runs]
        known = [part for part in taken if isinstance(part, Taken)]
        if known and len(known) == len(taken):
            found[row.name] = (
                statistics.fmean(part.processor for part in known) / 60,
                statistics.fmean(part.wall for part in known) / 60,
            )
    return found
