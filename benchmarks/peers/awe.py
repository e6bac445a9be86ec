"""awe's own rows: its defaults, and the chain of `awe recipe`, each command a process that is measured."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from awe_cli.steps.recipe import recipe
from awe_cli.workspace import Workspace
from benchmarks.peers.catalog import LISTED
from benchmarks.peers.cost import NOTHING, Cost, run
from benchmarks.peers.interchange import Question, judge, lists_of_awe
from benchmarks.peers.tuning import Outcome, median

DEFAULTS = (
    "train --affinity constant --name wsabie",
    "build-knn --model wsabie",
    "retrain --model wsabie --affinity knn --name awe",
)
DEFAULT, RECIPE = "awe, defaults", "awe recipe"
TITLES = {DEFAULT: "awe", RECIPE: "best"}  # and the model that each ends in
_COSTS = "costs.json"
_MINUTES = 120.0  # that one command may take


@dataclass(frozen=True)
class Chain:
    """The commands of a row, without the first word, and the model they end in."""

    commands: tuple[str, ...]
    model: str


def chains(ws: Workspace) -> dict[str, Chain]:
    """title → chain, for what is prepared in a workspace."""
    told = recipe(ws)
    steps = tuple(shlex.join(step.arguments) for step in told.steps)
    return {DEFAULT: Chain(DEFAULTS, TITLES[DEFAULT]), RECIPE: Chain(steps, TITLES[RECIPE])}


def compare(
    prepare: str, root: Path, question: Question, measures: tuple[str, ...], seeds: int
) -> dict[str, Outcome]:
    """title → what awe's rows give on test, each seed in a workspace of its own; what is made is not made again."""
    found: dict[str, list[tuple[np.ndarray, Cost]]] = {}
    words: dict[str, Chain] = {}
    for seed in range(seeds):
        ws = root / f"awe-{seed}"
        call(prepare, ws, seed)
        words = chains(Workspace(ws))
        for title, chain in words.items():
            cost = NOTHING
            for command in chain.commands:
                cost = cost.and_then(call(command, ws, seed))
            lists = ws / f"{chain.model}.parquet"
            cost = cost.and_then(
                call(
                    f"predict --model {chain.model} --split test --top-k {LISTED} --output {lists}", ws, seed
                )
            )
            of_examples = judge(lists_of_awe(lists, question, LISTED), question, measures)
            found.setdefault(title, []).append((of_examples, cost))
    outcomes = {}
    for title, runs in found.items():
        examples = np.stack([one for one, _ in runs])
        outcomes[title] = Outcome(
            np.nanmean(examples, axis=1), examples.mean(axis=0), "; ".join(words[title].commands), "",
            None, median([cost for _, cost in runs]),
        )  # fmt: skip
    return outcomes


def call(command: str, ws: Path, seed: int) -> Cost:
    """Run a command of awe once, and know what it cost then."""
    file = ws / _COSTS
    known: dict[str, list[float]] = json.loads(file.read_text()) if file.exists() else {}
    if command not in known:
        print(f"[{ws}] awe {command}", file=sys.stderr, flush=True)
        settings = {"AWE_TRAIN_SEED": str(seed), "AWE_RETRAIN_SEED": str(seed)}
        cost = run([sys.executable, "-m", "awe_cli", "-w", ws, *shlex.split(command)], _MINUTES, settings)
        known[command] = list(cost)
        ws.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(known, indent=1))
    return Cost(*known[command])
