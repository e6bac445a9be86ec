"""What `awe recipe` prints, run on research data: python -m benchmarks.recipes DATA [--only delicious,…] [--seeds 5]

DATA is a folder with the files that docs/results.md names. Of each model the mean of each measure over seeds, or over
the folds of the queries of Cranfield, is printed with its deviation, and by how much the ensemble `best` is ahead of
`awe`: differences of the examples, averaged over the runs, with the paired bootstrap interval. Models that are up to
date are not made again.
"""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from awe_cli.workspace import Workspace
from benchmarks.commands import awe
from benchmarks.reproduce.contrast import averaged, contrast, in_words
from benchmarks.reproduce.data import COREL5K, CRANFIELD, DELICIOUS, IMCLEF07A
from benchmarks.reproduce.found import per_example
from benchmarks.reproduce.shape import Data, Run

MADE = Path("recipes-workspace")
METRICS = "precision@1,precision@3,precision@5,ndcg@5"
METRICS_OF_RETRIEVAL = "map,ndcg@10"
STEMS = replace(CRANFIELD, name="cranfield-stems", prepare=f"{CRANFIELD.prepare} --stem english")
ALL = {data.name: data for data in (CRANFIELD, STEMS, DELICIOUS, COREL5K, IMCLEF07A)}


def models_of(run: Run, folder: Path) -> list[str]:
    """Make the models of the chain for one seed or fold; their names."""
    workspace, seed = MADE / f"{run.data.name}-{run.seed}", str(run.seed)
    if run.data.make:
        run.data.make(folder, MADE, run.seed)
    awe(workspace, *shlex.split(run.data.prepare.format(data=folder, made=MADE, fold=seed)))
    steps = json.loads(awe(workspace, "recipe", "--json"))["steps"]
    for step in steps:
        command = step["command"][1:]
        drawn = command[0] == "train" and not run.data.folds  # folds differ by their queries
        awe(workspace, *command, *(("--seed", seed) if drawn else ()))
    return [Path(step["makes"]).stem for step in steps if step["makes"].startswith("models/")]


def lines(data: Data, folder: Path, seeds: int, split: str) -> Iterator[str]:
    """What is printed of one set of data."""
    metrics = (METRICS_OF_RETRIEVAL if data.folds else METRICS).split(",")
    documents, examples = [], []
    for run in data.runs(seeds):
        models, workspace, name = models_of(run, folder), MADE / f"{data.name}-{run.seed}", f"recipe-{split}"
        asked = ("--split", split, "--model", ",".join(models), "--metric", ",".join(metrics))
        told = awe(workspace, "evaluate", *asked, "--per-example", "--name", name, "--json")
        documents.append(json.loads(told)["models"])
        prefix = f"{run.seed}:" if data.folds else ""
        found = per_example(Workspace(workspace), name, models, prefix)
        examples.append(dict(zip(models, found, strict=True)))
    for model in documents[0]:
        values = np.array(
            [[document[model]["metrics"][metric] for metric in metrics] for document in documents]
        )
        deviations = values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros(len(metrics))
        figures = zip(metrics, values.mean(axis=0), deviations, strict=True)
        yield f"{model:16} " + "  ".join(f"{metric} {mean:.4f} ± {d:.4f}" for metric, mean, d in figures)
    both = averaged(examples)
    for place, metric in enumerate(metrics):
        yield f"best - awe       {metric} {in_words(contrast(both['best'][:, place], both['awe'][:, place]))}"


def main() -> None:
    """Print the figures of each set of data."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", default=",".join(ALL), help=f"among {', '.join(ALL)}")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--split", default="test", choices=("valid", "test"))
    told = parser.parse_args()
    MADE.mkdir(exist_ok=True)
    for name in told.only.split(","):
        print(f"\n{name}, {told.split}, {told.seeds} runs", flush=True)
        for line in lines(ALL[name], told.data, told.seeds, told.split):
            print(line, flush=True)


if __name__ == "__main__":
    main()
