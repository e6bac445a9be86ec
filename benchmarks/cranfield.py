"""Cranfield by awe commands: five folds by query; tuned on each fold's own validation queries, tested once.

    python benchmarks/cranfield.py FOLDER [WORK]

FOLDER holds queries.parquet, documents.parquet and relevance.parquet. Fold f of a query is its number modulo 5. For
each fold, test is fold f, validation fold f + 1, and the rest is train. Every setting in CANDIDATES is a model; the one
of a row that ranks the validation queries best, by MAP, is tested. Figures are means over all queries, each tested in
one fold. Everything about validation is printed, too.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

FOLDS = 5
PLAIN = ["--metric", "map", "--threads", "1", "--margin", "0.1"]


# Row of the table → the settings of `awe train` that it chooses from.
OVERLAP = ["--affinity", "overlap", "--k1", "2", "--dim", "64", "--learning-rate", "0.01"]
CANDIDATES = {
    "SSI, free": [
        ["--affinity", "constant", "--dim", "64", "--learning-rate", rate] for rate in ("0.01", "0.03")
    ],
    "SSI, tied": [
        ["--affinity", "constant", "--tie", "--initial-scale", "1", "--dim", dim, "--learning-rate", "0.01"]
        for dim in ("64", "256")
    ],
    "identity + low rank, free": [
        [*OVERLAP, "--weights", weights, "--scale", scale]
        for weights, scale in (("tfidf", "3"), ("tfidf", "10"), ("bm25", "1"), ("bm25", "3"))
    ],
    "identity + low rank, tied": [
        [*OVERLAP, "--tie", "--weights", weights, "--scale", scale]
        for weights, scale in (("tfidf", "5"), ("bm25", "2"))
    ],
}
BASELINES = {"tf-idf cosine": "tfidf", "BM25": "bm25", "k-NN of queries": "input-knn"}
# Rows that add up models with weights chosen on validation; "best" is the identity + low rank that did best there.
BLENDS = {
    "identity + low rank + k-NN": ("best", "input-knn"),
    "identity + low rank + SSI + BM25 + k-NN": ("best", "SSI, tied", "bm25", "input-knn"),
}


def awe(work: Path, *arguments: str) -> str:
    """Run a command; what it prints."""
    command = [sys.executable, "-m", "awe_cli", "-w", str(work), *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)}\n{done.stderr}")
    return done.stdout


def judged(work: Path, models: list[str], split: str) -> dict[str, dict[str, float]]:
    """Model → MAP and NDCG@10 on a split."""
    told = ["--model", ",".join(models), "--split", split, "--metric", "map,ndcg", "--at", "10", "--json"]
    found = json.loads(awe(work, "evaluate", *told))
    return {name: {**entry["metrics"], "n": entry["n_examples"]} for name, entry in found["models"].items()}


def fold(source: Path, work: Path, number: int) -> dict[str, tuple[str, dict[str, float]]]:
    """Row → what validation chose, and its test."""
    work.mkdir(parents=True, exist_ok=True)
    queries = pq.read_table(source / "queries.parquet")
    place = [(int(query) - number) % FOLDS for query in queries["query"].to_pylist()]
    split = ["test" if p == 0 else "valid" if p == 1 else "train" for p in place]
    pq.write_table(queries.append_column("split", pa.array(split)), work / "queries.parquet")
    awe(
        work, "prepare", "--queries", str(work / "queries.parquet"), "--documents",
        str(source / "documents.parquet"), "--relevance", str(source / "relevance.parquet"), "--split", "split",
    )  # fmt: skip
    for method in BASELINES.values():
        awe(work, "train-baseline", method, *([] if method == "tfidf" else ["--metric", "map"]))
    chosen = dict(BASELINES)
    for row, candidates in CANDIDATES.items():
        names = []
        for n, settings in enumerate(candidates):
            names.append(f"{row.replace(' ', '').replace(',', '-').replace('+', '-')}-{n}")
            awe(work, "train", *settings, *PLAIN, "--name", names[-1])
        found = judged(work, names, "valid")
        chosen[row] = max(names, key=lambda name: found[name]["map"])
        for name, settings in zip(names, candidates, strict=True):
            print(f"fold {number} valid map {found[name]['map']:.4f} {' '.join(settings)}", flush=True)
    found = judged(work, [chosen[row] for row in CANDIDATES if row.startswith("identity")], "valid")
    best = max(found, key=lambda name: found[name]["map"])
    for row, models in BLENDS.items():
        name = f"blend-{len(models)}"
        told = ",".join(best if model == "best" else chosen.get(model, model) for model in models)
        awe(work, "ensemble", "--model", told, "--metric", "map", "--name", name)
        chosen[row] = name
    found = judged(work, list(chosen.values()), "valid")
    for row, name in chosen.items():
        print(f"fold {number} valid map {found[name]['map']:.4f} {row} ({name})", flush=True)
    tested = judged(work, list(chosen.values()), "test")
    return {row: (name, tested[name]) for row, name in chosen.items()}


def main() -> None:
    """Every fold, then the table."""
    source, work = Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else "cranfield-folds")
    folds = [fold(source, work / str(number), number) for number in range(FOLDS)]
    print(f"{'':52} map     ndcg@10  map of each fold")
    for row in folds[0]:
        tested = [found[row][1] for found in folds]
        n = sum(entry["n"] for entry in tested)
        whole = [sum(entry[name] * entry["n"] for entry in tested) / n for name in ("map", "ndcg@10")]
        each = " ".join(f"{entry['map']:.3f}" for entry in tested)
        print(f"{row:52} {whole[0]:.4f}  {whole[1]:.4f}   {each}")


if __name__ == "__main__":
    main()
