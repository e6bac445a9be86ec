"""Cranfield by what `awe recipe` prints, with and without stems: python -m benchmarks.retrieval FOLDER [--split test]

FOLDER has cranfield/queries.parquet, documents.parquet and relevance.parquet (docs/results.md says what is in them).
Five folds of the queries, as in docs/results/cranfield.md; the mean of each measure over the folds is printed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.reproduce.data import cranfield_fold
from benchmarks.reproduce.shape import FOLDS

MADE = Path("retrieval-workspace")
METRICS = "map,ndcg@10"


def awe(workspace: Path, *arguments: str) -> str:
    """What a command prints."""
    command = [sys.executable, "-m", "awe_cli", "-w", str(workspace), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def measure(data: Path, stem: str, fold: int, split: str) -> dict[str, dict[str, float]]:
    """Model → metric → value of one fold."""
    workspace = MADE / f"{stem}-{fold}"
    queries, documents = MADE / f"cranfield-{fold}.parquet", data / "cranfield" / "documents.parquet"
    judged = MADE / "cranfield-relevance.parquet"
    files = ["--queries", str(queries), "--documents", str(documents), "--relevance", str(judged)]
    awe(workspace, "prepare", *files, "--split", "split", "--stem", stem, "--quiet")
    chain = json.loads(awe(workspace, "recipe", "--json"))
    for step in chain["steps"]:
        awe(workspace, *step["command"][1:], "--quiet")
    models = [Path(step["makes"]).stem for step in chain["steps"] if step["makes"].startswith("models/")]
    asked = ["--split", split, "--model", ",".join(models), "--metric", METRICS, "--json", "--quiet"]
    found = json.loads(awe(workspace, "evaluate", *asked))["models"]
    return {model: of_model["metrics"] for model, of_model in found.items()}


def main() -> None:
    """Print a table for each way to prepare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--split", default="test", choices=("valid", "test"))
    told = parser.parse_args()
    MADE.mkdir(exist_ok=True)
    for fold in range(FOLDS):
        cranfield_fold(told.data, MADE, fold)
    for stem in ("none", "english"):
        folds = [measure(told.data, stem, fold, told.split) for fold in range(FOLDS)]
        for model in folds[0]:
            of_folds = {name: [fold[model][name] for fold in folds] for name in METRICS.split(",")}
            means = "  ".join(
                f"{name} {np.mean(values):.4f} ± {np.std(values, ddof=1):.4f}"
                for name, values in of_folds.items()
            )
            print(f"{told.split}  --stem {stem:8} {model:10} {means}", flush=True)


if __name__ == "__main__":
    main()
