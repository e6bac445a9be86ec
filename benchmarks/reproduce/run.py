"""Running the commands of a table, and collecting what `awe evaluate --json` says."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.reproduce.shape import Data, Listing, Run, Table


@dataclass
class Folders:
    """Where things are: research data, what is made of it, and workspaces."""

    data: Path
    root: Path

    @property
    def made(self) -> Path:
        """Files that are made of the data."""
        return self.root / "made"


@dataclass
class Found:
    """What one set of data gave: a document of `awe evaluate --json` for each run, and the commands."""

    data: Data
    documents: list[dict[str, Any]] = field(default_factory=list)
    commands: dict[str, None] = field(default_factory=dict)  # in order, each once


def missing(data: Data, folders: Folders) -> list[str]:
    """The files of a set of data that are not there."""
    return [name for name in data.files if not (folders.data / name).exists()]


def measure(table: Table, data: Data, folders: Folders, seeds: int) -> Found:
    """Make every model of every run, and evaluate them together. What is up to date is not made again."""
    found = Found(data)
    for run in data.runs(seeds):
        workspace = folders.root / run.workspace
        for command in commands(table, run):
            found.commands[shown(command, run)] = None
            call(command, run, folders, workspace)
        evaluate = evaluation(table, run)
        found.commands[shown(evaluate, run)] = None
        found.documents.append(json.loads(call(evaluate + " --json", run, folders, workspace)))
    return found


def listed(listing: Listing, folders: Folders) -> tuple[str, list[str]]:
    """What a listing's command prints, and all commands that led to it."""
    run = next(listing.data.runs(1))
    workspace = folders.root / run.workspace
    before = list(dict.fromkeys([run.data.prepare, *(c for row in listing.rows for c in row.commands)]))
    for command in before:
        call(command, run, folders, workspace)
    words = shlex.split(listing.command.format(workspace=workspace))
    print(f"[{run.workspace}] {shlex.join(words)}", file=sys.stderr, flush=True)
    start = [sys.executable, "-m", "awe_cli", "-w", str(workspace)] if words[0] == "awe" else [sys.executable]
    done = subprocess.run([*start, *words[1:]], stdout=subprocess.PIPE, text=True, check=True)
    shown_command = listing.command.format(workspace="WORKSPACE")
    return done.stdout, [*(shown(command, run) for command in before), shown_command]


def commands(table: Table, run: Run) -> Iterator[str]:
    """What makes the models of a run, each command once."""
    rows = table.rows_for(run.data)
    yield from dict.fromkeys([run.data.prepare, *(command for row in rows for command in row.commands)])


def evaluation(table: Table, run: Run) -> str:
    """The command that compares them."""
    rows = table.rows_for(run.data)
    baseline = next(row.model for row in rows if row.name == table.baseline)
    models = ",".join(row.model for row in rows)
    return (
        f"evaluate --model {models} --baseline-model {baseline} --metric {table.metrics_for(run.data)} "
        f"--name {table.name}-{{seed}}"
    )


def call(command: str, run: Run, folders: Folders, workspace: Path) -> str:
    """Run one command of awe; what it prints. Raises SystemExit with its message where it fails."""
    if run.data.make is not None and "{made}" in command:
        folders.made.mkdir(parents=True, exist_ok=True)
        run.data.make(folders.data, folders.made, run.seed if run.data.folds else 0)
    told = command.format(seed=run.seed, fold=run.seed, data=folders.data, made=folders.made)
    print(f"[{run.workspace}] awe {told}", file=sys.stderr, flush=True)
    words = [sys.executable, "-m", "awe_cli", "-w", str(workspace), *shlex.split(told)]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"awe {told}: exit code {done.returncode}")
    return done.stdout


def shown(command: str, run: Run) -> str:
    """The command as a reader would type it: seeds and folders by their names."""
    names = {"seed": "SEED", "fold": "FOLD", "data": "DATA", "made": "MADE"}
    return "awe " + command.format(**names)
