"""What learning U and V again with G fixed adds (AWE §3.3, step 3), and why it is so little.

    python benchmarks/retraining.py [--data FOLDER] [--only debian,wordnet,…] [--seeds 3] [--work FOLDER]

Of each set of data only training examples are used; a part of them is held out, drawn by the seed. The margin of
S = Ux·V_y, and k and λ of the k-NN affinity G, are chosen on a part of the others, as ever. Then everything is learned
on all that is not held out, without validation, S for all of its planned epochs: what is compared is the product G · S
with U and V as they are, and U and V learned for so many epochs more with G in the score. Nothing stops early, and no
epoch is chosen, so that neither is flattered. The control is S learned for as many epochs more without G, and then
multiplied with the same G. The measure is awe's own for the task.

*reached*: of how many positives some neighbour has the label, so that G > 0. *mass*: the part of Σ_y G(x, y) that the
positives of x have. Both for training examples, whose own labels are left out, and for those held out: where G of
training is better than it will ever be later, what is learned with it is of little use.
"""

from __future__ import annotations

import argparse
import datetime
import json
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from commands import awe
from machine import machine
from numpy.typing import NDArray

from awe_cli.affinities.table import Knn
from awe_cli.matrices.matrix import slice_rows
from awe_cli.models.store import load_result, load_state, open_dataset
from awe_cli.models.tables import open_built, training_table
from awe_cli.ranking.validation import Validator
from awe_cli.workspace import Workspace

FIT = ("train",)
EPOCHS = ("1", "4", "16")
CONTROL = "control: S learned on without G, three times the rate"


class Data(NamedTuple):
    """A file below the folder of data (of the repository, where it begins with sample_data), and how it is read."""

    file: str
    columns: tuple[str, ...]
    held_out: tuple[str, ...]
    metric: str


