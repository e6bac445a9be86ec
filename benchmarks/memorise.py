"""What an embedding of dimension d cannot memorise, and an affinity can: every pair of labels answers some query.

    python benchmarks/memorise.py [WORK]

Of n labels each of the n(n − 1)/2 pairs is the answer of one query, a feature of its own: all that can be done is to
learn it by heart. A linear model has to find, for each pair, a direction in which these two labels lie before all
others, which low dimensions do not have. The queries are asked again as they were learned; recall@2 is the share
of the answers that come first and second. pair-weights adds a weight for
each query and label that occur together, which starts at 0.01 and is learned; knn
is G of the k-NN affinity alone, the labels of the nearest queries in the same embedding.
"""

from __future__ import annotations

import itertools
import json
import sys
import tempfile
from pathlib import Path

from commands import awe

LABELS = (8, 16, 32)
DIMENSIONS = (2, 4, 8)
TRAIN = ["--epochs", "200", "--block-size", "4", "--margin", "0.1", "--threads", "1"]
PAIRS = ["--affinity", "pair-weights", "--pair-form", "add", "--learn-pairs"]


def prepare(work: Path, n: int) -> None:
    """Every query once to learn, and once to be asked."""
    pairs = list(itertools.combinations(range(n), 2))
    rows = [
        {
            "id": f"{split} {q}",
            "split": split,
            "names": [f"q{q}"],
            "values": [1.0],
            "labels": [f"y{a}", f"y{b}"],
        }
        for split in ("train", "test")
        for q, (a, b) in enumerate(pairs)
    ]
    work.mkdir(parents=True, exist_ok=True)
    file = work / "queries.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    known = [f"q{q},y{y},0.01" for q, pair in enumerate(pairs) for y in pair]
    (work / "pairs.csv").write_text("\n".join(["feature,label,weight", *known]) + "\n")
    awe(
        work, "prepare", str(file), "--sparse", "names:values", "--labels", "labels", "--id", "id", "--split",
        "split", "--valid-fraction", "0", "--no-bias",
    )  # fmt: skip


def recalls(work: Path, dim: int) -> list[float]:
    """recall@2 of constant, pair-weights and knn."""
    awe(work, "train", "--affinity", "constant", "--dim", str(dim), *TRAIN, "--name", "constant")
    awe(
        work,
        "train",
        *PAIRS,
        "--pairs",
        str(work / "pairs.csv"),
        "--start",
        "scratch",
        "--dim",
        str(dim),
        *TRAIN,
        "--name",
        "pairs",
    )
    awe(work, "build-knn", "--model", "constant", "--k", "2", "--lambda", "100")
    awe(work, "train-baseline", "knn", "--neighbors", "constant")
    told = ["--model", "constant,pairs,knn", "--metric", "recall", "--at", "2", "--json"]
    found = json.loads(awe(work, "evaluate", *told))["models"]
    return [found[name]["metrics"]["recall@2"] for name in ("constant", "pairs", "knn")]


def main() -> None:
    """One line for each number of labels and dimension."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(sys.argv[1] if len(sys.argv) > 1 else folder)
        print("labels  queries    d  constant  pair-weights   knn")
        for n in LABELS:
            prepare(root / str(n), n)
            for dim in DIMENSIONS:
                linear, pairs, knn = recalls(root / str(n), dim)
                print(
                    f"{n:6} {n * (n - 1) // 2:8} {dim:4} {linear:9.3f} {pairs:13.3f} {knn:5.3f}", flush=True
                )


if __name__ == "__main__":
    main()
