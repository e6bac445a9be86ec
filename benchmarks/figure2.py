"""Validation precision against training time, for WARP, AUC and exact-rank SGD (WSABIE, Figure 2).

    python benchmarks/figure2.py -w WORKSPACE [--seconds 30] [--rates 0.003,0.01,0.03,0.1] [--threads 1]
                                 [--picture FILE.svg]

Prints a Markdown table, and draws its picture where a file for it is named. Each loss is trained with each rate, held
fixed as in the paper, for so many seconds of processor time; shown is the rate that was best on validation. Judging and
compiling are not counted. The workspace needs a dataset with a valid split; nothing is stored in it.
"""

from __future__ import annotations

import argparse
import datetime
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from machine import machine

from awe_cli.affinities.pointwise import Constant
from awe_cli.dataset.dataset import Dataset
from awe_cli.dataset.examples import Examples
from awe_cli.ranking.embedding import EmbeddingRanker
from awe_cli.training.config import TrainConfig, linear_plans
from awe_cli.training.joint import validator_for
from awe_cli.training.state import initial_state
from awe_cli.training.trainer import epochs
from awe_cli.workspace import Workspace

LOSSES = {"warp": "WARP", "auc": "AUC", "owpc": "exact-rank SGD (OWPC)"}
MOST_EPOCHS = 10_000
PARTS = 6  # rows of the table: the time, its half, its quarter, …


class Point(NamedTuple):
    """After so many seconds of training, so many epochs: precision@1 on validation."""

    seconds: float
    epochs: int
    precision: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-w", "--workspace", type=Path, default=Path("workspace"))
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rates", default="0.003,0.01,0.03,0.1")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--picture", type=Path)
    asked = parser.parse_args()
    rates = [float(rate) for rate in asked.rates.split(",")]
    stored = Workspace(asked.workspace).find("dataset")
    dataset = Dataset.open(stored.path, stored.settings)
    best = {}
    for loss in LOSSES:
        curves = {rate: curve(dataset, loss, rate, asked.seconds, asked.threads) for rate in rates}
        best[loss] = max(curves.items(), key=lambda entry: max((p.precision for p in entry[1]), default=-1))
    print(f"{machine()}, {datetime.date.today()}; threads: {asked.threads}; rates tried: {asked.rates}\n")
    names = [f"{LOSSES[loss]}, rate {rate:g}" for loss, (rate, _) in best.items()]
    if asked.picture:
        draw(
            asked.picture,
            dict(zip(names, (points for _, points in best.values()), strict=True)),
            asked.seconds,
        )
        print(f"![Validation precision@1 against seconds of training]({asked.picture.name})\n")
    print("| processor seconds | " + " | ".join(names) + " |\n|---|" + "---|" * len(names))
    for part in range(PARTS - 1, -1, -1):
        until = asked.seconds / 2**part
        print(f"| {until:.3g} | " + " | ".join(reached(points, until) for _, points in best.values()) + " |")


def curve(dataset: Dataset, loss: str, rate: float, seconds: float, threads: int) -> list[Point]:
    """One run: a point an epoch, as long as time is left."""
    told = {"loss": loss, "learning_rate": rate, "final_rate": 1.0, "epochs": MOST_EPOCHS}
    plan = replace(linear_plans(dataset, told)[0], final_rate=1.0)
    examples = dataset.training(("train",))
    judge = validator_for(dataset, ("train",), "precision@1", plan.seed, threads)
    if judge is None:
        raise SystemExit("the dataset has no valid split")
    compile_first(examples, dataset, plan, threads)
    state = initial_state(dataset.n_features, dataset.n_labels, plan)
    points, spent = list[Point](), 0.0
    passes = epochs(Constant(1.0), examples, state, plan, threads=threads)
    while spent < seconds:
        start = time.process_time()
        report = next(passes)
        spent += time.process_time() - start
        precision = judge(EmbeddingRanker(Constant(1.0), state.U, state.V))
        points.append(Point(spent, report.epoch, precision))
    return points


def compile_first(examples: Examples, dataset: Dataset, plan: TrainConfig, threads: int) -> None:
    """An epoch over a few examples, so that no run waits for the compiler."""
    state = initial_state(dataset.n_features, dataset.n_labels, plan)
    next(epochs(Constant(1.0), examples.slice(0, 64), state, plan, threads=threads))


def draw(file: Path, curves: dict[str, list[Point]], seconds: float) -> None:
    """The curves, time on a logarithmic axis: what differs, differs early."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "awe"  # the same picture for the same points
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
    for (name, points), style in zip(curves.items(), ("-", "--", ":"), strict=True):
        axes.plot([p.seconds for p in points], [p.precision for p in points], style, label=name, linewidth=2)
    axes.set(xlabel="processor seconds of training", ylabel="precision@1 on validation", xscale="log")
    axes.set_xlim(right=seconds)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", frameon=False)
    figure.savefig(file, metadata={"Date": None})


def reached(points: list[Point], until: float) -> str:
    """What the last epoch that was over by then gave."""
    over = [point for point in points if point.seconds <= until]
    return f"{over[-1].precision:.4f} (epoch {over[-1].epochs})" if over else "–"


if __name__ == "__main__":
    main()