ANNOTATION = ("--test-fraction", "0.2")
SPARSE = ("--sparse", "indices:values", "--labels", "labels")
DATA = {
    "debian": Data(
        "sample_data/debian/interactions.parquet",
        ("--user", "package", "--item", "dependency"), ("--holdout", "2"), "ndcg@20",
    ),
    "lastfm": Data(
        "lastfm/user_artists.parquet", ("--user", "user", "--item", "artist"), ("--holdout", "5"), "ndcg@20"
    ),
    "wordnet": Data(
        "sample_data/wordnet/examples.parquet", ("--text", "text", "--labels", "labels"), ANNOTATION, "ndcg@5"
    ),
    "corel5k": Data("corel5k/examples.parquet", SPARSE, ANNOTATION, "ndcg@5"),
    "imclef07a": Data(
        "imclef07a/examples.parquet", ("--features", "features", "--labels", "labels"), ANNOTATION, "ndcg@5"
    ),
    "generated": Data(
        "generated.parquet", ("--features", "features", "--labels", "labels"), ANNOTATION, "ndcg@5"
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Variant:
    """One way of learning again: options of `retrain`, and of the G that it uses."""

    name: str
    retrain: tuple[str, ...] = ()
    built: str = "knn"
    margin: float = 1.0  # times that of the model
    rate: float = 1.0  # times that of `retrain`


VARIANTS = [
    Variant("as `retrain` does"),
    Variant("three times the rate", rate=3.0),
    Variant("from random numbers, three times the rate", ("--cold",), rate=3.0),
    Variant("margin × 1/4", margin=0.25),
    Variant("margin × 4", margin=4.0),
    Variant("floor 1: S where G = 0", ("--floor", "1")),
    Variant("G cross-fitted, 5 folds", built="folds"),
]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", type=Path, help="folder of research data; sample and generated data without"
    )
    parser.add_argument("--only", default=",".join(DATA))
    parser.add_argument("--dims", default="8,64")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--work", type=Path, default=Path("retraining-workspace"))
    asked = parser.parse_args()
    print(f"{machine()}, {datetime.date.today()}; {asked.seeds} seeds\n")
    for name in asked.only.split(","):
        data = DATA[name]
        if asked.data is None and not data.file.startswith(("sample_data", "generated")):
            continue
        for dim in asked.dims.split(","):
            runs = [one_run(name, data, dim, seed, asked) for seed in range(asked.seeds)]
            print_table(name, data, dim, runs)


class Figures(NamedTuple):
    """Of one seed: the measure by model, and what G has of the positives of training and held-out examples."""

    measured: dict[str, float]
    training: tuple[float, float]
    folded: tuple[float, float]
    held_out: tuple[float, float]


def one_run(name: str, data: Data, dim: str, seed: int, asked: argparse.Namespace) -> Figures:
    """Choose on validation, learn on all that is not held out, and measure."""
    work = asked.work / f"{name}-{dim}-{seed}"
    work.mkdir(parents=True, exist_ok=True)
    rows = training_rows(data, seed, asked, work)
    told = ("--seed", str(seed))
    chosen = choose(rows, data, dim, told, work)
    ws = work / "all"
    awe(ws, "prepare", str(rows), *data.columns, *data.held_out, *told, "--valid-fraction", "0")
    linear = ("--margin", f"{chosen.margin:g}", "--epochs", str(chosen.epochs))
    awe(
        ws,
        "train",
        "--affinity",
        "constant",
        "--dim",
        dim,
        *told,
        *linear,
        "--fit-on",
        "train",
        "--name",
        "linear",
    )
    neighbors = ("--k", str(chosen.k), "--lambda", f"{chosen.lambda_:g}", "--space", "embedding")
    awe(ws, "build-knn", "--model", "linear", *neighbors, "--name", "knn")
    awe(ws, "build-knn", "--model", "linear", *neighbors, "--folds", "5", "--name", "folds")
    retrain = ("retrain", "--model", "linear", "--power", "1", "--fit-on", "train")
    awe(ws, *retrain, "--built", "knn", "--epochs", "0", "--name", "product")
    models = ["product", "linear"]
    for number, variant in enumerate(VARIANTS):
        margin = ("--margin", f"{variant.margin * chosen.margin:g}")
        rate = ("--learning-rate", f"{variant.rate * chosen.rate / 3:g}")
        for epochs in EPOCHS:
            models.append(f"again-{number}-{epochs}")
            awe(ws, *retrain, "--built", variant.built, *margin, *rate, *variant.retrain, "--epochs", epochs,
                "--name", models[-1])  # fmt: skip
    for epochs in EPOCHS:  # the control: S learned on alone, at three times the rate, in the place of S
        awe(ws, "train", "--affinity", "constant", "--start", "linear", "--dim", dim, *told, "--margin",
            f"{chosen.margin:g}", "--epochs", epochs, "--learning-rate", f"{chosen.rate:g}", "--fit-on", "train",
            "--name", f"longer-{epochs}")  # fmt: skip
    found = json.loads(awe(ws, "evaluate", "--model", ",".join(models), "--metric", data.metric, "--json"))
    measured = {model: found["models"][model]["metrics"][data.metric] for model in models}
    measured |= {f"control-{epochs}": product_with(ws, f"longer-{epochs}", data.metric) for epochs in EPOCHS}
    return Figures(measured, of_training(ws, "knn"), of_training(ws, "folds"), of_held_out(ws))


def training_rows(data: Data, seed: int, asked: argparse.Namespace, work: Path) -> Path:
    """A file of the training examples alone, or of generated ones."""
    path = work / "rows.parquet"
    if data.file == "generated.parquet":
        pq.write_table(generated(seed), path)
        return path
    folder = Path() if data.file.startswith("sample_data") else asked.data
    table = pq.read_table(folder / data.file)
    if "split" in table.column_names:
        split = np.array(table.column("split").to_pylist())
        table = table.filter(pa.array(split != "test")).drop_columns("split")
    pq.write_table(table, path)
    return path


def generated(seed: int, n: int = 6000, groups: int = 40, kinds: int = 25) -> pa.Table:
    """Examples whose group and kind both show in their features, with the label of each pair of group and kind.

    Neighbours tell the group, a strong part of the features; the kind is a weak part that S must learn. In few
    dimensions S cannot have both.
    """
    draws = np.random.default_rng(seed)
    group, kind = draws.integers(groups, size=n), draws.integers(kinds, size=n)
    of_group, of_kind = draws.normal(size=(groups, 48)), draws.normal(size=(kinds, 16))
    features = np.concatenate([of_group[group] + 0.3 * draws.normal(size=(n, 48)),
                               of_kind[kind] + 0.3 * draws.normal(size=(n, 16))], axis=1)  # fmt: skip
    labels = [[f"{g}-{k}"] for g, k in zip(group, kind, strict=True)]
    return pa.table({"features": pa.FixedSizeListArray.from_arrays(features.astype(np.float32).ravel(), 64),
                     "labels": labels})  # fmt: skip


class Chosen(NamedTuple):
    """What validation chose."""

    margin: float
    epochs: int
    k: int
    lambda_: float
    rate: float


def choose(rows: Path, data: Data, dim: str, told: tuple[str, ...], work: Path) -> Chosen:
    """The margin of S, its planned epochs and rate, and k and λ of G, on a part of the training examples."""
    ws = work / "choice"
    awe(ws, "prepare", str(rows), *data.columns, *data.held_out, *told)
    awe(ws, "train", "--affinity", "constant", "--dim", dim, *told, "--fit-on", "train", "--name", "linear")
    awe(ws, "build-knn", "--model", "linear", "--space", "embedding", "--name", "knn")
    found = Workspace(ws)
    result = load_result(found.find("model", "linear"))
    run = result["chosen"][result["stages"][-1]]
    neighbors = load_result(found.find("neighbors", "knn"))
    [lambda_] = neighbors["lambda"]["train"].values()
    return Chosen(
        run["plan"]["margin"], run["plan"]["epochs"], neighbors["k"], lambda_, run["plan"]["learning_rate"]
    )


def product_with(folder: Path, model: str, metric: str) -> float:
    """The measure of G · S with U and V of another model, where G is that of `linear`."""
    ws = Workspace(folder)
    dataset = open_dataset(ws.find("dataset"))
    built = open_built(ws, ws.find("neighbors", "knn"), dataset, FIT)
    ranker = built.ranker(load_state(ws.find("model", model), FIT, dataset), 1.0, 0.0)
    return Validator(dataset.held_out("test", FIT), metric, None)(ranker)


def of_training(folder: Path, built: str) -> tuple[float, float]:
    """How many of the training positives G reaches, and the mass they have, their own labels left out."""
    ws = Workspace(folder)
    dataset = open_dataset(ws.find("dataset"))
    examples = dataset.training(FIT)
    knn = training_table(ws.find("neighbors", built), examples, FIT, 1.0)
    reached, mass, n = 0, 0.0, 0
    for example in range(len(examples)):
        first, last = examples.positives.indptr[example : example + 2]
        for part in range(min(knn.queries_per_example, last - first)):
            G = row_of(knn, example * knn.queries_per_example + part, dataset.n_labels)
            wanted = G[examples.positives.indices[first + part : last : knn.queries_per_example]]
            reached, n = reached + int(np.count_nonzero(wanted)), n + len(wanted)
            mass += float(wanted.sum()) / max(float(G.sum()), 1e-9) * len(wanted)
    return reached / n, mass / n


def row_of(knn: Knn, query: int, n_labels: int) -> NDArray[np.float32]:
    """G(x, ·) of a training query."""
    G = np.zeros(n_labels, np.float32)
    for neighbor, weight in zip(knn.neighbors[query], knn.weights[query], strict=True):
        if neighbor >= 0:
            G[knn.labels[knn.indptr[neighbor] : knn.indptr[neighbor + 1]]] += weight
    return G


def of_held_out(folder: Path) -> tuple[float, float]:
    """The same of the held-out positives."""
    ws = Workspace(folder)
    dataset = open_dataset(ws.find("dataset"))
    built = open_built(ws, ws.find("neighbors", "knn"), dataset, FIT)
    reached, mass, n = 0, 0.0, 0
    examples = dataset.held_out("test", FIT)
    for row in range(len(examples)):
        [G] = built.table(slice_rows(examples.x, row, row + 1))
        wanted = G[examples.positives.indices[slice(*examples.positives.indptr[row : row + 2])]]
        reached, n = reached + int(np.count_nonzero(wanted)), n + len(wanted)
        mass += float(wanted.sum()) / max(float(G.sum()), 1e-9) * len(wanted)
    return reached / n, mass / n


def print_table(name: str, data: Data, dim: str, runs: list[Figures]) -> None:
    """The measure of S and G · S, and what each variant adds to the latter: means over the seeds, and deviations."""
    print(f"{name}, d = {dim}: {data.metric} of S {mean(runs, 'linear')}, of G · S {mean(runs, 'product')}\n")
    print("| beyond G · S, after epochs | " + " | ".join(EPOCHS) + " |\n|---|" + "---|" * len(EPOCHS))
    rows = {variant.name: f"again-{number}" for number, variant in enumerate(VARIANTS)}
    for row, model in (rows | {CONTROL: "control"}).items():
        cells = []
        for epochs in EPOCHS:
            gains = [run.measured[f"{model}-{epochs}"] - run.measured["product"] for run in runs]
            cells.append(f"{statistics.mean(gains):+.4f}" + deviation(gains))
        print(f"| {row} | " + " | ".join(cells) + " |")
    print("\n| G of | reached | mass |\n|---|---|---|")
    for what in ("training", "folded", "held_out"):
        reached, mass = np.mean([getattr(run, what) for run in runs], axis=0)
        print(f"| {what.replace('_', ' ')} | {reached:.3f} | {mass:.3f} |")
    print(flush=True)


def mean(runs: list[Figures], model: str) -> str:
    """The mean of a model over the seeds, and the deviation."""
    values = [run.measured[model] for run in runs]
    return f"{statistics.mean(values):.4f}{deviation(values)}"


def deviation(values: list[float]) -> str:
    """The deviation between the seeds, where there are several."""
    return f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""


if __name__ == "__main__":
    main()
